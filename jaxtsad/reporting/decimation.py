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


def spans(events: np.ndarray, steps: int, pixels: int) -> np.ndarray:
    """Snaps events to pixel columns: each is at least one wide, touching ones merge.

    Args:
        events: `[E, 2]` of `[start, stop)`, in steps.
        steps: Length T of the axis in steps.
        pixels: Width of the axis in pixel columns.

    Returns:
        `[E', 2]` floats in steps, E' at most `pixels` (events unchanged where every
        step has a pixel of its own).

    Example:
        >>> spans(np.array([[10, 11], [12, 13], [900, 901]]), 1000, 100)
        array([[ 10.,  20.],
               [900., 910.]])
    """
    events = np.asarray(events, dtype=np.float64).reshape(-1, 2)
    if steps <= pixels:
        return events
    flags = np.zeros(pixels + 1, dtype=bool)
    scale = steps / pixels
    first = np.clip(np.floor(events[:, 0] / scale), 0, pixels - 1).astype(int)
    last = np.clip(np.ceil(events[:, 1] / scale), first + 1, pixels).astype(int)
    for start, stop in zip(first, last, strict=True):
        flags[start:stop] = True
    return segments.segments(flags[:pixels]) * scale
