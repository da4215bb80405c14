"""A window as a row of numbers: what its channels do, or its values one by one."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxtsad.types import Array

STATISTICS = (
    "mean",
    "sd",
    "min",
    "max",
    "slope",
    "autocorrelation",
    "change",
    "peak_1",
    "peak_2",
    "peak_3",
)


def flat(values: Array) -> Array:
    """Windows `[B, L, C]` as rows `[B, L * C]`."""
    return values.reshape(len(values), -1)


def statistics(values: Array) -> Array:
    """Ten numbers per channel of each window.

    Mean, standard deviation, least, largest, slope per step, lag-1 autocorrelation,
    mean squared first difference and the three largest spectral magnitudes (of the
    window less its mean, over its length; zeros where it has fewer).

    Args:
        values: `[B, L, C]` with at least two steps.

    Returns:
        `[B, 10 * C]`, the channels of one statistic side by side.

    Example:
        >>> ramp = jnp.arange(4.0)[None, :, None]
        >>> [round(float(number), 3) for number in statistics(ramp)[0, :5]]
        [1.5, 1.118, 0.0, 3.0, 1.0]
    """
    length = values.shape[1]
    mean = values.mean(axis=1)
    centred = values - mean[:, None]
    variance = jnp.square(centred).mean(axis=1)
    times = jnp.arange(length, dtype=jnp.float32) - (length - 1) / 2
    slope = jnp.tensordot(centred, times / jnp.square(times).sum(), axes=(1, 0))
    lagged = (centred[:, 1:] * centred[:, :-1]).mean(axis=1)
    change = jnp.square(jnp.diff(values, axis=1)).mean(axis=1)
    parts = [
        mean,
        jnp.sqrt(variance),
        values.min(axis=1),
        values.max(axis=1),
        slope,
        lagged / jnp.maximum(variance, 1e-6),
        change,
    ]
    spectrum = jnp.abs(jnp.fft.rfft(centred, axis=1))[:, 1:] / length
    count = min(3, spectrum.shape[1])
    peaks, _ = jax.lax.top_k(spectrum.transpose(0, 2, 1), count)
    peaks = jnp.pad(peaks, [(0, 0), (0, 0), (0, 3 - count)])
    parts += [peaks[..., number] for number in range(3)]
    return jnp.concatenate(parts, axis=-1)
