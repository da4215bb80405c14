"""Labeled anomalies of one column: what happens to its values while something fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import behaviors

LONGEST = 250
VISIBLE = 0.3
"""Least change of a fault, in deviations of the training part."""


class Site(NamedTuple):
    """Where a fault happens.

    Attributes:
        values: `[T]` the column so far.
        start: First step.
        stop: One past the last step.
        train_steps: Steps of the training part.
        unit: Deviation of the training part, 1 where that is 0.
        size: Signed size in units.
        other: `[T]` another column, for a fault that shows foreign values.
    """

    values: np.ndarray
    start: int
    stop: int
    train_steps: int
    unit: float
    size: float
    other: np.ndarray

    @property
    def part(self) -> np.ndarray:
        """Values `[L]` within the fault."""
        return self.values[self.start : self.stop]

    @property
    def length(self) -> int:
        """L."""
        return self.stop - self.start

    @property
    def normal(self) -> np.ndarray:
        """Values of the training part."""
        return self.values[: self.train_steps]


Fault = Callable[[np.random.Generator, Site], np.ndarray]


def _level(rng: np.random.Generator, site: Site) -> np.ndarray:
    del rng
    return site.part + site.size * site.unit


def _spike(rng: np.random.Generator, site: Site) -> np.ndarray:
    height = site.size * site.unit * rng.uniform(0.5, 1, site.length)
    return site.part + np.where(np.arange(site.length) < 5, height, 0)


def _new_value(rng: np.random.Generator, site: Site) -> np.ndarray:
    """A constant beyond the range of the training part."""
    del rng
    edge = site.normal.max() if site.size > 0 else site.normal.min()
    return np.full(site.length, edge + 0.3 * site.size * site.unit)


def _frozen(rng: np.random.Generator, site: Site) -> np.ndarray:
    del rng
    return np.full(site.length, site.part[0])


def _edge(rng: np.random.Generator, site: Site) -> np.ndarray:
    """The largest or the smallest value of the training part, held."""
    del rng
    value = site.normal.max() if site.size > 0 else site.normal.min()
    return np.full(site.length, value)


def _dropout(rng: np.random.Generator, site: Site) -> np.ndarray:
    del rng
    return np.zeros(site.length)


def _noise(rng: np.random.Generator, site: Site) -> np.ndarray:
    noise = site.unit * rng.standard_normal(site.length)
    return site.part + rng.uniform(0.5, 3) * noise


def _ringing(rng: np.random.Generator, site: Site) -> np.ndarray:
    """An oscillation that is not there otherwise."""
    turns = np.arange(site.length) / behaviors.log_uniform(rng, 3, 40)
    return site.part + 0.5 * site.size * site.unit * np.sin(2 * np.pi * turns)


def _amplitude(rng: np.random.Generator, site: Site) -> np.ndarray:
    center = site.part.mean()
    return center + rng.choice([0.2, 0.4, 2, 3]) * (site.part - center)


def _mirrored(rng: np.random.Generator, site: Site) -> np.ndarray:
    """Played backward, or upside down."""
    return site.part[::-1] if rng.random() < 0.3 else 2 * site.normal.mean() - site.part


def _paced(rng: np.random.Generator, site: Site) -> np.ndarray:
    """Faster or slower than it should be."""
    steps = np.arange(len(site.values))
    at = site.start + np.arange(site.length) * rng.choice([0.4, 0.6, 1.7, 2.5])
    return np.interp(np.minimum(at, steps[-1]), steps, site.values)


def _drift(rng: np.random.Generator, site: Site) -> np.ndarray:
    """Away, and back within the fault or at its end."""
    rise = np.linspace(0, 1, site.length)
    if rng.random() < 0.3:
        rise = 1 - np.abs(2 * rise - 1)
    return site.part + site.size * site.unit * rise


def _foreign(rng: np.random.Generator, site: Site) -> np.ndarray:
    """Values of another column, at this column's scale."""
    del rng
    scaled = (site.other - site.other.mean()) / (site.other.std() + 1e-9)
    return site.normal.mean() + site.unit * scaled[site.start : site.stop]


def _misplaced(rng: np.random.Generator, site: Site) -> np.ndarray:
    """What the column showed at another time."""
    first = rng.integers(0, len(site.values) - site.length)
    return site.values[first : first + site.length].copy()


def _shuffled(rng: np.random.Generator, site: Site) -> np.ndarray:
    return rng.permutation(site.part)


def _smoothed(rng: np.random.Generator, site: Site) -> np.ndarray:
    del rng
    return np.convolve(np.pad(site.part, 5, mode="edge"), np.ones(11) / 11, "valid")


FAULTS: Mapping[str, Fault] = {
    "level": _level,
    "spike": _spike,
    "new_value": _new_value,
    "frozen": _frozen,
    "edge": _edge,
    "dropout": _dropout,
    "noise": _noise,
    "ringing": _ringing,
    "amplitude": _amplitude,
    "mirrored": _mirrored,
    "paced": _paced,
    "drift": _drift,
    "foreign": _foreign,
    "misplaced": _misplaced,
    "shuffled": _shuffled,
    "smoothed": _smoothed,
}
SHORTEST = {"frozen": 15, "mirrored": 8, "paced": 8, "ringing": 8, "misplaced": 8}
OF_CONSTANT = ("level", "spike")
OF_TWO_VALUED = ("new_value",)
SIZES = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


def change(
    rng: np.random.Generator,
    name: str,
    values: np.ndarray,
    span: tuple[int, int],
    train_steps: int,
    size: float,
    other: np.ndarray,
) -> np.ndarray | None:
    """Values `[L]` during a fault, or None where it would not be seen.

    Args:
        rng: Source of what the fault draws itself.
        name: One of `FAULTS`.
        values: `[T]` the column so far.
        span: First step and one past the last.
        train_steps: Steps of the training part.
        size: Signed size in deviations of the training part.
        other: `[T]` another column.
    """
    spread = float(values[:train_steps].std())
    unit = spread if spread > 1e-9 else 1.0
    site = Site(values, *span, train_steps, unit, size, other)
    changed = FAULTS[name](rng, site)
    seen = np.abs(changed - site.part).max() >= VISIBLE * unit
    return changed if seen and site.length >= SHORTEST.get(name, 1) else None


def signed_size(rng: np.random.Generator) -> float:
    """A size in deviations, up or down."""
    return float(rng.choice(SIZES) * rng.choice([-1.0, 1.0]))


def inject(
    rng: np.random.Generator,
    behavior: str,
    values: np.ndarray,
    other: np.ndarray,
    train_steps: int,
    count: int,
    longest: int = LONGEST,
) -> tuple[np.ndarray, np.ndarray]:
    """Values `[T]` with faults after the training part, and their labels `[T]` bool.

    A fault that would change too little to be seen, or is too short for its kind, is
    left out.

    Args:
        rng: Source of everything drawn.
        behavior: Name of the column's behavior.
        values: `[T]`.
        other: `[T]` another column.
        train_steps: Steps of the training part.
        count: Number of faults tried.
        longest: Most steps of a fault.
    """
    values, labels = values.copy(), np.zeros(len(values), bool)
    names = tuple(FAULTS)
    if values[:train_steps].std() <= 1e-9:
        names = OF_CONSTANT
    elif behavior == behaviors.TWO_VALUED:
        names = OF_TWO_VALUED
    for _ in range(count):
        name = str(rng.choice(names))
        length = int(behaviors.log_uniform(rng, 1, longest))
        if name == "spike":
            length = min(length, 5)
        start = int(rng.integers(train_steps, len(values) - length))
        span = (start, start + length)
        size = signed_size(rng)
        changed = change(rng, name, values, span, train_steps, size, other)
        if changed is not None:
            values[slice(*span)] = changed
            labels[slice(*span)] = True
    return values, labels
