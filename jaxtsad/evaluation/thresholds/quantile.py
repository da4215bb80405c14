"""Threshold at a quantile of the calibration scores."""

from __future__ import annotations

import numpy as np

from jaxtsad import validation
from jaxtsad.validation import InnerShare


@validation.options
def value(scores: np.ndarray, q: InnerShare = 0.99) -> float:
    """Quantile with linear interpolation between order statistics.

    Args:
        scores: Calibration scores `[n]`, normal ones.
        q: Share of the calibration scores at or below the threshold, in (0, 1).

    Returns:
        The threshold; about a share 1 - q of normal steps will be flagged.

    Raises:
        ValueError: If `q` is outside (0, 1).

    Example:
        >>> value(np.array([1.0, 2.0, 3.0]), q=0.75)
        2.5
    """
    return float(np.quantile(scores, q))
