"""Maximal runs of ones: the segments that every event-wise number counts."""

from __future__ import annotations

import numpy as np


def segments(flags: np.ndarray) -> np.ndarray:
    """Maximal runs of non-zero steps as half-open `[start, stop)` pairs.

    Args:
        flags: `[T]` 0/1 or boolean; labels or predictions.

    Returns:
        `[E, 2]` int64, ordered in time; `[0, 2]` where nothing is set.

    Raises:
        ValueError: If `flags` is not one-dimensional.

    Example:
        >>> segments(np.array([1, 1, 0, 0, 1]))
        array([[0, 2],
               [4, 5]])
    """
    flags = np.asarray(flags)
    if flags.ndim != 1:
        raise ValueError(f"{flags.shape=}, expected one value per step, (T,)")
    padded = np.zeros(len(flags) + 2, np.bool_)
    padded[1:-1] = flags != 0
    borders = np.flatnonzero(padded[1:] != padded[:-1])
    return borders.reshape(-1, 2)


def flags_of(events: np.ndarray, steps: int) -> np.ndarray:
    """Inverse of `segments`: a boolean `[T]` that is set inside the events.

    Args:
        events: `[E, 2]` half-open `[start, stop)` pairs; they may overlap.
        steps: Length T of the series.

    Returns:
        `[T]` bool.

    Example:
        >>> flags_of(np.array([[0, 2], [4, 5]]), 6).astype(int)
        array([1, 1, 0, 0, 1, 0])
    """
    events = np.asarray(events, np.int64).reshape(-1, 2)
    change = np.bincount(events[:, 0], minlength=steps + 1)
    change = change - np.bincount(events[:, 1], minlength=steps + 1)
    return np.cumsum(change[:steps]) > 0


def reduce_within(
    reduce: np.ufunc, values: np.ndarray, events: np.ndarray
) -> np.ndarray:
    """Reduces the values inside each event, as `np.maximum` or `np.minimum`.

    Args:
        reduce: A binary ufunc.
        values: `[T]`.
        events: `[E, 2]`, ordered, none touching the next, as `segments` returns.

    Returns:
        `[E]`, one number per event.

    Example:
        >>> events = np.array([[0, 2], [4, 5]])
        >>> reduce_within(np.maximum, np.array([3, 1, 7, 7, 2]), events)
        array([3, 2])
    """
    if len(events) == 0:
        return values[:0]
    # Borders alternate between events and gaps; a last event may reach the end.
    borders = events.ravel()[: -1 if events[-1, 1] == len(values) else None]
    return reduce.reduceat(values, borders)[::2]
