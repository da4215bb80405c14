"""Columns with shared causes, whose relations break, to judge a detector on.

A few sources behave as single columns do. Every column is a mixture of some of them,
late by a few steps, bent and noisy. A fault of the process changes a source and with it
all columns that follow it; a fault of a relation changes a few columns only. Some
columns follow nothing, are constant, have two values or are rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import behaviors, columns, faults, nuisance, streams

SOURCES = (
    "harmonics",
    "daily",
    "wander",
    "slow",
    "levels",
    "set_points",
    "bursts",
    "load",
    "thermostat",
)
OF_PROCESS = ("level", "drift", "amplitude", "frozen", "noise", "paced", "foreign")
OF_RELATION = (
    "level",
    "drift",
    "amplitude",
    "frozen",
    "noise",
    "mirrored",
    "misplaced",
    "foreign",
    "spike",
    "rewired",
)
SIZES = (1.0, 1.5, 2.0, 3.0, 5.0)
LINKS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    np.array,
    np.array,
    np.tanh,
    lambda v: np.exp(np.clip(0.6 * v, -4, 3)),
    lambda v: np.maximum(v, 0),
    lambda v: v * np.abs(v),
)


class _Wiring(NamedTuple):
    """How columns follow sources.

    Attributes:
        weights: `[C, S]`.
        lags: `[C]` steps.
        links: `[C]` index into `LINKS`.
        noise: `[T, C]` scaled noise.
    """

    weights: np.ndarray
    lags: np.ndarray
    links: np.ndarray
    noise: np.ndarray

    def follow(
        self, sources: np.ndarray, column: int, weights: np.ndarray
    ) -> np.ndarray:
        """What a column `[T]` would show of sources `[T, S]`, without noise."""
        mixed, lag = sources @ weights, int(self.lags[column])
        late = np.concatenate([np.repeat(mixed[:1], lag), mixed[: len(mixed) - lag]])
        return LINKS[self.links[column]](late)


def make_coupled(seed: int, *, series: int = 0) -> columns.Columns:
    """Makes one recording of 4 to 20 columns that share causes.

    Args:
        seed: Seed of the data, at least 0.
        series: Number of the recording under that seed.

    Returns:
        Values `[T, C]` and labels by column; `labels.any(axis=1)` are those of steps.

    Raises:
        ValueError: If the seed or the number is negative.

    Example:
        >>> made = make_coupled(0)
        >>> made.labels[: made.train_steps].any()
        np.False_
    """
    if seed < 0 or series < 0:
        raise ValueError(f"{seed=} and {series=} must be at least 0")
    rng = streams.stream(seed, streams.Use.COUPLED, series)
    train_steps = int(behaviors.log_uniform(rng, 350, 2500))
    steps = train_steps + int(behaviors.log_uniform(rng, 600, 6000))
    sources = _sources(rng, steps, train_steps)
    wiring = _wire(rng, steps, sources.shape[1])
    width = len(wiring.weights)
    labels = np.zeros((steps, width), bool)
    share = rng.choice([0.0, 0.5, 1.0])
    broken = []
    for span in _spans(rng, train_steps, steps):
        if rng.random() < share:
            broken.append(span)
        else:
            source = int(rng.integers(sources.shape[1]))
            if _fail(rng, sources, source, span, train_steps):
                labels[slice(*span)] |= wiring.weights[:, source] != 0
    clean = np.stack(
        [wiring.follow(sources, c, wiring.weights[c]) for c in range(width)], axis=1
    )
    spread = clean[:train_steps].std(axis=0)
    unit = np.where(spread > 1e-6, spread, 1.0)
    values = clean / unit + wiring.noise
    for span in broken:
        _break(rng, values, labels, wiring, sources, unit, span, train_steps)
    names = [_finish(rng, values, labels, c, train_steps) for c in range(width)]
    values = values * np.exp(2 * rng.standard_normal(width))
    return columns.Columns(
        values + rng.standard_normal(width), labels, train_steps, tuple(names)
    )


def _sources(rng: np.random.Generator, steps: int, train_steps: int) -> np.ndarray:
    made = []
    for _ in range(rng.integers(1, 5)):
        name = str(rng.choice(SOURCES))
        period = behaviors.log_uniform(rng, 20, 600)
        values = behaviors.BEHAVIORS[name](rng, steps, period)
        spread = values.std()
        values = (values - values.mean()) / (spread if spread > 1e-9 else 1.0)
        made.append(nuisance.add(rng, values, train_steps, 0.5))
    return np.stack(made, axis=1)


def _wire(rng: np.random.Generator, steps: int, sources: int) -> _Wiring:
    width = int(rng.integers(4, 21))
    weights = rng.standard_normal((width, sources))
    followed = rng.random((width, sources)) < 0.6
    followed[np.arange(width), rng.integers(sources, size=width)] = True
    persistence = rng.choice([0.0, 0.0, 0.7, 0.95], width)
    noise = np.stack(
        [behaviors.autoregressive(rng, steps, float(p)) for p in persistence], axis=1
    )
    levels = [behaviors.log_uniform(rng, 0.03, 1) for _ in range(width)]
    return _Wiring(
        weights=weights * followed,
        lags=rng.integers(0, 8, width) * rng.integers(0, 2, width),
        links=rng.integers(len(LINKS), size=width),
        noise=noise * np.array(levels),
    )


def _spans(
    rng: np.random.Generator, train_steps: int, steps: int
) -> list[tuple[int, int]]:
    """One long fault, or up to five short ones."""
    tested = steps - train_steps
    if rng.random() < 0.35:
        lengths = [int(tested * rng.uniform(0.2, 0.45))]
    else:
        longest = min(300.0, tested / 6)
        count = rng.integers(1, 6)
        lengths = [int(behaviors.log_uniform(rng, 4, longest)) for _ in range(count)]
    starts = [int(rng.integers(train_steps + 10, steps - n)) for n in lengths]
    return [(a, a + n) for a, n in zip(starts, lengths, strict=True)]


def _size(rng: np.random.Generator) -> float:
    return float(rng.choice(SIZES) * rng.choice([-1.0, 1.0]))


def _fail(
    rng: np.random.Generator,
    values: np.ndarray,
    column: int,
    span: tuple[int, int],
    train_steps: int,
    names: tuple[str, ...] = OF_PROCESS,
) -> bool:
    """Changes a column of `values [T, N]` in place; whether it can be seen."""
    name = str(rng.choice(names))
    other = behaviors.draw(rng, len(values))[1]
    changed = faults.change(
        rng, name, values[:, column], span, train_steps, _size(rng), other
    )
    if changed is None:
        return False
    values[slice(*span), column] = changed
    return True


def _break(
    rng: np.random.Generator,
    values: np.ndarray,
    labels: np.ndarray,
    wiring: _Wiring,
    sources: np.ndarray,
    unit: np.ndarray,
    span: tuple[int, int],
    train_steps: int,
) -> None:
    """Changes a few columns of `values [T, C]` in place in the same way."""
    width, inside = values.shape[1], slice(*span)
    name = str(rng.choice(OF_RELATION))
    for c in rng.permutation(width)[: rng.integers(1, max(2, width // 3 + 1))]:
        if name == "rewired":
            drawn = rng.standard_normal((sources.shape[1],))
            followed = wiring.follow(sources, int(c), drawn) / unit[c]
            values[inside, c] = (followed + wiring.noise[:, c])[inside]
            labels[inside, c] = True
        elif _fail(rng, values, int(c), span, train_steps, (name,)):
            labels[inside, c] = True


def _finish(
    rng: np.random.Generator,
    values: np.ndarray,
    labels: np.ndarray,
    column: int,
    train_steps: int,
) -> str:
    """Makes some columns independent, constant, two-valued or rounded, in place."""
    coin, part = rng.random(), values[:train_steps, column]
    if coin < 0.12:
        values[:, column] = behaviors.draw(rng, len(values))[1]
        labels[:, column] = False
        return "independent"
    if coin < 0.17:
        values[:, column] = 1.0
        labels[:, column] = False
        return behaviors.CONSTANT
    if coin < 0.27:
        limit = np.quantile(part, rng.uniform(0.2, 0.98))
        values[:, column] = values[:, column] > limit
        return behaviors.TWO_VALUED
    if coin < 0.4:
        step = part.std() * rng.uniform(0.05, 0.5) + 1e-9
        values[:, column] = np.round(values[:, column] / step) * step
        return "rounded"
    return "coupled"
