"""Figures that judge a score: curves beside trivial detectors, counts, shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxtsad.evaluation.metrics import chance, pa_k, point
from jaxtsad.reporting import curves, diagnostics, distributions, rows
from jaxtsad.reporting.diagnostics import Curve
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMPARED = 5
PERCENTS = tuple(float(percent) for percent in range(0, 101, 5))


def figures(run: Run, view: View) -> list[tuple[str, Figure]]:
    """Figures of one entity with what each shows.

    Without labels, or with one class only, there is the distribution alone. F1 under
    PA%K starts at point adjustment, so what random flags get stands beside it.

    Args:
        run: The run directory.
        view: The entity.
    """
    scored = view.scored
    histogram = distributions.histogram(
        scored.score,
        scored.label,
        threshold=view.threshold,
        calibration=scored.calibration if len(scored.calibration) else None,
    )
    drawn = [("distribution of the score by label", histogram)]
    if scored.label is None or not 0 < (scored.label > 0).mean() < 1:
        return drawn
    label = scored.label > 0
    lines = _lines(run, view.entity, label)
    judged = [
        (
            "precision-recall curve",
            diagnostics.precision_recall(lines[1], float(label.mean())),
        ),
        ("ROC curve", diagnostics.roc(lines[0])),
    ]
    if lines[2]:
        chance_ = chance.expected_pa_k_curve(label, float(view.flags.mean()), PERCENTS)
        adjusted = diagnostics.adjustment(lines[2], np.array(PERCENTS), chance_)
        judged.append(("F1 under PA%K", adjusted))
    sweep = distributions.by_threshold(label, scored.score, view.threshold)
    counts = point.confusion(label, view.flags)
    return [
        *judged,
        *drawn,
        ("precision, recall and F1 by threshold", sweep),
        ("confusion matrix", distributions.confusion(counts)),
    ]


def _lines(run: Run, entity: str, label: np.ndarray) -> tuple[list[Curve], ...]:
    """ROC, precision-recall and PA%K lines of the compared detectors."""
    lines: tuple[list[Curve], ...] = ([], [], [])
    for name in compared(run, entity):
        seed = run.seeds(entity, name)[0]
        scored = run.scored(entity, name, seed)
        if scored.label is None or not np.array_equal(scored.label > 0, label):
            continue
        row = rows.find(run.report["rows"], detector=name, entity=entity, seed=seed)
        points = [
            ("auc_roc", curves.roc(label, scored.score)),
            ("auc_pr", curves.precision_recall(label, scored.score)),
        ]
        limit = run.threshold(entity, name, seed)
        if limit is not None:
            f1 = pa_k.pa_k_curve(label, scored.score > limit, PERCENTS)
            points.append(("pa_k_auc", (np.array(PERCENTS), f1)))
        for line, (key, (x, y)) in zip(lines, points, strict=False):
            area = rows.number(row or {}, key)
            line.append(Curve(name, x, y, area, name == run.detector))
    return lines


def compared(run: Run, entity: str) -> list[str]:
    """The detectors that are drawn together: the run's own, random, a few others."""
    names = run.detectors(entity)
    first = [name for name in (run.detector, rows.RANDOM) if name in names]
    return (first + [name for name in names if name not in first])[:COMPARED]
