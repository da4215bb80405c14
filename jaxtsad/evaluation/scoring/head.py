"""The score head: from the contributions of channels to one score per step.

Evidence of a channel is its contribution in units of what is normal for it, and its
novelty: how far its value lies outside of the range it was fitted on. Channels that are
constant or have two values in the fit part tell nothing by their magnitude and are
judged by novelty alone. Evidence is smoothed, and combined over channels by a power
below 1, so that neither a single loud channel nor many quiet ones decide alone.

Functions of one member's arrays; `vmap` makes them those of a fleet. They are fitted on
values of the fit part and contributions of calibration data only.

Shape letters: T steps, C channels.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxtsad.evaluation.scoring import sliding
from jaxtsad.evaluation.scoring.options import Evidence, Gated, Smooth
from jaxtsad.types import Array

SAME = 1e-6
"""A channel whose range is at most this share of its magnitude is constant."""
MOST = 1e30
"""Evidence is capped here, so that its sums are finite."""
OFFSET = 1e-3
"""Added before the logarithm: where no channel is live there may be no evidence."""


class Channels(NamedTuple):
    """What is normal for each channel.

    Attributes:
        low: `[C]` least value of the fit part.
        high: `[C]` greatest.
        deviation: `[C]` standard deviation of the fit part, 1 of a constant channel.
        live: `[C]` bool, channels that are judged by their magnitude.
        least: `[C]` what counts as no contribution: 0, or the least where negative.
        scale: `[C]` mean contribution of calibration data plus a floor, positive.
    """

    low: Array
    high: Array
    deviation: Array
    live: Array
    least: Array
    scale: Array


def fit_channels(
    values: Array,
    length: Array | int,
    contributions: Array,
    count: Array | int,
    *,
    floor: float,
    unit: float = 1.0,
) -> Channels:
    """Learns what is normal for each channel.

    Where no channel takes more than two values, those that vary are live.

    Args:
        values: `[T, C]` scaled values of the fit part.
        length: How many of its steps count, the first ones.
        contributions: `[T', C]` of calibration data.
        count: How many of these steps count, the first ones.
        floor: Added to a channel's scale, as a share of the mean over live channels.
        unit: A range below a millionth of it is none; 0 of values that are not scaled.
    """
    steps = jnp.arange(len(values))[:, None] < length
    low = jnp.where(steps, values, jnp.inf).min(axis=0)
    high = jnp.where(steps, values, -jnp.inf).max(axis=0)
    number = jnp.maximum(length, 1)
    mean = jnp.where(steps, values, 0.0).sum(axis=0) / number
    squares = jnp.where(steps, (values - mean[None]) ** 2, 0.0).sum(axis=0)
    size = jnp.maximum(jnp.maximum(jnp.abs(low), jnp.abs(high)), unit)
    varies = high - low > SAME * size
    ends = (values == low[None]) | (values == high[None])
    live = varies & (steps & ~ends).any(axis=0)
    live = jnp.where(live.any(), live, varies)
    deviation = jnp.where(varies, jnp.sqrt(squares / number), 1.0)
    least, scale = _normal(contributions, count, live, floor)
    return Channels(low, high, deviation, live, least, scale)


def rescaled(
    channels: Channels, contributions: Array, count: Array | int, *, floor: float
) -> Channels:
    """The same channels in units of other contributions, such as causal ones.

    Args:
        channels: What is normal for each.
        contributions: `[T, C]` of calibration data.
        count: How many of these steps count, the first ones.
        floor: As for `fit_channels`.
    """
    least, scale = _normal(contributions, count, channels.live, floor)
    return channels._replace(least=least, scale=scale)


def _normal(
    contributions: Array, count: Array | int, live: Array, floor: float
) -> tuple[Array, Array]:
    """The least and the typical contribution of each channel."""
    real = jnp.arange(len(contributions))[:, None] < count
    least = jnp.minimum(jnp.where(real, contributions, 0.0).min(axis=0), 0.0)
    above = jnp.where(real, contributions - least[None], 0.0)
    means = above.sum(axis=0) / jnp.maximum(count, 1)
    typical = jnp.where(live, means, 0.0).sum() / jnp.maximum(live.sum(), 1)
    scale = means + floor * typical
    scale = jnp.where(scale > 0, scale, jnp.where(typical > 0, typical, 1.0))
    return least, scale


def evidence(channels: Channels, contributions: Array, values: Array) -> Array:
    """Evidence `[T, C]` of each channel, at least 0; live channels have about 1 more.

    Args:
        channels: What is normal for each.
        contributions: `[T, C]`.
        values: `[T, C]` scaled values of the same steps.
    """
    excess = jnp.maximum(contributions - channels.least[None], 0.0)
    size = jnp.minimum(excess / channels.scale[None], MOST) + 1.0
    outside = jnp.maximum(values - channels.high[None], channels.low[None] - values)
    novelty = jnp.maximum(outside, 0.0) / channels.deviation[None]
    return jnp.where(channels.live[None], size, 0.0) + jnp.minimum(novelty**2, MOST)


def combined(
    each: Array, length: Array | int, live: Array, widths: tuple[int, ...], how: Smooth
) -> tuple[Array, Array]:
    """Smooths and combines channels into a score that is not calibrated yet.

    Args:
        each: `[T, C]` evidence, or of a head without evidence contributions that sum
            to the score.
        length: How many of the steps count, the first ones.
        live: `[C]` bool, the group of channels judged by magnitude.
        widths: Steps of the means.
        how: The head's options.

    Returns:
        Scores `[T]`, and each channel's share `[T, C]` of them, at least 0, of sum 1.
    """
    smoothed = []
    for width in widths:
        values = each
        for _ in range(how.passes):
            values = sliding.mean(values, width, length, how.centered)
        smoothed.append(values)
    if not isinstance(how, Evidence):
        parts = sum(smoothed[1:], smoothed[0]) / len(widths)
        return parts.sum(axis=-1), _shares(jnp.maximum(parts, 0.0))
    powers = [jnp.maximum(values, 0.0) ** how.power for values in smoothed]
    parts = sum(powers[1:], powers[0])
    weights = _weights(parts, live, how)
    # What a live channel has without any contribution explains nothing.
    offset = 0 if isinstance(how, Gated) else len(widths)
    beyond = jnp.maximum(parts - offset * live[None], 0.0)
    scores = jnp.log((parts * weights).sum(axis=-1) + OFFSET)
    return scores, _shares(beyond * weights)


def _weights(parts: Array, live: Array, how: Evidence) -> Array:
    """How much each channel counts, `[T, C]` or `[1, C]`."""
    number = parts.shape[-1]
    if how.combine == "mean":
        return jnp.full((1, number), 1 / number)
    if how.combine == "groups":
        groups = jnp.stack([live, ~live]).astype(parts.dtype)
        sizes = groups.sum(axis=1, keepdims=True)
        each = (groups / jnp.maximum(sizes, 1.0)).sum(axis=0)
        return (each / (sizes > 0).sum())[None]
    top = min(1 if how.combine == "max" else how.top, number)
    least = jnp.sort(parts, axis=-1)[:, number - top, None]
    chosen = parts > least
    # Channels that equal the least one share what is left.
    equal = parts == least
    left = top - chosen.sum(axis=-1, keepdims=True)
    return (chosen + equal * left / equal.sum(axis=-1, keepdims=True)) / top


def _shares(parts: Array) -> Array:
    """Parts as shares of their sum; equal ones where it is 0."""
    total = parts.sum(axis=-1, keepdims=True)
    even = jnp.full_like(parts, 1 / parts.shape[-1])
    return jnp.where(total > 0, parts / jnp.where(total > 0, total, 1.0), even)
