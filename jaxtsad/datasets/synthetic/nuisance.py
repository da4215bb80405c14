"""Changes of a column that nobody would label: drift, other regimes, other rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from jaxtsad.datasets.synthetic import behaviors

Change = Callable[[np.random.Generator, np.ndarray, int, float], np.ndarray]


def _step(
    rng: np.random.Generator, values: np.ndarray, first: int, unit: float
) -> np.ndarray:
    """The level changes and stays."""
    values[first:] += 0.4 * rng.standard_normal() * unit
    return values


def _ramp(
    rng: np.random.Generator, values: np.ndarray, first: int, unit: float
) -> np.ndarray:
    """The level drifts to another one and stays there."""
    after = np.arange(len(values)) - first
    length = behaviors.log_uniform(rng, 50, len(values))
    return values + 0.6 * rng.standard_normal() * unit * np.clip(after / length, 0, 1)


def _swell(
    rng: np.random.Generator, values: np.ndarray, first: int, unit: float
) -> np.ndarray:
    """The level rises or falls slowly and comes back."""
    length = int(rng.integers(200, 800))
    bump = 0.6 * rng.standard_normal() * unit * np.hanning(length)
    values[first : first + length] += bump[: len(values) - first]
    return values


def _gain(
    rng: np.random.Generator, values: np.ndarray, first: int, unit: float
) -> np.ndarray:
    """The amplitude changes and stays."""
    del unit
    center = values.mean()
    values[first:] = center + rng.uniform(0.75, 1.3) * (values[first:] - center)
    return values


def _noisier(
    rng: np.random.Generator, values: np.ndarray, first: int, unit: float
) -> np.ndarray:
    """A long stretch is noisier."""
    length = int(rng.integers(100, 1000))
    part = values[first : first + length]
    part += rng.uniform(0.02, 0.2) * unit * rng.standard_normal(len(part))
    return values


def _pace(
    rng: np.random.Generator, values: np.ndarray, first: int, unit: float
) -> np.ndarray:
    """From a step on all happens a little faster or slower."""
    del unit
    steps = np.arange(len(values))
    paced = steps + (rng.uniform(0.85, 1.15) - 1) * np.maximum(steps - first, 0)
    width = len(values) - 1
    paced = width - np.abs(paced % (2 * width) - width)
    return np.interp(paced, steps, values)


def _holds(
    rng: np.random.Generator, values: np.ndarray, first: int, unit: float
) -> np.ndarray:
    """Here and there, in training too, a value is held for a few steps."""
    del first, unit
    for start in rng.integers(0, len(values) - 8, rng.integers(2, 20)):
        values[start : start + rng.integers(2, 8)] = values[start]
    return values


def _blips(
    rng: np.random.Generator, values: np.ndarray, first: int, unit: float
) -> np.ndarray:
    """Here and there, in training too, a single step is off."""
    del first
    at = rng.integers(0, len(values), rng.integers(4, 25))
    values[at] += rng.uniform(0.5, 4) * unit * rng.standard_normal(len(at))
    return values


CHANGES: Mapping[str, Change] = {
    "step": _step,
    "ramp": _ramp,
    "swell": _swell,
    "gain": _gain,
    "noisier": _noisier,
    "pace": _pace,
    "holds": _holds,
    "blips": _blips,
}


def add(
    rng: np.random.Generator, values: np.ndarray, train_steps: int, rate: float
) -> np.ndarray:
    """Values `[T]` with unlabeled changes; most begin after the training part.

    Args:
        rng: Source of everything drawn.
        values: `[T]`.
        train_steps: Steps of the training part.
        rate: Mean number of changes.
    """
    values, unit = values.copy(), float(values.std())
    for _ in range(rng.poisson(rate)):
        name = str(rng.choice(list(CHANGES)))
        first = int(rng.integers(train_steps // 2, len(values) - 20))
        values = CHANGES[name](rng, values, first, unit)
    return values
