"""PA%K: an event is credited only if more than K percent of its steps are flagged.

K = 0 is point adjustment, K = 100 leaves the flags alone; the area over K says how
much of an adjusted F1 rests on single lucky steps.

Reference:
    Kim et al., "Toward a Rigorous Evaluation of Time-Series Anomaly Detection",
    AAAI 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import inputs, point_adjusted

LEVELS: tuple[float, ...] = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)


def adjust_k(flags: np.ndarray, labels: np.ndarray, k: float) -> np.ndarray:
    """Flags every step of each true event of which more than K percent are flagged.

    Args:
        flags: `[T]` 0/1 predictions; not changed in place.
        labels: `[T]` 0/1.
        k: K in percent, in [0, 100]; the comparison is strict.

    Returns:
        `[T]` bool.

    Raises:
        ValueError: If `k` is outside [0, 100] or the arrays do not match.

    Example:
        >>> labels, flags = np.array([1, 1, 1, 1, 0]), np.array([0, 1, 0, 0, 0])
        >>> adjust_k(flags, labels, 20).astype(int)
        array([1, 1, 1, 1, 0])
        >>> adjust_k(flags, labels, 25).astype(int)
        array([0, 1, 0, 0, 0])
    """
    known, predicted = inputs.with_flags(labels, flags)
    events = segments.segments(known)
    hits = point_adjusted.counts_within(events, predicted)
    needed = needed_flags(events[:, 1] - events[:, 0], checked([k]))[0]
    return predicted | segments.flags_of(events[hits >= needed], len(known))


def pa_k_f1(labels: np.ndarray, flags: np.ndarray, k: float = 20) -> float:
    """F1 after PA%K; nan where nothing is labeled."""
    return float(pa_k_curve(labels, flags, [k])[0])


def pa_k_curve(
    labels: np.ndarray, flags: np.ndarray, levels: Sequence[float] = LEVELS
) -> np.ndarray:
    """F1 after PA%K at several K, for the same flags throughout.

    Args:
        labels: `[T]` 0/1.
        flags: `[T]` 0/1.
        levels: Values of K in percent.

    Returns:
        `[K]` F1, falling as K grows; nan where nothing is labeled.

    Raises:
        ValueError: If a level is outside [0, 100] or the arrays do not match.
    """
    known, predicted = inputs.with_flags(labels, flags)
    events = segments.segments(known)
    lengths = events[:, 1] - events[:, 0]
    hits = point_adjusted.counts_within(events, predicted)
    needed = needed_flags(lengths, checked(levels))
    tp = np.where(hits[None, :] >= needed, lengths[None, :], hits[None, :]).sum(axis=1)
    alarms = np.count_nonzero(predicted) - hits.sum()
    return f1_of(tp, alarms, lengths.sum())


def pa_k_auc(
    labels: np.ndarray, flags: np.ndarray, levels: Sequence[float] = LEVELS
) -> float:
    """Area under F1 over K / 100 at the threshold that made the flags.

    Args:
        labels: `[T]` 0/1.
        flags: `[T]` 0/1.
        levels: Values of K in percent, increasing; the trapezoids span them.

    Returns:
        A value in [0, 1]; nan where nothing is labeled.

    Raises:
        ValueError: If a level is outside [0, 100] or the arrays do not match.
    """
    return area(pa_k_curve(labels, flags, levels), levels)


def checked(levels: Sequence[float]) -> np.ndarray:
    """Levels of K as an array; a ValueError if one is outside [0, 100]."""
    percent = np.asarray(levels, np.float64)
    if percent.size == 0 or not ((percent >= 0) & (percent <= 100)).all():
        raise ValueError(f"levels of K must lie in [0, 100] percent, got {levels}")
    return percent


def needed_flags(lengths: np.ndarray, percent: np.ndarray) -> np.ndarray:
    """Least count of flags `[K, E]` that is above K percent of each event."""
    return np.floor(percent[:, None] * lengths[None, :] / 100).astype(np.int64) + 1


def f1_of(tp: np.ndarray, alarms: float, labeled: int) -> np.ndarray:
    """F1 `[K]` of hits `[K]` and false alarms; nan where nothing is labeled."""
    if labeled == 0:
        return np.full(len(tp), np.nan)
    return 2 * tp / (tp + alarms + labeled)


def area(values: np.ndarray, levels: Sequence[float]) -> float:
    """Trapezoidal area of values over K / 100."""
    return float(np.trapezoid(values, np.asarray(levels, np.float64) / 100))
