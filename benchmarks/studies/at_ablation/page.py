"""The ablation's report: tables, pictures and every number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.studies import published
from benchmarks.studies.at_ablation import (
    beside,
    plots,
    scores,
    stages,
    summary,
    tables,
)
from benchmarks.studies.cache import Cache
from benchmarks.studies.published import SOURCES
from benchmarks.studies.report import Report, Section
from jaxtsad.evaluation import uncertainty
from jaxtsad.reporting import html as html_
from jaxtsad.reporting.html import Safe

TITLE = "The Anomaly Transformer, one change at a time"
Made = Mapping[str, Any]


def lead(made: Made) -> str:
    """What was run, in a paragraph."""
    preset = made["preset"]
    sizes = ", ".join(f"{key} {value:g}" for key, value in preset["sizes"].items())
    small = (
        f"the {preset['columns']} columns that vary most, some of the entities"
        if preset["columns"]
        else "all columns and entities"
    )
    return (
        f"Preset {made['name']}: {small}, windows of {preset['length']} steps, "
        f"{sizes}, {preset['epochs']} epochs, {len(made['seeds'])} seeds. One model "
        "over all entities of a data set; windows stay within an entity; early "
        "stopping and thresholds see held-out training data only."
    )


def facts(found: Made) -> str:
    """What a data set's tables are about."""
    data = found["data"]
    return (
        f"{len(data['entities'])} entities ({', '.join(data['entities'])}), "
        f"{len(data['columns'])} columns, {data['steps']:,} test steps, "
        f"{data['labelled']:.3f} of them labelled; training stride {data['stride']}."
    )


def verdict(name: str, found: Made) -> str:
    """In a sentence, whether the attention contributes anything."""
    rows = found["variants"].get("modified") or found["variants"].get("reference")
    if rows is None:
        return ""
    entities = found["data"]["entities"]
    pair = (rows["rows"], rows["rows"], "vus_pr", entities)
    one = summary.against(*pair, "assdis", "reconstruction")
    word = "less than" if one.mean < 0 else "more than"
    if one.n < uncertainty.FEWEST_PAIRS:
        said = f", over {one.n} entities, too few for a claim"
    elif one.low > 0 or one.high < 0:
        said = ""
    else:
        said = ", which the interval does not tell from none"
    return (
        f"{name}: weighting the error by the discrepancy gives a VUS-PR "
        f"{abs(one.mean):.3f} {word} the error alone{said} "
        f"({summary.ranged(one, signed=True)})."
    )


def report(made: Made, cache: Cache) -> Report:
    """All tables and pictures.

    Args:
        made: What `stages.run` gave by data set, and what was asked for.
        cache: Where the scores of followed variants are.
    """
    sections = []
    for name, found in made["sets"].items():
        texts = (facts(found), verdict(name.upper(), found))
        shown = _pictures(name, found, cache)
        made_of = tables.everything(name, found)
        sections.append(Section(name.upper(), texts, made_of, shown))
    rows = [
        {"dataset": name, "variant": variant, **_flat(row)}
        for name, found in made["sets"].items()
        for variant, own in found["variants"].items()
        for row in own["rows"]
    ]
    return Report(TITLE, (lead(made), SOURCES), sections, (), rows, made, shown=1)


def _flat(row: Made) -> dict[str, Any]:
    rest = {k: v for k, v in row.items() if k not in ("metrics", "intervals")}
    return rest | dict(row["metrics"])


def _pictures(name: str, found: Made, cache: Cache) -> list[Safe]:
    entities = found["data"]["entities"]
    rows: dict[str, Any] = {}
    for variant, own in found["variants"].items():
        rows[variant] = {
            score: summary.macro(own["rows"], "vus_pr", entities, score=score)
            for score in ("assdis", "reconstruction")
        }
    for other in beside.NAMES:
        own = found["beside"][other]["rows"]
        one = summary.macro(own, "vus_pr", entities, score="own")
        rows[other] = {"assdis": one}
    drawn = [("VUS-PR by variant", plots.intervals(rows))]
    for variant, own in found["variants"].items():
        if own["curves"]:
            drawn.append((f"{variant}: scores", plots.curves(own["curves"], variant)))
            drawn.append((f"{variant}: losses", plots.losses(own["history"], variant)))
    gaps = _gaps(name, found, cache)
    if gaps:
        first = np.concatenate([[0], np.cumsum(found["lengths"])[:-1]]).tolist()
        bounds = list(zip(entities, first, found["starts"], strict=True))
        marked = published.DIVERGENCE if name == "msl" else None
        drawn.append(("Scores apart", plots.divergence(gaps, bounds, marked)))
    return [
        html_.figure(figure, label, f"{name}{n}", wide=True)
        for n, (label, figure) in enumerate(drawn)
    ]


def _gaps(name: str, found: Made, cache: Cache) -> dict[str, np.ndarray]:
    gaps = {}
    for variant in found["variants"]:
        along = stages.along(cache, name, variant)
        if along is not None and along.shape[1] == len(scores.NAMES):
            for other in ("sp_rows", "sp_cols"):
                words = f"{variant}, assdis and {other}"
                gaps[words] = plots.gap(along, "assdis", other)
    return gaps
