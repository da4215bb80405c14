"""Volume under the surface: ROC and PR areas that forgive small shifts in time.

Labels get soft ramps of up to `length // 2` steps on either side of each event, areas
are computed for every buffer 0 .. `length`, and averaged. The ROC side is multiplied by
the share of events that are found at all, so at buffer 0 it is not the ROC area.

Cost: sort once, then `O(length (ramp steps + thresholds))`. A step's prediction over
falling thresholds is a single number, the first threshold that flags it; all counts are
cumulative histograms of that number, and only steps on a ramp change with the buffer.

Reference:
    Paparrizos et al., "Volume Under the Surface: A New Accuracy Evaluation Measure for
    Time-Series Anomaly Detection", PVLDB 2022; the optimized variant of TSB-AD. Our
    `length` is their window size, a buffer one of their windows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import inputs


class Vus(NamedTuple):
    """Volumes, and the areas `[length + 1]` they are the means of, by buffer."""

    roc: float
    pr: float
    roc_per_buffer: np.ndarray
    pr_per_buffer: np.ndarray


class _Ramps(NamedTuple):
    """Every (ramp step, distance to an event) pair, nearest first.

    Attributes:
        step: `[P]` index into the ramp steps.
        distance: `[P]` in steps, 1 for a direct neighbor.
        within: `[h + 1]` number of pairs with a distance of at most h.
        first: `[R]` first threshold that flags each ramp step.
    """

    step: np.ndarray
    distance: np.ndarray
    within: np.ndarray
    first: np.ndarray


def vus(
    labels: np.ndarray, scores: np.ndarray, *, length: int = 100, thresholds: int = 250
) -> Vus:
    """VUS-ROC and VUS-PR.

    Args:
        labels: `[T]` 0/1.
        scores: `[T]`, higher is more anomalous.
        length: Largest buffer L in steps; see `period.dominant_period` for a choice
            that follows the data.
        thresholds: Number of thresholds, at even ranks of the sorted scores.

    Returns:
        The volumes and the areas per buffer; nan where only one class is present.

    Raises:
        ValueError: If `length` is negative, fewer than two thresholds are asked for,
            shapes differ or a score is not finite.

    Example:
        >>> steps = np.arange(20)
        >>> labels = (steps >= 8) & (steps <= 11)
        >>> result = vus(labels, -np.abs(steps - 10.0), length=4)
        >>> round(result.roc, 10), round(result.pr, 10)
        (0.9958976234, 0.9738962877)
    """
    if length < 0:
        raise ValueError(f"{length=} must be at least 0")
    if thresholds < 2:
        raise ValueError(f"{thresholds=} must be at least 2")
    known, values = inputs.with_scores(labels, scores)
    if known.all() or not known.any():
        none = np.full(length + 1, np.nan)
        return Vus(float("nan"), float("nan"), none, none)
    first = _first_threshold(values, thresholds)
    events = segments.segments(known)
    flagged = np.cumsum(np.bincount(first, minlength=thresholds))
    hits = np.cumsum(np.bincount(first[known], minlength=thresholds))
    labeled, steps = int(hits[-1]), len(known)
    ramps = _ramps(known, events, first, length // 2)
    existence = _existence(events, first, length // 2, thresholds)
    areas = np.empty((2, length + 1))
    for buffer in range(length + 1):
        soft = _soft(ramps, buffer, thresholds)
        tp = hits + soft
        positives = labeled + soft / 2
        tpr = np.minimum(tp / positives, 1) * existence[buffer // 2]
        fpr = (flagged - tp) / (steps - positives)
        roc = np.trapezoid(np.r_[0, tpr, 1], np.r_[0, fpr, 1])
        areas[:, buffer] = roc, np.sum(np.diff(tpr, prepend=0) * tp / flagged)
    return Vus(float(areas[0].mean()), float(areas[1].mean()), areas[0], areas[1])


def _first_threshold(scores: np.ndarray, thresholds: int) -> np.ndarray:
    """For each step the first of the falling thresholds that flags it, `[T]`."""
    ranks = np.linspace(0, len(scores) - 1, thresholds).astype(np.int64)
    falling = np.sort(scores)[::-1][ranks]
    return np.searchsorted(-falling, -scores, side="left")


def ramp_pairs(
    known: np.ndarray, events: np.ndarray, h: int
) -> tuple[np.ndarray, np.ndarray]:
    """Unlabeled steps at most `h` from an event, once per event, nearest first.

    Args:
        known: `[T]` bool labels.
        events: `[E, 2]` their segments.
        h: Largest distance in steps.

    Returns:
        Step and distance of each of the P pairs, `[P]` each.
    """
    offset = np.arange(1, h + 1)
    after = events[:, 1:] - 1 + offset[None, :]
    before = events[:, :1] - offset[None, :]
    step = np.concatenate([after, before], axis=0).T.ravel()
    distance = np.repeat(offset, 2 * len(events))
    valid = (step >= 0) & (step < len(known))
    valid[valid] = ~known[step[valid]]
    return step[valid], distance[valid]


def _ramps(known: np.ndarray, events: np.ndarray, first: np.ndarray, h: int) -> _Ramps:
    step, distance = ramp_pairs(known, events, h)
    within = np.searchsorted(distance, np.arange(h + 1), side="right")
    unique, index = np.unique(step, return_inverse=True)
    return _Ramps(index, distance, within, first[unique])


def _soft(ramps: _Ramps, buffer: int, thresholds: int) -> np.ndarray:
    """Soft labels of the flagged ramp steps, summed, at each threshold."""
    near = int(ramps.within[buffer // 2])
    if near == 0:
        return np.zeros(thresholds)
    weight = np.sqrt(1 - ramps.distance[:near] / buffer)
    label = np.bincount(ramps.step[:near], weights=weight, minlength=len(ramps.first))
    return np.cumsum(
        np.bincount(ramps.first, weights=np.minimum(label, 1), minlength=thresholds)
    )


def _existence(
    events: np.ndarray, first: np.ndarray, h: int, thresholds: int
) -> np.ndarray:
    """Share of extended events with a flag, `[h + 1, thresholds]`.

    Events whose extensions touch are one; the union of their extensions is what the
    merged event covers, so its first threshold is the least of theirs.
    """
    earliest = segments.reduce_within(np.minimum, first, events)
    last = len(first) - 1
    gaps = events[1:, 0] - events[:-1, 1] + 1
    share = np.empty((h + 1, thresholds))
    for half in range(h + 1):
        left = first[np.maximum(events[:, 0] - half, 0)]
        right = first[np.minimum(events[:, 1] - 1 + half, last)]
        earliest = np.minimum(earliest, np.minimum(left, right))
        groups = np.flatnonzero(np.r_[True, gaps > 2 * half])
        merged = np.minimum.reduceat(earliest, groups)
        share[half] = np.cumsum(np.bincount(merged, minlength=thresholds)) / len(groups)
    return share
