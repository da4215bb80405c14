"""Scores in units of normal scores: how rarely calibration data reach one as high.

A calibrated score is -log10 of the tail probability: 2 is reached by one normal step in
a hundred. Up to the highest part of the calibration scores the map is linear between
their quantiles; above, the tail is exponential, with the mean excess of the calibration
scores (Pickands, 1975, with shape 0); below, it falls towards 0. It is strictly
increasing, so that no rank changes but by rounding of float32.

Shape letters: T steps, K knots.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from jaxtsad.types import Array

KNOTS = 16
LOWEST = 0.02
"""Level of the lowest knot: 95 % of the calibration scores are above it."""
TAIL, EXCESSES = 0.02, 20
"""Share of the scores that the tail is fitted on, and the least number of them."""
APART = 1e-4
"""Least distance of knots, in deviations: equal scores would make a step of the map."""
LEAST_EXCESS = 0.05
MOST = 1e30
"""Deviations from the median are capped here, so that levels are finite."""


class Calibration(NamedTuple):
    """What `calibrated` knows of one member's calibration scores.

    Attributes:
        median: Scalar, in units of the score.
        deviation: Scalar, positive, in units of the score.
        knots: `[K]`, increasing, in deviations from the median.
        levels: `[K]`, increasing, -log10 of the share of scores above each knot.
        slope: Scalar, positive, levels per deviation above the last knot.
    """

    median: Array
    deviation: Array
    knots: Array
    levels: Array
    slope: Array


def calibrate(scores: Array, length: Array | int, floor: float = 0.0) -> Calibration:
    """Learns how calibration scores are distributed.

    Args:
        scores: `[T]` calibration scores, of normal steps.
        length: How many of them count, the first ones, at least 1.
        floor: Least deviation; where that and the deviation are 0, it is 1.

    Example:
        >>> made = calibrate(jnp.arange(1001.0), 1001)
        >>> [round(float(v), 2) for v in calibrated(made, jnp.array([500.0, 900, 990]))]
        [0.3, 1.0, 1.99]
    """
    scores = jnp.asarray(scores, jnp.float32)
    real = jnp.arange(len(scores)) < length
    count = jnp.maximum(jnp.asarray(length, jnp.float32), 1.0)
    ordered = jnp.sort(jnp.where(real, scores, jnp.inf))
    [median] = _quantiles(ordered, length, jnp.array([0.5]))
    # Deviations from the median: a large common level costs no digits.
    apart = jnp.where(real, scores - median, 0.0)
    mean = apart.sum() / count
    variance = jnp.where(real, (apart - mean) ** 2, 0.0).sum() / count
    deviation = jnp.maximum(jnp.sqrt(variance), floor)
    deviation = jnp.where(deviation > 0, deviation, 1.0)
    share = jnp.clip(EXCESSES / count, TAIL, 0.5)
    levels = LOWEST + (-jnp.log10(share) - LOWEST) * jnp.linspace(0, 1, KNOTS)
    knots = _quantiles(ordered, length, 1 - 10**-levels)
    knots = (knots - median) / deviation + APART * jnp.arange(KNOTS)
    excess = apart / deviation - knots[-1]
    above = real & (excess > 0)
    mean_excess = jnp.where(above, excess, 0.0).sum() / jnp.maximum(above.sum(), 1)
    slope = 1 / (math.log(10) * jnp.maximum(mean_excess, LEAST_EXCESS))
    return Calibration(median, deviation, knots, levels, slope)


def _quantiles(ordered: Array, length: Array | int, q: Array) -> Array:
    """Quantiles `[K]` of the first `length` of ordered scores `[T]`."""
    place = q * (length - 1)
    first = jnp.floor(place).astype(jnp.int32)
    low = ordered[first]
    high = ordered[jnp.minimum(first + 1, length - 1)]
    return low + (high - low) * (place - first)


def calibrated(calibration: Calibration, scores: Array) -> Array:
    """-log10 of the tail probability of scores `[T]`: positive, finite, increasing."""
    knots, levels = calibration.knots, calibration.levels
    units = (scores - calibration.median) / calibration.deviation
    units = jnp.clip(units, -MOST, MOST)
    place = jnp.clip(jnp.searchsorted(knots, units, side="right") - 1, 0, KNOTS - 2)
    share = (units - knots[place]) / (knots[place + 1] - knots[place])
    step = levels[place + 1] - levels[place]
    between = jnp.minimum(levels[place] + share * step, levels[place + 1])
    steepness = (levels[1] - levels[0]) / (knots[1] - knots[0]) / levels[0]
    below = levels[0] / (1 + jnp.maximum(knots[0] - units, 0.0) * steepness)
    above = levels[-1] + jnp.maximum(units - knots[-1], 0.0) * calibration.slope
    return jnp.where(
        units < knots[0], below, jnp.where(units >= knots[-1], above, between)
    )
