"""Columns with labeled anomalies and unlabeled nuisance, to train a detector on.

Each column behaves in one of many ways, is changed by things nobody would call an
anomaly, and fails a few times after its training part. Labels are of the faults alone.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import behaviors, faults, nuisance, streams


@dataclasses.dataclass(frozen=True)
class ColumnOptions:
    """How columns are made.

    Attributes:
        steps: Steps T of every column.
        train_steps: Least and most steps of the training part, which has no fault.
        nuisance: Mean number of unlabeled changes of a column.
        quiet: Share of columns without a fault.
        faults: Most faults of a column.
    """

    steps: int = 2048
    train_steps: tuple[int, int] = (400, 1000)
    nuisance: float = 0.4
    quiet: float = 1 / 6
    faults: int = 3

    def __post_init__(self) -> None:
        low, high = self.train_steps
        if not 64 <= low <= high <= self.steps - faults.LONGEST - 64:
            raise ValueError(
                f"train_steps={self.train_steps} must rise, from 64 to at most "
                f"{faults.LONGEST + 64} below steps={self.steps}"
            )
        if self.nuisance < 0:
            raise ValueError(f"nuisance={self.nuisance} must be at least 0")
        if not 0 <= self.quiet <= 1:
            raise ValueError(f"quiet={self.quiet} must be between 0 and 1")
        if self.faults < 1:
            raise ValueError(f"faults={self.faults} must be at least 1")


class Columns(NamedTuple):
    """Columns that know nothing of each other.

    Attributes:
        values: `[T, C]`.
        labels: `[T, C]` bool, true within a fault of that column.
        train_steps: Steps of the training part.
        behaviors: Name of each column's behavior.
    """

    values: np.ndarray
    labels: np.ndarray
    train_steps: int
    behaviors: tuple[str, ...]


def make_columns(
    seed: int,
    *,
    batch: int = 0,
    columns: int = 32,
    options: ColumnOptions | None = None,
) -> Columns:
    """Makes independent columns.

    Args:
        seed: Seed of the data, at least 0.
        batch: Number of the batch under that seed.
        columns: Number C of columns; the first ones do not depend on it.
        options: How they are made.

    Raises:
        ValueError: If the seed, the batch or the number of columns is out of range.

    Example:
        >>> made = make_columns(0, columns=4)
        >>> made.values.shape, made.labels[: made.train_steps].any()
        ((2048, 4), np.False_)
    """
    if seed < 0 or batch < 0:
        raise ValueError(f"{seed=} and {batch=} must be at least 0")
    if columns < 1:
        raise ValueError(f"{columns=} must be at least 1")
    options = options or ColumnOptions()
    rng = streams.stream(seed, streams.Use.COLUMNS, batch)
    train_steps = int(rng.integers(options.train_steps[0], options.train_steps[1] + 1))
    values = np.empty((options.steps, columns))
    labels = np.zeros((options.steps, columns), bool)
    names = []
    for column in range(columns):
        rng = streams.stream(seed, streams.Use.COLUMNS, batch, column + 1)
        name, clean = behaviors.draw(rng, options.steps)
        if name != behaviors.TWO_VALUED:
            clean = nuisance.add(rng, clean, train_steps, options.nuisance)
        _, other = behaviors.draw(rng, options.steps)
        count = 0 if rng.random() < options.quiet else _count(rng, options.faults)
        values[:, column], labels[:, column] = faults.inject(
            rng, name, clean, other, train_steps, count
        )
        names.append(name)
    return Columns(values, labels, train_steps, tuple(names))


def _count(rng: np.random.Generator, most: int) -> int:
    """Number of faults: few are likelier than many."""
    weights = 1 / np.arange(1, most + 1)
    return int(rng.choice(np.arange(1, most + 1), p=weights / weights.sum()))
