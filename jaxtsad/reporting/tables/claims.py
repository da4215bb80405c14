"""What a run may claim against other detectors: in a sentence, and in full."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtsad.reporting import html
from jaxtsad.reporting.html import Number, Safe
from jaxtsad.reporting.tables import layout, rows

HEADLINE = "vus_pr"


def lines(report: Mapping[str, Any], main: str) -> list[str]:
    """The claims on the main metric in a sentence or two.

    Where the report claims nothing (too few entities for it), it lists the numbers of
    the main metric.

    Args:
        report: `report.json`, of which `verdicts` and `rows` are read.
        main: Name of the detector that the run is about.
    """
    verdicts = report.get("verdicts") or []
    sentences = [str(claim) for claim in verdicts if not isinstance(claim, Mapping)]
    records = [claim for claim in verdicts if isinstance(claim, Mapping)]
    headline = [claim for claim in records if claim.get("metric") == HEADLINE]
    if headline:
        sentences.append(_summary(headline, main))
    elif records:
        sentences += [
            str(claim["sentence"]) for claim in records if "sentence" in claim
        ]
    return sentences or _numbers(report["rows"], main)


def _summary(claims: list[Mapping[str, Any]], main: str) -> str:
    """One sentence that gathers the other detectors by what is claimed of them."""
    kinds: dict[str, list[str]] = {}
    for claim in claims:
        against = str(claim["against"])
        kind = str(claim["text"]).removesuffix(f" {against}")
        if kind == "not distinguishable":
            kind += " from"
        kinds.setdefault(kind, []).append(against)
    counts = [int((claim.get("difference") or {}).get("n", 0)) for claim in claims]
    over = f" over {max(counts)} entities" if max(counts) else ""
    parts = [f"{kind} {_listed(names)}" for kind, names in kinds.items()]
    return f"On {title(HEADLINE)}{over}, {main} is {'; '.join(parts)}."


def _listed(names: list[str]) -> str:
    """Names as a list in a sentence.

    Example:
        >>> _listed(["a"]), _listed(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])


def _numbers(report_rows: Sequence[rows.Row], main: str) -> list[str]:
    row = main_row(report_rows, main)
    value = rows.number(row or {}, HEADLINE)
    if row is None or math.isnan(value):
        return []
    others = {}
    for name in dict.fromkeys(str(each["detector"]) for each in report_rows):
        if name != main and rows.is_baseline(name, main):
            other = rows.number(main_row(report_rows, name) or {}, HEADLINE)
            if not math.isnan(other):
                others[name] = other
    parts = [f"{main} reaches {title(HEADLINE)} {value:.3f}"]
    if rows.RANDOM in others:
        parts.append(f"a random score {others.pop(rows.RANDOM):.3f}")
    if others:
        best = max(others, key=lambda name: others[name])
        parts.append(f"the best baseline ({best}) {others[best]:.3f}")
    return [_listed(parts) + "."]


def title(key: str) -> str:
    """A metric's name in the tables."""
    titles = {column.key: column.title for column in layout.COLUMNS}
    return titles.get(key, key)


def main_row(report_rows: Sequence[rows.Row], detector: str) -> rows.Row | None:
    """The row that stands for a detector: macro, pooled, or its only entity's."""
    chosen = [row for row in rows.to_read(report_rows) if row["detector"] == detector]
    for name in rows.SUMMARIES:
        row = rows.find(chosen, entity=name)
        if row is not None:
            return row
    return chosen[0] if chosen else None


def table(report: Mapping[str, Any]) -> Safe:
    """All claims with the intervals behind them; nothing where there are none."""
    lines = []
    for claim in report.get("verdicts") or []:
        if not isinstance(claim, Mapping) or "difference" not in claim:
            continue
        difference = claim["difference"]
        mean, low, high = (
            rows.number({"metrics": difference}, key) for key in ("mean", "low", "high")
        )
        lines.append(
            [
                title(str(claim["metric"])),
                str(claim["text"]),
                str(claim["against"]),
                Number(f"{mean:+.3f}"),
                Number(f"[{low:+.3f}, {high:+.3f}]"),
                Number(str(difference.get("n", ""))),
            ]
        )
    if not lines:
        return Safe("")
    heads = ["metric", "claim", "against", "difference", "95 % interval", "entities"]
    inner = html.table(heads, lines)
    return html.details(f"All {len(lines)} comparisons with other detectors", inner)
