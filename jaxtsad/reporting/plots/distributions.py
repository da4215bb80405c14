"""Scores and flags by label: distribution, counts, and what a threshold would give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxtsad.evaluation.metrics import inputs, point, sweep
from jaxtsad.reporting.plots import axes as axes_
from jaxtsad.reporting.plots import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@svg.styled
def confusion(counts: point.Confusion) -> Figure:
    """Counts by label and flag, shaded by the share of their label."""
    figure, axes = axes_.panel(2)
    table = np.array([[counts.tp, counts.fn], [counts.fp, counts.tn]])
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    colors = (("found", "truth"), ("truth", "line"))
    names = (("hit", "missed"), ("false alarm", "passed"))
    for row in range(2):
        for column in range(2):
            cell = (column + 0.03, row + 0.03), 0.94, 0.94
            _cell(axes, cell, colors[row][column], share[row, column])
            text: dict[str, Any] = {"ha": "center", "va": "center"}
            x, y = column + 0.5, row + 0.5
            axes.text(x, y - 0.08, f"{table[row, column]:,}", fontsize=14, **text)
            note = f"{names[row][column]}  {share[row, column]:.1%}"
            axes.text(
                x, y + 0.16, note, color=svg.PALETTE["muted"], fontsize=7.5, **text
            )
    axes.set_xlim(0, 2)
    axes.set_ylim(2, 0)
    axes.set_xticks([0.5, 1.5], ["flagged", "not flagged"])
    axes.set_yticks([0.5, 1.5], ["anomalous", "normal"], rotation=90, va="center")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Confusion at the threshold")
    return figure


def _cell(
    axes: Axes,
    cell: tuple[tuple[float, float], float, float],
    color: str,
    share: float,
) -> None:
    from matplotlib.patches import Rectangle

    place, width, height = cell
    alpha = 0.05 + 0.35 * share
    face = svg.PALETTE[color]
    axes.add_patch(Rectangle(place, width, height, color=face, alpha=alpha, lw=0))


@svg.styled
def histogram(
    score: np.ndarray,
    label: np.ndarray | None,
    *,
    threshold: float | None = None,
    calibration: np.ndarray | None = None,
) -> Figure:
    """Distribution of the score by label, each class scaled to its own size.

    Args:
        score: `[T]`, higher is more anomalous.
        label: `[T]` 0/1, or None where unknown.
        threshold: Fitted threshold, or None.
        calibration: Scores the threshold was fitted on, or None.
    """
    figure, axes = axes_.panel(2)
    drawn = [("normal", "line", score if label is None else score[label == 0])]
    if label is not None:
        drawn.append(("anomalous", "truth", score[label > 0]))
    everything = np.concatenate(
        [score] if calibration is None else [score, calibration]
    )
    edges = _edges(everything)
    for name, color, values in drawn:
        if len(values):
            heights = np.histogram(values, edges)[0] / len(values)
            axes.stairs(
                heights,
                edges,
                color=svg.PALETTE[color],
                fill=True,
                alpha=0.45,
                label=name if label is not None else "all",
            )
    if calibration is not None and len(calibration):
        heights = np.histogram(calibration, edges)[0] / len(calibration)
        axes.stairs(
            heights, edges, color=svg.PALETTE["validation"], label="calibration"
        )
    if threshold is not None and np.isfinite(threshold):
        _threshold(axes, threshold)
    if edges[0] > 0 and axes_.log_suits(everything):
        axes_.log_scale(axes.xaxis)
    axes_.log_scale(axes.yaxis)
    axes.set(title="Score by label, share of each", xlabel="score")
    axes_.legend(figure, axes, columns=2)
    return figure


def _edges(values: np.ndarray, bins: int = 48) -> np.ndarray:
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    if low == high:
        return np.array([low - 0.5, low + 0.5])
    if axes_.log_suits(values):
        return np.geomspace(low, high, bins + 1)
    return np.linspace(low, high, bins + 1)


@svg.styled
def by_threshold(
    label: np.ndarray, score: np.ndarray, threshold: float | None
) -> Figure:
    """Precision, recall and F1 at every threshold, and the fitted threshold.

    The best F1 of this curve is the oracle's: it takes labels to find.

    Args:
        label: `[T]` 0/1 with both classes.
        score: `[T]`, higher is more anomalous.
        threshold: Fitted threshold, or None.
    """
    known, values = inputs.with_scores(label, score)
    counts = sweep.sweep(values, known, ~known)
    precision = counts.tp / (counts.tp + counts.fp)
    recall = counts.tp / counts.tp[-1]
    f1 = 2 * counts.tp / (counts.tp + counts.fp + counts.tp[-1])
    figure, axes = axes_.panel(2)
    place = np.searchsorted(-counts.values, -_grid(counts.values), side="right") - 1
    place = np.unique(np.append(np.clip(place, 0, None), int(f1.argmax())))
    for name, line, color, width in (
        ("precision", precision, "validation", 0.9),
        ("recall", recall, "truth", 0.9),
        ("F1", f1, "score", 1.7),
    ):
        style: dict[str, Any] = {"color": svg.PALETTE[color], "linewidth": width}
        axes.plot(counts.values[place], line[place], label=name, **style)
    if axes_.log_suits(values):
        axes_.log_scale(axes.xaxis)
    if threshold is not None and np.isfinite(threshold):
        _threshold(axes, threshold)
    axes.set_ylim(-0.02, 1.02)
    axes.grid(axis="y", color=svg.PALETTE["rule"], linewidth=0.5)
    axes.set(title="By threshold, seen with labels", xlabel="threshold")
    axes_.legend(figure, axes, columns=2)
    return figure


def _grid(values: np.ndarray, points: int = 240) -> np.ndarray:
    """Thresholds across the range and across the ranks, so no part is coarse."""
    across = np.linspace(values.min(), values.max(), points // 2)
    ranks = np.linspace(0, len(values) - 1, points // 2).astype(int)
    return np.concatenate([across, values[ranks]])


def _threshold(axes: Axes, threshold: float) -> None:
    axes.axvline(
        threshold,
        color=svg.PALETTE["threshold"],
        linewidth=1.1,
        linestyle=(0, (4, 3)),
        label="threshold",
    )
