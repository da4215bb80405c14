"""Post-processing of scores: smoothing in time.

Functions of arrays go through `Scores.map`, which keeps the role. Smoothing changes
every metric without point adjustment a great deal: report the unsmoothed ones too.
"""

from __future__ import annotations

import itertools

import numpy as np


def moving_average(
    scores: np.ndarray, width: int, *, centered: bool = False
) -> np.ndarray:
    """Mean over the last `width` steps, or over `width` steps around each.

    Near the ends the mean is over the steps there are.

    Args:
        scores: `[T]` or `[T, C]`.
        width: Steps averaged, at least 1.
        centered: Whether the window lies around the step (it then looks ahead, by
            `(width - 1) // 2` steps) or ends with it.

    Returns:
        float64 of the same shape.

    Raises:
        ValueError: If `width` is below 1.

    Example:
        >>> moving_average(np.array([3.0, 1.0, 2.0, 6.0]), 3)
        array([3., 2., 2., 3.])
        >>> moving_average(np.array([3.0, 1.0, 2.0, 6.0]), 3, centered=True)
        array([2., 2., 3., 4.])
    """
    if width < 1:
        raise ValueError(f"{width=} must be at least 1")
    values = np.asarray(scores, np.float64)
    steps = len(values)
    ahead = (width - 1) // 2 if centered else 0
    stop = np.minimum(np.arange(steps) + ahead + 1, steps)
    start = np.maximum(np.arange(steps) + ahead + 1 - width, 0)
    # Sums of what is left after the mean: a large common level costs no digits.
    level = values.mean(axis=0) if steps else 0.0
    sums = np.zeros((steps + 1, *values.shape[1:]))
    np.cumsum(values - level, axis=0, out=sums[1:])
    lengths = (stop - start).reshape(-1, *[1] * (values.ndim - 1))
    return (sums[stop] - sums[start]) / lengths + level


def ewma(scores: np.ndarray, span: float) -> np.ndarray:
    """Exponentially weighted mean of the past with adjusted weights.

    y_t = sum_i (1 - a)^i x_(t - i) / sum_i (1 - a)^i with a = 2 / (span + 1), what
    pandas calls `ewm(span=span).mean()`.

    Args:
        scores: `[T]` or `[T, C]`.
        span: Steps, at least 1 (which changes nothing).

    Returns:
        float64 of the same shape.

    Raises:
        ValueError: If `span` is below 1.

    Example:
        >>> ewma(np.array([1.0, 4.0]), span=3)
        array([1., 3.])
    """
    if not span >= 1:
        raise ValueError(f"{span=} must be at least 1")
    values = np.asarray(scores, np.float64)
    keep = 1 - 2 / (span + 1)
    # Python's own floats are the fastest here; channels go as rows.
    terms = values.tolist() if values.ndim == 1 else values
    recursion = itertools.accumulate(terms, lambda past, new: keep * past + new)
    sums = np.array(list(recursion), np.float64).reshape(values.shape)
    ages = np.arange(1, len(values) + 1).reshape(-1, *[1] * (values.ndim - 1))
    return sums * (1 - keep) / (1 - keep**ages)
