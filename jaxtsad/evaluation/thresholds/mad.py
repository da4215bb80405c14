"""Threshold by the median absolute deviation."""

from __future__ import annotations

import numpy as np

from jaxtsad import validation
from jaxtsad.validation import Positive

# Both make the deviation of a normal sample estimate its standard deviation.
NORMAL_MEDIAN = 1.4826
NORMAL_MEAN = 1.2533


@validation.options
def value(scores: np.ndarray, k: Positive = 3.5) -> float:
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
        >>> round(value(np.arange(1.0, 10.0)), 4)
        15.3782
    """
    median = np.median(scores)
    deviations = np.abs(scores - median)
    spread = NORMAL_MEDIAN * np.median(deviations)
    if spread == 0:
        spread = NORMAL_MEAN * np.mean(deviations)
    return float(median + k * spread)
