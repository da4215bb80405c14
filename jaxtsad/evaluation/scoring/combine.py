"""Contributions of channels to one smoothed score per step, in calibrated units.

Functions of arrays on the device, made to be used inside compiled programs. What is
calibrated is fitted on scores of the fit or validation part alone.

Shape letters: T steps, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp

from jaxtsad.evaluation.scoring import sliding
from jaxtsad.types import Array


class Calibration(NamedTuple):
    """Middle and deviation `[1]` of calibration scores."""

    middle: Array
    deviation: Array


def smooth(values: Array, width: int, length: Array | int | None = None) -> Array:
    """Two passes of a centered sliding mean; looks ahead by `look_ahead` steps.

    Args:
        values: `[T, ...]`, not negative.
        width: Steps of a window.
        length: Steps that the series has; None for all T.
    """
    twice = sliding.mean(sliding.mean(values, width, length), width, length)
    return jnp.maximum(twice, 0.0)


def look_ahead(width: int) -> int:
    """Steps after a step that its smoothed value depends on."""
    return 2 * (width - 1 - width // 2)


def powers(
    contributions: Array,
    widths: Sequence[int],
    power: float,
    length: Array | int | None = None,
) -> Array:
    """Each channel's part of the power mean over channels, summed over widths.

    A power below 1 keeps one channel far out from outweighing many that agree.

    Args:
        contributions: `[T, C]`, not negative.
        widths: Widths in steps, each smoothed twice.
        power: Exponent of what is smoothed.
        length: Steps that the series has; None for all T.

    Returns:
        `[T, C]`; the sum over C is the combined score.
    """
    smoothed = [smooth(contributions, width, length) for width in widths]
    total = sum(each**power for each in smoothed)
    return jnp.asarray(total) / contributions.shape[1]


def calibrate(scores: Array, counted: Array, floor: float) -> Calibration:
    """Median and deviation of the calibration scores that count.

    Args:
        scores: `[T]`.
        counted: `[T]` bool.
        floor: The least deviation: scores that hardly move are not blown up.
    """
    number = jnp.maximum(counted.sum(), 1)
    ordered = jnp.sort(jnp.where(counted, scores, jnp.inf))
    low, high = ordered[(number - 1) // 2], ordered[number // 2]
    middle = jnp.where(counted.any(), (low + high) / 2, 0.0)
    mean = jnp.where(counted, scores, 0.0).sum() / number
    squares = jnp.where(counted, (scores - mean) ** 2, 0.0).sum() / number
    deviation = jnp.maximum(jnp.sqrt(squares), floor)
    return Calibration(middle[None], deviation[None])


def calibrated(calibration: Calibration, scores: Array) -> Array:
    """Scores less the calibration's middle, in its deviations."""
    return (scores - calibration.middle) / calibration.deviation
