"""Curves of how well a score separates the labels, with those of baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxtsad.evaluation.metrics import inputs, sweep
from jaxtsad.reporting.plots import axes as axes_
from jaxtsad.reporting.plots import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = ("score", "found", "validation", "truth", "line")
_DASHES = ((0, ()), (0, (4, 2)), (0, (1, 1.5)), (0, (4, 2, 1, 2)), (0, (7, 2)))


class Curve(NamedTuple):
    """One detector's line in a plot.

    Attributes:
        name: Name of the detector.
        x: `[P]` abscissae.
        y: `[P]` ordinates.
        area: The number shown beside the name; nan shows none.
        main: Whether the run is about this detector rather than a baseline.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    area: float
    main: bool


def roc_points(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of the ROC curve, one per distinct score.

    Args:
        labels: `[T]` 0/1 with both classes.
        scores: `[T]`, higher is more anomalous.

    Returns:
        False and true positive rate, both from 0 to 1.

    Example:
        >>> rates = roc_points(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        >>> [rate.tolist() for rate in rates]
        [[0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0]]
    """
    counts = _sweep(labels, scores)
    origin = np.zeros(1)
    return (
        np.concatenate([origin, counts.fp / counts.fp[-1]]),
        np.concatenate([origin, counts.tp / counts.tp[-1]]),
    )


def precision_recall_points(
    labels: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points of the precision-recall curve, one per distinct score.

    Args:
        labels: `[T]` 0/1 with both classes.
        scores: `[T]`, higher is more anomalous.

    Returns:
        Recall, increasing, and the precision that holds up to it from the point before.

    Example:
        >>> points = precision_recall_points(np.array([0, 0, 1, 1]), np.arange(4.0))
        >>> [point.round(2).tolist() for point in points]
        [[0.0, 0.5, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.67, 0.5]]
    """
    counts = _sweep(labels, scores)
    precision = counts.tp / (counts.tp + counts.fp)
    return (
        np.concatenate([np.zeros(1), counts.tp / counts.tp[-1]]),
        np.concatenate([precision[:1], precision]),
    )


def _sweep(labels: np.ndarray, scores: np.ndarray) -> sweep.Sweep:
    known, values = inputs.with_scores(labels, scores)
    return sweep.sweep(values, known, ~known)


def _thin(line: Curve, cells: int = 300) -> Curve:
    """Drops points in the unit square that share one of its cells with the last.

    Example:
        >>> even = np.linspace(0, 1, 10_001)
        >>> thinned = _thin(Curve("a", even, even, 0.5, True), 100)
        >>> len(thinned.x) <= 102, thinned.x[0], thinned.x[-1]
        (True, np.float64(0.0), np.float64(1.0))
    """
    cell = np.round(line.x * cells) * (2 * cells) + np.round(line.y * cells)
    keep = np.append(True, np.diff(cell) != 0)
    keep[-1] = True
    return line._replace(x=line.x[keep], y=line.y[keep])


@svg.styled
def roc(lines: Sequence[Curve]) -> Figure:
    """ROC curves with the diagonal that a random score follows.

    Args:
        lines: False against true positive rate, with AUC-ROC as the area.
    """
    chance = Curve("chance", np.array([0, 1]), np.array([0, 1]), 0.5, False)
    figure, axes = _chart([_thin(line) for line in lines], chance)
    axes.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
    return figure


@svg.styled
def precision_recall(lines: Sequence[Curve], prevalence: float) -> Figure:
    """Precision against recall, with the share of anomalous steps as chance level.

    Args:
        lines: Recall against precision, with AUC-PR as the area.
        prevalence: Share of anomalous steps: the precision of a random score.
    """
    level = np.full(2, prevalence)
    chance = Curve("chance", np.array([-0.02, 1.02]), level, prevalence, False)
    figure, axes = _chart([_thin(line) for line in lines], chance, steps=True)
    axes.set(title="Precision-recall", xlabel="recall", ylabel="precision")
    return figure


@svg.styled
def pa_k(lines: Sequence[Curve], percents: np.ndarray, random_f1: np.ndarray) -> Figure:
    """F1 after PA%K at the fitted threshold: from point adjustment to plain F1.

    Args:
        lines: K in percent against F1; the area is the mean over K.
        percents: `[K]` values of K in percent.
        random_f1: `[K]` F1 of random flags, as many as the run's detector set.
    """
    area = float(np.trapezoid(random_f1, percents / 100))
    chance = Curve("random flags", percents, random_f1, area, False)
    figure, axes = _chart(lines, chance)
    axes.set(title="F1 under PA%K", xlabel="K: 0 adjusted, 100 plain", ylabel="F1")
    axes.set_xlim(-5, 105)
    axes.set_xticks([0, 20, 40, 60, 80, 100])
    return figure


def _chart(
    lines: Sequence[Curve], chance: Curve, steps: bool = False
) -> tuple[Figure, Axes]:
    """Lines of the main detectors in color, those of baselines in gray."""
    figure, axes = axes_.panel(len(lines) + 1)
    style: dict[str, Any] = {"color": svg.PALETTE["threshold"], "ls": ":", "lw": 0.9}
    axes.plot(chance.x, chance.y, label=_label(chance), **style)
    baselines = main = 0
    for line in sorted(lines, key=lambda line: line.main):
        color = _COLORS[main % len(_COLORS)] if line.main else "chance"
        axes.plot(
            line.x,
            line.y,
            color=svg.PALETTE[color],
            linewidth=1.7 if line.main else 1.0,
            linestyle=_DASHES[0 if line.main else baselines % len(_DASHES)],
            drawstyle="steps-pre" if steps else "default",
            label=_label(line),
        )
        baselines, main = baselines + (not line.main), main + line.main
    axes.grid(color=svg.PALETTE["rule"], linewidth=0.5)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes_.legend(figure, axes, backwards=True)
    return figure, axes


def _label(line: Curve) -> str:
    area = "" if np.isnan(line.area) else f"  {line.area:.3f}"
    return svg.plain(line.name, 24) + area
