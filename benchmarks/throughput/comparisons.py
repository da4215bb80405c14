"""Every comparison of a results file in one table: both peers, the limit, the goal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.throughput.options import Row
from benchmarks.throughput.tables import written
from jaxtsad.reporting.tables.formats import piped

BEST = "the best PyTorch"
BATCHED = "the PyTorch batched"
"""The best of latent search where no other way was tried."""
NAMES = {"search": "latent_search", "dplan": "dplan"}
"""Detectors whose suite does not name them in its cases."""
GOALS = (
    ("anomaly_transformer, batch 32, window 100, channels 25, width 512", 1.2, 1.3),
    ("bfloat16, anomaly_transformer", 1.15, 1.25),
    ("lstm_vae, batch 32, window 10, channels 25, hidden 128, 1 member", 2.0, 2.0),
    ("lstm_vae, batch 32, window 10, channels 25, hidden 128, 28 members", 3.0, 3.0),
    ("ganomaly", 1.3, 1.3),
    ("images, ganomaly", 1.3, 1.3),
    ("deep_clustering", 1.3, 1.3),
    ("images, deep_clustering", 1.3, 1.3),
    ("latent_search", 1.3, 1.3),
    ("dplan", 10.0, 10.0),
)
"""How a case begins; ratios to the best PyTorch asked of training and scoring."""
HEADS = (
    "suite",
    "case",
    "part",
    "jaxtsad/s",
    "best PyTorch/s",
    "ratio",
    "goal",
    "limit/s",
    "of limit",
    "published steps/s",
    "ratio to these",
)


def table(rows: Sequence[Row]) -> str:
    """A line per case: the library's rate, the best PyTorch's and the published steps'.

    The library's rate, the ratio and the limit, which is the rate at which its matrix
    products alone would take all the time, are of the comparison with the best PyTorch,
    where there is one; the last ratio is of its own comparison.

    Args:
        rows: Of a results file.

    Returns:
        Markdown; empty where nothing was compared.
    """
    lines: dict[tuple[str, str, str], dict[bool, Row]] = {}
    for row in rows:
        _, against, peer = row["case"].partition("against ")
        if against and "ratio" in row:
            sides = lines.setdefault(_place(row), {})
            if peer.startswith(BATCHED):
                sides.setdefault(True, row)
            else:
                sides[peer.startswith(BEST)] = row
    cells = [[*place, *_line(*place[1:], sides)] for place, sides in lines.items()]
    if not cells:
        return ""
    return f"## Against PyTorch\n\n{piped(list(HEADS), cells, len(HEADS) - 3)}\n"


def goal(case: str, part: str) -> float | None:
    """The ratio to the best PyTorch that is asked of a case, if any is."""
    for beginning, training, scoring in GOALS:
        if case.startswith(beginning):
            return training if part == "training" else scoring
    return None


def _place(row: Row) -> tuple[str, str, str]:
    """Suite, what was compared, and `training` or `scoring` if it is one of them."""
    words = row["case"].partition("against ")[0].rstrip(", ")
    case, _, part = words.rpartition(", ")
    if part not in ("training", "scoring"):
        case, part = words, ""
    name = NAMES.get(row["suite"])
    return row["suite"], f"{name}, {case}" if name else case, part


def _line(case: str, part: str, sides: dict[bool, Row]) -> list[str]:
    """The cells after the place; `sides` by whether the peer is the best one."""
    best, published = sides.get(True, {}), sides.get(False, {})
    ours, share = _rate(best or published, "jax"), best.get("of_ceiling")
    found = [ours, _rate(best, "torch"), best.get("ratio")]
    found += [goal(case, part) if best else None, ours / share if share else None]
    found += [share, _rate(published, "torch"), published.get("ratio")]
    return [written("", value) for value in found]


def _rate(row: Row, side: str) -> Any:
    keys = (f"{side}_{unit}_per_s" for unit in ("windows", "steps"))
    return next((row[key] for key in keys if key in row), None)
