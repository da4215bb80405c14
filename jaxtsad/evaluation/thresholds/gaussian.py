"""Threshold a number of standard deviations above the mean."""

from __future__ import annotations

import numpy as np


def value(scores: np.ndarray, k: float = 3.0) -> float:
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
    if not k > 0:
        raise ValueError(f"{k=} must be positive")
    return float(np.mean(scores) + k * np.std(scores))
