"""Puts planned events into the clean wave of one dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import placement, streams, taxonomy_options, waveforms

JOINING = 1 / 3


class Range(NamedTuple):
    """Least and largest value of a clean wave."""

    low: float
    high: float

    @property
    def half(self) -> float:
        """A, half of the range."""
        return (self.high - self.low) / 2


class Dimension(NamedTuple):
    """One dimension of one part.

    Attributes:
        wave: Its own wave.
        share: Share of its own wave in it; the rest is mixed in from dimension 0.
        range: Range of its clean values without trend.
        mixed: `[T]`, what is added to its own wave: offset, coupling.
        trend: `[T]`, the slow trend.
        noise: `[T]`.
    """

    wave: waveforms.Wave
    share: float
    range: Range
    mixed: np.ndarray
    trend: np.ndarray
    noise: np.ndarray

    def clean(self, steps: np.ndarray) -> np.ndarray:
        """Clean values `[T]` at `steps`, without trend and noise."""
        return self.share * self.wave.draw(steps, self.wave.phases(steps)) + self.mixed


def _sides(
    clean: np.ndarray, bounds: Range, jump: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of the admissible intervals below and above the clean values."""
    margin = 0.1 * bounds.half
    below = clean - jump * bounds.half - (bounds.low + margin)
    above = (bounds.high - margin) - (clean + jump * bounds.half)
    return np.maximum(below, 0.0), np.maximum(above, 0.0)


def admissible(clean: np.ndarray, bounds: Range, jump: float) -> np.ndarray:
    """Steps `[T]` bool at which a contextual point can hide inside the range."""
    below, above = _sides(clean, bounds, jump)
    return below + above > 0


def choices(
    seed: int, series: int, section: streams.Section, dims: int, events: int
) -> np.ndarray:
    """Uniform numbers `[E, dims, 3]`: does it join, which sign, how much.

    Each dimension draws from its own stream, so one more leaves the others as they are.
    """
    drawn = [
        streams.stream(
            seed, streams.Use.EVENTS, series, dim=dim, section=section
        ).random((events, 3))
        for dim in range(dims)
    ]
    return np.stack(drawn, axis=1)


def affected(
    plan: placement.Plan,
    coins: np.ndarray,
    possible: np.ndarray,
    options: taxonomy_options.Options,
) -> np.ndarray:
    """Which dimensions each event changes.

    Dimension 0 always; others join by their own coin while at most half of the
    dimensions so far, rounded up (or two), are affected.

    Args:
        plan: The slots.
        coins: `[E, dims]` uniform numbers.
        possible: `[T, dims]` bool, where a contextual point is possible.
        options: Options of the generator.

    Returns:
        `[E, dims]` bool.
    """
    joined = np.zeros(coins.shape, bool)
    for row, slot in enumerate(plan.slots):
        if options.own_dimension:
            joined[row, options.kinds.index(slot.kind)] = True
            continue
        joined[row, 0] = True
        for dim in range(1, coins.shape[1]):
            allowed = joined[row].sum() < max(2, (dim + 2) // 2)
            if slot.kind == "contextual":
                allowed &= possible[slot.start, dim]
            joined[row, dim] = allowed and coins[row, dim] < JOINING
    return joined


def inject(
    dimension: Dimension,
    steps: np.ndarray,
    events: Sequence[tuple[placement.Slot, np.ndarray]],
    options: taxonomy_options.Options,
) -> np.ndarray:
    """Values `[T]` of one dimension with the events that affect it.

    Args:
        dimension: The dimension.
        steps: `[T]` steps of the part on the common time axis.
        events: Slots and their uniform numbers `[3]`.
        options: Options of the generator.
    """
    strength = taxonomy_options.STRENGTHS[options.difficulty]
    wave, half = dimension.wave, dimension.range.half
    base = dimension.clean(steps)
    values = base + dimension.trend + dimension.noise
    shift = np.zeros(len(steps))
    for slot, (_, coin, amount) in events:
        sign = 1.0 if coin < 0.5 else -1.0
        body = slice(slot.start, slot.start + slot.length)
        if slot.kind == "global":
            low, high = strength.reach
            center = (dimension.range.low + dimension.range.high) / 2
            far = center + sign * (low + (high - low) * amount) * half
            values[body] = far + dimension.trend[body]
        elif slot.kind == "contextual":
            values[body] = (
                _hidden(base[body], dimension.range, strength.jump, amount)
                + dimension.trend[body]
            )
        elif slot.kind == "trend":
            shift += _slope(slot, len(steps), sign * strength.slope * half, options)
        else:
            when = steps[body]
            shape: str | None = strength.shape
            phases = wave.phases(when)
            if slot.kind == "seasonal":
                # One step into the event, so that its first step differs already.
                before = wave.phases(when[:1] - 1)
                turns = strength.factor * np.arange(1, slot.length + 1) / wave.period
                phases, shape = before + 2 * np.pi * turns, None
            replaced = dimension.share * wave.draw(when, phases, shape)
            values[body] = (
                replaced
                + dimension.mixed[body]
                + dimension.trend[body]
                + dimension.noise[body]
            )
    return values + shift


def _hidden(clean: np.ndarray, bounds: Range, jump: float, amount: float) -> np.ndarray:
    """A value inside the range and far from the clean one, uniform where possible."""
    below, above = _sides(clean, bounds, jump)
    at = amount * (below + above)
    margin = 0.1 * bounds.half
    low = bounds.low + margin + at
    high = clean + jump * bounds.half + (at - below)
    return np.where(at < below, low, high)


def _slope(
    slot: placement.Slot, steps: int, height: float, options: taxonomy_options.Options
) -> np.ndarray:
    shift = np.zeros(steps)
    body = slot.start + slot.length
    shift[slot.start : body] = height * np.arange(1, slot.length + 1) / slot.length
    if options.trend_after == "shift":
        shift[body:] = height
    else:
        down = 1 - np.arange(1, slot.ramp + 1) / (slot.ramp + 1)
        shift[body : slot.stop] = height * down
    return shift
