"""Faults put into a normal recording of somebody's own, to see who finds them."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import behaviors, faults

SHORTEST = 4
SPARE = 4
"""A fault takes at most one part in so many of its share of the steps."""
TRIES = 50
TOGETHER = 0.4
"""Probability that one more channel fails at the same time."""
LIVE = 0.85
"""Probability that a channel is drawn among those with more than two values."""


class Faulty(NamedTuple):
    """A recording with faults.

    Attributes:
        values: `[T, C]`.
        labels: `[T]` int8, 1 within a fault.
        kinds: Of each fault first step, one past the last, and its name.
    """

    values: np.ndarray
    labels: np.ndarray
    kinds: tuple[tuple[int, int, str], ...]


def inject(
    rng: np.random.Generator, normal: np.ndarray, steps: int, count: int
) -> Faulty:
    """The last steps of a normal recording, with faults in them.

    The steps are cut into as many even pieces as there are faults to be, and each gets
    one, of one or more channels and of a kind and size drawn at random. What would not
    be seen is drawn again.

    Args:
        rng: Source of everything drawn.
        normal: `[T, C]`, finite.
        steps: How many of its last steps are returned, less than T.
        count: Number of faults.

    Returns:
        `steps` steps; fewer faults where a piece shows none.

    Raises:
        ValueError: If there is no room for the faults or nothing before the steps.
    """
    least = count * SPARE * SHORTEST
    if not 0 < least <= steps < len(normal):
        raise ValueError(
            f"{count} faults need at least {least} of {len(normal)} steps and some "
            f"before them, got {steps=}"
        )
    before = len(normal) - steps
    values = np.array(normal, np.float64)
    labels = np.zeros(len(normal), np.int8)
    kinds = []
    borders = np.linspace(before, len(normal), count + 1).astype(int)
    sorts = _sorts(values[:before])
    for low, high in itertools.pairwise(borders):
        for _ in range(TRIES):
            start, stop, name, changed = _fault(rng, values, before, low, high, sorts)
            if changed:
                for channel, part in changed.items():
                    values[start:stop, channel] = part
                labels[start:stop] = 1
                kinds.append((start - before, stop - before, name))
                break
    return Faulty(values[before:], labels[before:], tuple(kinds))


def _sorts(normal: np.ndarray) -> np.ndarray:
    """How many values each channel `[C]` takes: 1, 2, or 3 for more."""
    low, high = normal.min(axis=0), normal.max(axis=0)
    ends = (normal == low) | (normal == high)
    return np.where(high == low, 1, np.where(ends.all(axis=0), 2, 3))


def _fault(
    rng: np.random.Generator,
    values: np.ndarray,
    before: int,
    low: int,
    high: int,
    sorts: np.ndarray,
) -> tuple[int, int, str, dict[int, np.ndarray]]:
    """Where a fault is, its name, and what each channel shows meanwhile."""
    longest = min(faults.LONGEST, (high - low) // SPARE)
    length = int(behaviors.log_uniform(rng, SHORTEST, longest + 1))
    start = int(rng.integers(low, high - length + 1))
    live = np.flatnonzero(sorts == 3)
    some = live if len(live) and rng.random() < LIVE else np.arange(len(sorts))
    order = rng.permutation(some)
    number = min(len(order), int(rng.geometric(1 - TOGETHER)))
    name, size, changed = "", faults.signed_size(rng), {}
    for channel in order[:number]:
        names = {1: faults.OF_CONSTANT, 2: faults.OF_TWO_VALUED}.get(
            int(sorts[channel]), tuple(faults.FAULTS)
        )
        if name not in names:
            name = str(rng.choice(names))
        span = (start, start + length)
        other = values[:, rng.integers(len(sorts))]
        part = faults.change(rng, name, values[:, channel], span, before, size, other)
        if part is not None:
            changed[int(channel)] = part
    return start, start + length, name, changed
