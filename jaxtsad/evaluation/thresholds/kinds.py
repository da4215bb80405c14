"""Thresholds by one statistic: a quantile, or so many spreads above the middle."""

from __future__ import annotations

import numpy as np

from jaxtsad import validation
from jaxtsad.validation import InnerShare, Positive


@validation.options
def quantile(scores: np.ndarray, q: InnerShare = 0.99) -> float:
    """Quantile with linear interpolation between order statistics.

    Args:
        scores: Calibration scores `[n]`, normal ones.
        q: Share of the calibration scores at or below the threshold, in (0, 1).

    Returns:
        The threshold; about a share 1 - q of normal steps will be flagged.

    Raises:
        ValueError: If `q` is outside (0, 1).

    Example:
        >>> quantile(np.array([1.0, 2.0, 3.0]), q=0.75)
        2.5
    """
    return float(np.quantile(scores, q))


@validation.options
def gaussian(scores: np.ndarray, k: Positive = 3.0) -> float:
    """Mean plus `k` (population) standard deviations.

    Args:
        scores: Calibration scores `[n]`.
        k: Number of standard deviations, positive.

    Returns:
        The threshold.

    Raises:
        ValueError: If `k` is not positive.

    Example:
        >>> gaussian(np.array([0.0, 2.0]), k=3)
        4.0
    """
    return float(np.mean(scores) + k * np.std(scores))


# Both make the deviation of a normal sample estimate its standard deviation.
NORMAL_MEDIAN = 1.4826
NORMAL_MEAN = 1.2533


@validation.options
def mad(scores: np.ndarray, k: Positive = 3.5) -> float:
    """Median plus `k` scaled median absolute deviations.

    Where more than half of the scores are one number the median deviation is 0; the
    mean absolute deviation from the median, times 1.2533, then takes its place.

    Args:
        scores: Calibration scores `[n]`.
        k: Number of (robust) standard deviations, positive.

    Returns:
        The threshold.

    Raises:
        ValueError: If `k` is not positive.

    Example:
        >>> round(mad(np.arange(1.0, 10.0)), 4)
        15.3782
    """
    median = np.median(scores)
    deviations = np.abs(scores - median)
    spread = NORMAL_MEDIAN * np.median(deviations)
    if spread == 0:
        spread = NORMAL_MEAN * np.mean(deviations)
    return float(median + k * spread)


@validation.options
def iqr(scores: np.ndarray, k: Positive = 1.5) -> float:
    """Third quartile plus `k` interquartile ranges.

    Args:
        scores: Calibration scores `[n]`.
        k: Number of interquartile ranges, positive.

    Returns:
        The threshold. Where more than half of the scores are one number the
        interquartile range may be 0 and the threshold is the third quartile.

    Raises:
        ValueError: If `k` is not positive.

    Example:
        >>> iqr(np.arange(5.0))
        6.0
    """
    first, third = np.quantile(scores, [0.25, 0.75])
    return float(third + k * (third - first))
