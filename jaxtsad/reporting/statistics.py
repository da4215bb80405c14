"""A recording in numbers: its parts, its channels, what is missing, its events."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.reading import spans
from jaxtsad.datasets.reading.spans import Span
from jaxtsad.evaluation import segments
from jaxtsad.types import Series

CONSTANT, BINARY, VALUES = "constant", "command", "values"


class Part(NamedTuple):
    """A training or test part as it was recorded.

    Attributes:
        name: `training part`, `test part` or `recording`.
        values: `[T, C]`, not finite where nothing was recorded.
        labels: `[T]` 0/1, or None where there are none.
        events: True events `(start, stop, kind)`, stop exclusive.
    """

    name: str
    values: np.ndarray
    labels: np.ndarray | None
    events: tuple[Span, ...]


class Statistics(NamedTuple):
    """One channel of one part; nan where it has no finite value.

    Attributes:
        mean: Mean.
        sd: Standard deviation.
        low: Smallest value.
        high: Largest value.
        missing: Cells that are not finite.
    """

    mean: float
    sd: float
    low: float
    high: float
    missing: int


class Missing(NamedTuple):
    """What a part lacks.

    Attributes:
        cells: Cells that are not finite.
        steps: Steps with such a cell.
        longest: The most steps in a row in which one channel has no value.
        channels: How many channels have such a cell.
    """

    cells: int
    steps: int
    longest: int
    channels: int


def parts(series: Series) -> list[Part]:
    """The parts of a recording, each with the labels it has."""
    marked = series.metadata.get("train_labels")
    events = () if marked is None else spans.runs(marked)
    name = "recording" if series.test is None else "training part"
    split = [Part(name, series.train, marked, events)]
    if series.test is not None:
        events = series.kinds
        if series.labels is not None and not events:
            events = spans.runs(series.labels)
        split.append(Part("test part", series.test, series.labels, events))
    return split


def kinds(series: Series) -> list[str]:
    """Whether each channel is constant, a 0/1 command, or has values in between.

    Example:
        >>> kinds(Series("a", np.array([[0.0, 1, 5], [1, 1, 6]])))
        ['command', 'constant', 'values']
    """
    recorded = [series.train] if series.test is None else [series.train, series.test]
    names = []
    for column in np.concatenate(recorded).T:
        known = np.unique(column[np.isfinite(column)])
        if len(known) < 2:
            names.append(CONSTANT)
        else:
            binary = len(known) == 2 and set(known.tolist()) == {0.0, 1.0}
            names.append(BINARY if binary else VALUES)
    return names


def statistics(values: np.ndarray) -> list[Statistics]:
    """Statistics of each channel of `values [T, C]`, in float64.

    Example:
        >>> statistics(np.array([[1.0], [np.nan], [3.0]]))
        [Statistics(mean=2.0, sd=1.0, low=1.0, high=3.0, missing=1)]
    """
    rows = []
    for column in values.T.astype(np.float64):
        known = column[np.isfinite(column)]
        missing = len(column) - len(known)
        if not len(known):
            nan = float("nan")
            rows.append(Statistics(nan, nan, nan, nan, missing))
            continue
        mean, sd = float(known.mean()), float(known.std())
        low, high = float(known.min()), float(known.max())
        rows.append(Statistics(mean, sd, low, high, missing))
    return rows


def missing(values: np.ndarray) -> Missing:
    """What `values [T, C]` lack.

    Example:
        >>> missing(np.array([[0.0, 1.0], [np.nan, 1.0], [np.nan, np.inf]]))
        Missing(cells=3, steps=2, longest=2, channels=2)
    """
    holes = ~np.isfinite(values)
    hit = np.flatnonzero(holes.any(axis=0))
    runs = [segments.segments(holes[:, channel]) for channel in hit]
    longest = max((int((run[:, 1] - run[:, 0]).max()) for run in runs), default=0)
    steps = int(holes.any(axis=1).sum())
    return Missing(int(holes.sum()), steps, longest, len(hit))


def longest_constant(values: np.ndarray) -> int:
    """The most steps in a row for which a channel `[T]` keeps one value.

    Example:
        >>> longest_constant(np.array([1.0, 2.0, 2.0, 2.0, 1.0]))
        3
    """
    same = np.diff(values) == 0
    runs = segments.segments(same)
    return int((runs[:, 1] - runs[:, 0]).max()) + 1 if len(runs) else 1


def outside(series: Series) -> list[float]:
    """Share of test steps of each channel beyond the range of the training part."""
    assert series.test is not None
    shares = []
    for train, test in zip(series.train.T, series.test.T, strict=True):
        train, test = train[np.isfinite(train)], test[np.isfinite(test)]
        if not len(train) or not len(test):
            shares.append(float("nan"))
            continue
        beyond = (test < train.min()) | (test > train.max())
        shares.append(float(beyond.mean()))
    return shares
