"""Counts at every distinct threshold, from one sort."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Sweep(NamedTuple):
    """Weights at or above each distinct value, values decreasing.

    Attributes:
        values: `[K]` distinct values, largest first.
        tp: `[K]` float64, weight of hits with a value at or above.
        fp: `[K]` float64, weight of false alarms with a value at or above.
    """

    values: np.ndarray
    tp: np.ndarray
    fp: np.ndarray


class Oracle(NamedTuple):
    """The best value over all thresholds and a threshold that attains it."""

    value: float
    threshold: float


def sweep(values: np.ndarray, hits: np.ndarray, alarms: np.ndarray) -> Sweep:
    """Accumulates two weights over values in decreasing order, ties in one group.

    Args:
        values: `[N]` what the threshold is compared with.
        hits: `[N]` weight each contributes to the true positives once it is flagged.
        alarms: `[N]` weight each contributes to the false positives.

    Returns:
        Cumulative weights at each distinct value.

    Example:
        >>> curve = sweep(np.array([1.0, 3.0, 1.0]), np.array([1, 1, 0]), np.ones(3))
        >>> curve.values.tolist(), curve.tp.tolist(), curve.fp.tolist()
        ([3.0, 1.0], [1.0, 2.0], [1.0, 3.0])
    """
    order = np.argsort(values)[::-1]
    ordered = values[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    tp = np.cumsum(hits[order], dtype=np.float64)[last]
    fp = np.cumsum(alarms[order], dtype=np.float64)[last]
    return Sweep(ordered[last], tp, fp)


def best_f1(curve: Sweep, labeled: int) -> Oracle:
    """Largest F1 of a sweep and the threshold just below the value that gives it.

    Args:
        curve: Counts at every distinct value.
        labeled: Number of labeled steps.

    Returns:
        The F1 and its threshold (the highest, should several give the same F1); nan
        where nothing is labeled.
    """
    if labeled == 0:
        return Oracle(float("nan"), float("nan"))
    scores = 2 * curve.tp / (curve.tp + curve.fp + labeled)
    best = int(np.argmax(scores))
    # One step below in the scores' own precision: a float32 score compared with a
    # threshold between two float32 numbers would be compared with a rounded one.
    threshold = np.nextafter(curve.values[best], curve.values.dtype.type(-np.inf))
    return Oracle(float(scores[best]), float(threshold))
