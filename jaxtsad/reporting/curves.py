"""Points of the ROC and precision-recall curves, from scores and labels."""

from __future__ import annotations

import numpy as np

from jaxtsad.evaluation.metrics import inputs, sweep


def roc(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of the ROC curve, one per distinct score.

    Args:
        labels: `[T]` 0/1 with both classes.
        scores: `[T]`, higher is more anomalous.

    Returns:
        False and true positive rate, both from 0 to 1.

    Example:
        >>> rates = roc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        >>> [rate.tolist() for rate in rates]
        [[0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0]]
    """
    counts = _sweep(labels, scores)
    origin = np.zeros(1)
    return (
        np.concatenate([origin, counts.fp / counts.fp[-1]]),
        np.concatenate([origin, counts.tp / counts.tp[-1]]),
    )


def precision_recall(
    labels: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points of the precision-recall curve, one per distinct score.

    Args:
        labels: `[T]` 0/1 with both classes.
        scores: `[T]`, higher is more anomalous.

    Returns:
        Recall, increasing, and the precision that holds up to it from the point before.

    Example:
        >>> points = precision_recall(np.array([0, 0, 1, 1]), np.arange(4.0))
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


def thin(
    x: np.ndarray, y: np.ndarray, cells: int = 300
) -> tuple[np.ndarray, np.ndarray]:
    """Drops the points of a curve in the unit square that share a cell with the last.

    Args:
        x: `[P]` abscissae in [0, 1].
        y: `[P]` ordinates in [0, 1].
        cells: Cells per side.

    Returns:
        The points kept, the first and the last of all among them.

    Example:
        >>> x, y = thin(np.linspace(0, 1, 10_001), np.linspace(0, 1, 10_001), 100)
        >>> len(x) <= 102, x[0], x[-1]
        (True, np.float64(0.0), np.float64(1.0))
    """
    cell = np.round(x * cells) * (2 * cells) + np.round(y * cells)
    keep = np.append(True, np.diff(cell) != 0)
    keep[-1] = True
    return x[keep], y[keep]
