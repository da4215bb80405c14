"""The tables of the ablation, as titles, heads and lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies.at_ablation import beside, published, scores
from benchmarks.studies.at_ablation.summary import (
    against,
    macro,
    ranged,
)
from benchmarks.studies.at_ablation.variants import VARIANTS
from benchmarks.studies.report import Table, number, titled
from jaxtsad.ops import aggregate


def everything(name: str, found: Mapping[str, Any]) -> list[Table]:
    """All tables of one data set."""
    made = [
        changes(found),
        by_score(found),
        by_threshold(found),
        by_fold(found),
        published.procedure(name, found),
        published.areas(name, found),
        convergence(found),
    ]
    return [one for one in made if one.lines]


def changes(found: Mapping[str, Any]) -> Table:
    """One change at a time, by the published score and by the error alone."""
    entities = found["data"]["entities"]
    reference = found["variants"].get("reference", {"rows": []})["rows"]
    words = {variant.name: variant.change for variant in VARIANTS}
    lines = []
    for name, own in found["variants"].items():
        rows = own["rows"]
        plain = macro(rows, "vus_pr", entities, score="reconstruction")
        cells = _row(rows, entities, "assdis")
        apart = ""
        if name != "reference" and reference:
            pair = (rows, reference, "vus_pr", entities, "assdis", "assdis")
            apart = ranged(against(*pair), signed=True)
        lines.append((name, words[name], *cells, number(plain.mean), apart))
    for name, own in _others(found).items():
        lines.append((name, "", *_row(own, entities, "own"), "", ""))
    return titled(
        "One change at a time",
        "Means over entities, seeds averaged first, 95 % bootstrap intervals over "
        "entities in brackets. The score is the published one, the error weighted by "
        "low discrepancy; the last columns are the VUS-PR of the error alone, and the "
        "paired difference of the weighted score's VUS-PR from the reference's. F1 is "
        "at the .99 quantile of held-out scores. PA-F1 means nothing without the "
        "random row. Widths that are parameters (`sigma_head`, `sigma_position`) start "
        "at a tenth of the window and hardly move in few steps, so their rows are "
        "nearly the same.",
        (
            "variant",
            "what differs",
            "AUC-ROC",
            "AUC-PR",
            "VUS-PR",
            "F1",
            "PA-F1",
            "VUS-PR of the error",
            "VUS-PR less the reference's",
        ),
        lines,
    )


def _row(rows: Sequence[Any], entities: Sequence[str], score: str) -> tuple[str, ...]:
    keys = ("auc_roc", "auc_pr", "vus_pr", "quantile/f1", "quantile/pa_f1")
    found = [macro(rows, key, entities, score=score) for key in keys]
    shown = [number(one.mean) for one in found]
    return (*shown[:2], ranged(found[2]), *shown[3:])


def _others(found: Mapping[str, Any]) -> dict[str, list[Any]]:
    own = {name: found["beside"][name]["rows"] for name in beside.NAMES}
    for name in ("random", "all_positive"):
        own[name] = [row for row in found["noise"] if row["variant"] == name]
    return own


def by_score(found: Mapping[str, Any]) -> Table:
    """VUS-PR of every score of every variant."""
    entities = found["data"]["entities"]
    lines = []
    for name, own in found["variants"].items():
        cells = [
            number(macro(own["rows"], "vus_pr", entities, score=score).mean)
            for score in scores.NAMES
        ]
        lines.append((name, *cells))
    lead = "Mean VUS-PR over entities. " + "; ".join(
        f"{name}: {words}" for name, words in scores.WORDS.items()
    )
    return titled("Every score", f"{lead}.", ("variant", *scores.NAMES), lines)


def by_threshold(found: Mapping[str, Any]) -> Table:
    """F1 of each score under each threshold, and what the best one would give."""
    entities = found["data"]["entities"]
    lines = []
    for name in ("reference", "modified", "untrained"):
        if name in found["variants"]:
            rows = found["variants"][name]["rows"]
            for score in scores.NAMES:
                lines.append((name, score, *_thresholds(rows, entities, score)))
    for name in beside.NAMES:
        rows = found["beside"][name]["rows"]
        lines.append((name, "own", *_thresholds(rows, entities, "own")))
    return titled(
        "Every threshold",
        "Mean F1 over entities, point-adjusted F1 behind the stroke. Quantile (.99) "
        "and POT are fitted on held-out scores; the dynamic threshold looks at the "
        "test scores; the oracle has seen the labels.",
        ("variant", "score", "quantile", "POT", "dynamic", "oracle"),
        lines,
    )


def _thresholds(
    rows: Sequence[Any], entities: Sequence[str], score: str
) -> tuple[str, ...]:
    cells = []
    for rule in ("quantile", "pot", "dynamic"):
        plain, adjusted = (
            macro(rows, f"{rule}/{key}", entities, score=score).mean
            for key in ("f1", "pa_f1")
        )
        cells.append(f"{number(plain)} / {number(adjusted)}")
    return (*cells, number(macro(rows, "oracle_f1", entities, score=score).mean))


def by_fold(found: Mapping[str, Any]) -> Table:
    """VUS-PR of the followed variants folded in all ways."""
    entities = found["data"]["entities"]
    lines = []
    for name in ("reference", "modified"):
        rows = found["variants"].get(name, {"rows": []})["rows"]
        for score in ("assdis", "reconstruction"):
            cells = [
                number(macro(rows, "vus_pr", entities, score=score, fold=how).mean)
                for how in aggregate.AGGREGATES
            ]
            if rows:
                lines.append((name, score, *cells))
    lead = "Mean VUS-PR over entities by how overlapping windows become steps."
    return titled(
        "Every fold", lead, ("variant", "score", *aggregate.AGGREGATES), lines
    )


def convergence(found: Mapping[str, Any]) -> Table:
    """Each score after each epoch: its area, and its likeness to the error."""
    lines = []
    for name in ("reference", "modified"):
        curves = found["variants"].get(name, {"curves": []})["curves"]
        epochs = sorted({one["epoch"] for one in curves})
        for score in scores.NAMES if epochs else ():
            cells = []
            for epoch in epochs:
                own = [
                    one
                    for one in curves
                    if one["epoch"] == epoch and one["score"] == score
                ]
                area, alike = (
                    sum(one[key] or 0.0 for one in own) / len(own)
                    for key in ("auc_pr", "rank_correlation")
                )
                cells.append(f"{number(area)} / {number(alike)}")
            lines.append((name, score, *cells))
    most = max((len(line) for line in lines), default=2)
    heads = ("variant", "score", *(f"epoch {n}" for n in range(1, most - 1)))
    lines = [(*line, *[""] * (most - len(line))) for line in lines]
    return titled(
        "Do the scores converge?",
        "AUC-PR end to end after each epoch, and behind the stroke the rank "
        "correlation of the score with the error alone; means over seeds.",
        heads,
        lines,
    )
