"""Threshold a number of standard deviations above the mean."""

from __future__ import annotations

import numpy as np

from jaxtsad import validation
from jaxtsad.validation import Positive


@validation.options
def value(scores: np.ndarray, k: Positive = 3.0) -> float:
    """Mean plus `k` (population) standard deviations.

    Args:
        scores: Calibration scores `[n]`.
        k: Number of standard deviations, positive.

    Returns:
        The threshold.

    Raises:
        ValueError: If `k` is not positive.

    Example:
        >>> value(np.array([0.0, 2.0]), k=3)
        4.0
    """
    return float(np.mean(scores) + k * np.std(scores))
