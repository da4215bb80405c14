"""The dominant period of a recording, a data-driven choice of the VUS buffer."""

from __future__ import annotations

import numpy as np


def dominant_period(
    values: np.ndarray,
    *,
    shortest: int = 6,
    longest: int = 303,
    fallback: int = 125,
    lags: int = 400,
    steps: int = 20_000,
) -> int:
    """Lag of the highest peak of the autocorrelation.

    The defaults are those of the TSB-AD benchmark: peaks are sought among lags 4 to
    399 of the first 20 000 steps, and a highest peak outside 6 to 303 means that there
    is no period worth the name.

    Args:
        values: `[T]`, one channel.
        shortest: Least period, in steps.
        longest: Greatest period, in steps.
        fallback: What to return where there is no such peak.
        lags: Greatest lag looked at.
        steps: How much of the recording is looked at.

    Returns:
        The period in steps.

    Raises:
        ValueError: If `values` is not one finite value per step.

    Example:
        >>> dominant_period(np.sin(np.arange(1000) * 2 * np.pi / 40))
        40
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"{values.shape=}, expected (T,) finite values, T >= 1")
    part = values[:steps]
    part = part - part.mean()
    if not part.any():
        return fallback
    # Loading a saved detector takes a tenth less without it.
    from scipy import fft

    size = fft.next_fast_len(2 * len(part))
    spectrum = fft.rfft(part, size)
    correlation = fft.irfft(np.abs(spectrum) ** 2, size)[: min(lags + 1, len(part))]
    correlation = correlation / correlation[0]
    inner = correlation[4:-1]
    peak = (inner > correlation[3:-2]) & (inner > correlation[5:])
    if not peak.any():
        return fallback
    period = int(np.argmax(np.where(peak, inner, -np.inf))) + 4
    return period if shortest <= period <= longest else fallback
