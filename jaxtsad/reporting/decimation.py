"""Fewer points, the same picture: extremes per pixel, events at least one pixel wide.

A plot is a few hundred pixels wide and a series up to millions of steps long. What the
eye sees of it is the smallest and largest value in each pixel column, so those two
points are kept and nothing that stands out is lost.
"""

from __future__ import annotations

import numpy as np

from jaxtsad.evaluation import segments


def envelope(values: np.ndarray, buckets: int) -> tuple[np.ndarray, np.ndarray]:
    """Keeps the smallest and the largest value of every bucket, in their order.

    Args:
        values: `[T]` series, nan where nothing was recorded.
        buckets: How many equal stretches to cut the series into, at least 1.

    Returns:
        The steps kept, at most `2 * buckets` and increasing, and the values there.
        A series that short already is returned whole.

    Raises:
        ValueError: If `buckets` is below 1.

    Example:
        >>> values = np.zeros(1000)
        >>> values[[123, 777]] = 5.0, -3.0
        >>> steps, kept = envelope(values, 10)
        >>> len(steps) <= 20, kept.max(), kept.min(), 123 in steps, 777 in steps
        (True, np.float64(5.0), np.float64(-3.0), True, True)
    """
    if buckets < 1:
        raise ValueError(f"{buckets=} must be at least 1")
    values = np.asarray(values)
    steps = len(values)
    if steps <= 2 * buckets:
        return np.arange(steps), values
    width = -(-steps // buckets)
    rows = -(-steps // width)
    padded = np.full(rows * width, np.nan)
    padded[:steps] = values
    table = padded.reshape(rows, width)
    missing = np.isnan(table)
    first = np.arange(rows) * width
    low = first + np.where(missing, np.inf, table).argmin(axis=1)
    high = first + np.where(missing, -np.inf, table).argmax(axis=1)
    # A bucket's low and high can be the same step, and all buckets hold one at least.
    kept = np.unique(np.concatenate([low, high]))
    return kept, values[kept]


def spans(
    events: np.ndarray, steps: int, pixels: int, *, share: float = 0.0
) -> np.ndarray:
    """Snaps events to pixel columns: each is at least one wide, touching ones merge.

    Args:
        events: `[E, 2]` of `[start, stop)`, in steps, within the axis.
        steps: Length T of the axis in steps.
        pixels: Width of the axis in pixel columns.
        share: Columns of which at most this share is inside events are left out; 0
            keeps all that an event touches.

    Returns:
        `[E', 2]` floats in steps, E' at most `pixels` (events unchanged where every
        step has a pixel of its own).

    Example:
        >>> events = np.array([[10, 11], [12, 13], [900, 910]])
        >>> spans(events, 1000, 100)
        array([[ 10.,  20.],
               [900., 910.]])
        >>> spans(events, 1000, 100, share=0.5)
        array([[900., 910.]])
    """
    events = np.asarray(events, dtype=np.int64).reshape(-1, 2)
    if steps <= pixels:
        return events.astype(np.float64)
    inside = segments.flags_of(events, steps)
    edges = np.linspace(0, steps, pixels + 1)
    total = np.concatenate([np.zeros(1, int), np.cumsum(inside)])
    # A step that two columns share counts for both.
    first, last = np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int)
    covered = (total[last] - total[first]) / (last - first)
    return edges[segments.segments(covered > share)]
