"""How long scores remember: the lag at which their ranks are no longer correlated."""

from __future__ import annotations

import math

import numpy as np

LEVEL = 1 / math.e
MOST = 50
"""Longest correlation time: runs joined over more could not come ten in 1000 steps."""
SHARE = 0.05
"""Longest correlation time as a share of the steps it is estimated on."""


def correlation_time(scores: np.ndarray) -> int:
    """First lag at which the autocorrelation of the ranks is below 1 / e.

    Ranks, so that a few large scores do not decide.

    Args:
        scores: `[n]` in order of time.

    Returns:
        A number of steps, at least 1, which is that of independent scores, and at most
        50 or a twentieth of n.

    Example:
        >>> noise = np.random.default_rng(0).normal(size=2000)
        >>> correlation_time(noise)
        1
        >>> correlation_time(np.convolve(noise, np.ones(20), "valid"))
        15
    """
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    ranks = ranks - ranks.mean()
    most = max(1, min(MOST, int(SHARE * len(scores))))
    if not ranks.any():
        return 1
    spectrum = np.fft.rfft(ranks, 2 * len(ranks))
    covariance = np.fft.irfft(spectrum * spectrum.conj())[: most + 1]
    low = np.flatnonzero(covariance < LEVEL * covariance[0])
    return min(int(low[0]), most) if len(low) else most
