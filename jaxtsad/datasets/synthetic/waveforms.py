"""Clean signals of the taxonomy generator: one periodic wave per dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import streams, taxonomy_options


def _two_sines(phase: np.ndarray) -> np.ndarray:
    return np.sin(phase) + 0.4 * np.sin(3 * phase)


def _square(phase: np.ndarray) -> np.ndarray:
    orders = 2 * np.arange(20) + 1
    return (np.sin(phase[:, None] * orders[None]) / orders[None]).sum(axis=1)


def _triangle(phase: np.ndarray) -> np.ndarray:
    # It rises over three quarters of a period: a symmetric triangle correlates with a
    # sine at .993 and would be harder to see than the cubed sine.
    rise = 0.75
    turn = (phase / (2 * np.pi) + rise / 2) % 1.0
    falling = 1 - (turn - rise) / (1 - rise) * 2
    return np.where(turn < rise, turn / rise * 2 - 1, falling)


def _cubed(phase: np.ndarray) -> np.ndarray:
    return np.sin(phase) ** 3


SHAPES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "sine": np.sin,
    "cosine": np.cos,
    "two_sines": _two_sines,
    "square": _square,
    "triangle": _triangle,
    "cubed": _cubed,
}
BASES = ("sine", "cosine", "two_sines")


class Wave(NamedTuple):
    """The clean signal of one dimension, `offset + coef * amplitude * shape(phase)`.

    Attributes:
        shape: Name of its shape.
        other: Name of the shape it has where `switched`.
        period: Steps per period.
        phase: Phase at step 0, radians.
        coef: Coefficient of the shape.
        offset: Added constant.
        noise: Standard deviation of the noise.
        amplitude: `[horizon]` slow modulation, 1 unless the base is "am".
        switched: `[horizon]` bool, false unless the base is "switching".
    """

    shape: str
    other: str
    period: int
    phase: float
    coef: float
    offset: float
    noise: float
    amplitude: np.ndarray
    switched: np.ndarray

    def phases(self, steps: np.ndarray) -> np.ndarray:
        """Phases at `steps [T]`, exactly periodic in the period."""
        return self.phase + 2 * np.pi * (steps % self.period) / self.period

    def draw(
        self, steps: np.ndarray, phases: np.ndarray, shape: str | None = None
    ) -> np.ndarray:
        """The wave without its offset at `steps [T]`, with other phases or shape."""
        if shape is not None:
            # Shapes replace the wave where it is: a cosine is a sine a quarter ahead.
            phases = phases + (np.pi / 2 if self.shape == "cosine" else 0.0)
            curve = SHAPES[shape](phases)
        else:
            curve = np.where(
                self.switched[steps],
                SHAPES[self.other](phases),
                SHAPES[self.shape](phases),
            )
        return self.coef * self.amplitude[steps] * curve


def reflect(walk: np.ndarray, low: float, high: float) -> np.ndarray:
    """Reflects a walk `[T]` at both borders."""
    width = high - low
    return low + width - np.abs((walk - low) % (2 * width) - width)


def _wander(
    options: taxonomy_options.Options, seed: int, series: int, dim: int
) -> tuple[np.ndarray, np.ndarray]:
    horizon = options.T_train + options.T_val + options.T_test
    rng = streams.stream(seed, streams.Use.WANDER, series, dim)
    amplitude, switched = np.ones(horizon), np.zeros(horizon, bool)
    if options.base == "am":
        amplitude = reflect(1 + np.cumsum(rng.normal(0, 0.01, horizon)), 0.6, 1.4)
    if options.base == "switching":
        ends = np.cumsum(rng.integers(200, 601, horizon // 200 + 1))
        switched = np.searchsorted(ends, np.arange(horizon), side="right") % 2 == 1
    return amplitude, switched


def draw_wave(
    options: taxonomy_options.Options, seed: int, series: int, dim: int
) -> Wave:
    """Draws the wave of one dimension; it depends on no other dimension.

    Args:
        options: Options of the generator.
        seed: Seed of the data.
        series: Number of the series.
        dim: Number of the dimension.
    """
    rng = streams.stream(seed, streams.Use.BASE, series, dim)
    shape = BASES[rng.integers(len(BASES))]
    other = BASES[(BASES.index(shape) + rng.integers(1, len(BASES))) % len(BASES)]
    period = int(options.periods[rng.integers(len(options.periods))])
    phase, coef, offset = rng.uniform([0, 1, -2], [2 * np.pi, 2.5, 2])
    if options.waves:
        shape, coef, offset = options.waves[dim % len(options.waves)]
        phase = 0.0
    amplitude, switched = _wander(options, seed, series, dim)
    return Wave(
        shape=shape,
        other=other,
        period=period,
        phase=float(phase),
        coef=float(coef),
        offset=float(offset),
        noise=0.05 * float(coef),
        amplitude=amplitude,
        switched=switched,
    )
