"""Tables that set published figures beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.studies import published as others
from benchmarks.studies.at_ablation import beside, measures
from benchmarks.studies.at_ablation.summary import glued, ranged
from benchmarks.studies.published import PUBLISHED
from benchmarks.studies.report import Table, number, titled

SCORED = (
    ("assdis", "mean"),
    ("assdis_3", "mean"),
    ("sp_rows", "mean"),
    ("reconstruction", "mean"),
    ("assdis", "spread"),
    ("reconstruction", "spread"),
)
"""Score and fold of the rows in the table of areas."""
FOLDS = {"mean": "", "spread": ", a window's mean over its steps"}


def procedure(name: str, found: Mapping[str, Any]) -> Table:
    """The reference by the published procedure, noise beside it, published F1 below."""
    paper = found["paper"]
    lines = []
    for row in ("anomaly_transformer", "random", "all_positive"):
        own = paper["rows"].get(row, {})
        cells = [number(own.get(key)) for key in ("pa_f1", "f1", "auc_pr", "vus_pr")]
        lines.append((row, *cells))
    published = PUBLISHED.get(name.upper())
    for claim in published.claims if published else ():
        cells = [number(claim.pa_f1), number(claim.f1)]
        lines.append((f"{claim.source}, whole data set", *cells, "", ""))
    return titled(
        "By the published procedure",
        f"Flags {100 * paper['share']:g} % of training and test scores together, then "
        f"adjusts. It leaks: {'; '.join(paper['leaks'])}.",
        ("row", "PA-F1", "F1", "AUC-PR", "VUS-PR"),
        lines,
    )


def areas(name: str, found: Mapping[str, Any]) -> Table:
    """Areas of the entities end to end, beside what is reported of the whole set."""
    lines = []
    rate = found["data"]["labelled"]
    for variant in ("reference", "modified", "untrained"):
        rows = found["variants"].get(variant, {"rows": []})["rows"]
        kinds = {(row["score"], row["fold"]) for row in rows}
        for score, fold in SCORED:
            if (score, fold) in kinds:
                wanted = {"score": score, "fold": fold}
                pair = [glued(rows, key, **wanted) for key in measures.REDRAWN]
                lines.append((f"{variant}, {score}{FOLDS[fold]}", *map(ranged, pair)))
    for other in beside.NAMES:
        rows = found["beside"][other]["rows"]
        pair = [glued(rows, key, score="own") for key in measures.REDRAWN]
        lines.append((other, *map(ranged, pair)))
    for claim in others.REPAIRS.get(name, ()):
        lines.append((claim.source, number(claim.auc_roc), number(claim.auc_pr)))
    tuned = others.TSB_AD.get(name)
    note = ""
    if tuned is not None:
        note = (
            f" A tuned Anomaly Transformer has a mean VUS-PR of {number(tuned)} here "
            f"in TSB-AD-M; NPSR reports a best point-wise F1 of "
            f"{number(others.POINTWISE[name])}."
        )
    return titled(
        "End to end, beside published areas",
        "All entities' scores as one series, mean over seeds; 95 % intervals are over "
        f"entities, redrawn with replacement. Chance AUC-PR is {number(rate)} here; "
        "published figures are of the whole data set. The published repair gives every "
        f"step the mean of its window, as the rows so named do.{note}",
        ("row", "AUC-ROC", "AUC-PR"),
        lines,
    )
