"""Tukey's fence above the third quartile."""

from __future__ import annotations

import numpy as np

from jaxtsad import validation
from jaxtsad.validation import Positive


@validation.options
def value(scores: np.ndarray, k: Positive = 1.5) -> float:
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
        >>> value(np.arange(5.0))
        6.0
    """
    first, third = np.quantile(scores, [0.25, 0.75])
    return float(third + k * (third - first))
