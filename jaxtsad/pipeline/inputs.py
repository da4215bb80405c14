"""Arrays and data frames from users: series, one or many, and samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtsad.datasets.reading import columns, containers, fills, tables
from jaxtsad.datasets.reading.recording import Recording, by_position, listed

SMALL = (bool, np.uint8, np.int8, np.uint16, np.int16, np.float16, np.float32)
"""Types of samples that are not widened before they are scaled."""


class Recordings(NamedTuple):
    """What a user handed over.

    Attributes:
        series: The recordings.
        keys: Keys of a mapping as given, in order; empty for a list or a single series.
        single: Whether one series was given bare.
    """

    series: tuple[Recording, ...]
    keys: tuple[Any, ...]
    single: bool

    def like(self, results: Sequence[Any]) -> Any:
        """Results in the shape of the input: bare, a list, or a mapping."""
        if self.single:
            return results[0]
        if self.keys:
            return dict(zip(self.keys, results, strict=True))
        return list(results)

    def of_rows(self, results: Sequence[np.ndarray]) -> Any:
        """Results of steps `[T, ...]` as those of the rows that were given."""
        pairs = zip(self.series, results, strict=True)
        return self.like([one.given(each) for one, each in pairs])

    def members(self, entities: Sequence[str | None]) -> list[int]:
        """Which of the members that were fitted each series belongs to.

        Args:
            entities: The members' entities; one alone takes any number of series.

        Raises:
            ValueError: If a series is none of them, or there are not as many.
        """
        if len(entities) == 1:
            return [0] * len(self.series)
        if self.keys:
            for one in self.series:
                if one.name not in entities:
                    raise ValueError(
                        f"{one.name!r} is none of the entities fitted on: "
                        f"{', '.join(map(str, entities))}"
                    )
            return [entities.index(one.name) for one in self.series]
        if len(self.series) != len(entities):
            raise ValueError(
                f"{len(entities)} models were fitted, one per entity: expected a list "
                f"of {len(entities)} series or a mapping by name, got "
                f"{len(self.series)}"
            )
        return list(range(len(entities)))


def recordings(
    data: Any, options: tables.Options | None = None, *, fitting: bool = False
) -> Recordings:
    """Reads one series or several, and warns of what was mended in each.

    Args:
        data: `[T, C]` array (or `[T]`, one channel), frame, labeled array, a list of
            them, or a mapping from names to them. Nested lists of numbers that are
            equally long are one series `[T, C]`.
        options: How to read frames; None: as they are.
        fitting: Whether they are fitted on: likely fill values are told then.

    Raises:
        ValueError: If something is not numeric, empty or of a wrong rank, or the
            channels of several series differ.
        DataWarning: A warning, where something was mended or is odd.

    Example:
        >>> [(one.name, one.values.shape) for one in recordings([[0.0], [1.0]]).series]
        [('series', (2, 1))]
    """
    given = _read(data, options or tables.Options())
    for one in given.series:
        # Whoever read a file has told its notes.
        notes = () if containers.is_read(data) else one.notes
        one.warn((*notes, *fills.notes(one)) if fitting else notes)
    return given


def _read(data: Any, options: tables.Options) -> Recordings:
    if containers.is_mapping(data):
        names = [str(key) for key in data]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two keys are called {twice[0]!r}; names must be unique")
        series = [_one(each, str(key), options) for key, each in data.items()]
        return _same_channels(Recordings(tuple(series), tuple(data), False))
    if isinstance(data, list | tuple) and not _is_one(data):
        if not data:
            raise ValueError("expected at least one series, got an empty list")
        each = enumerate(data)
        series = [_one(one, f"series_{number}", options) for number, one in each]
        return _same_channels(Recordings(tuple(series), (), False))
    read = containers.read(data, "series", options)
    if options.entity_column is None:
        return Recordings(tuple(read), (), True)
    return Recordings(tuple(read), tuple(one.name for one in read), False)


def _is_one(data: Sequence[Any]) -> bool:
    """Whether a list is one series: of numbers, or of equally long rows of numbers."""
    if not data or any(containers.is_frame(each) for each in data):
        return False
    if all(np.ndim(each) == 0 for each in data):
        return True
    if any(isinstance(each, np.ndarray) for each in data):
        return False
    lists = all(isinstance(each, list | tuple) for each in data)
    return (
        lists
        and len({len(each) for each in data}) == 1
        and all(np.ndim(cell) == 0 for each in data for cell in each)
    )


def _one(data: Any, name: str, options: tables.Options) -> Recording:
    if containers.is_mapping(data):
        raise ValueError(f"{name!r} is a mapping itself; expected a series")
    [read] = containers.read(data, name, options)
    return dataclasses.replace(read, name=name)


def _same_channels(given: Recordings) -> Recordings:
    if not given.series:
        raise ValueError("expected at least one series, got none")
    first = given.series[0]
    same = []
    for one in given.series:
        try:
            same.append(one.ordered(first.channels))
        except ValueError:
            raise ValueError(
                f"{one.name!r} has the channels {', '.join(one.channels[:8])} "
                f"({len(one.channels)}), {first.name!r} has "
                f"{', '.join(first.channels[:8])} ({len(first.channels)})"
            ) from None
    return given._replace(series=tuple(same))


class NamedSamples(NamedTuple):
    """What a user handed over: `[N, ...]` numbers, finite, and their columns' names."""

    values: np.ndarray
    names: tuple[str, ...] = ()

    def ordered(self, names: Sequence[str]) -> NamedSamples:
        """The same with its columns in the order of those fitted on.

        Args:
            names: Of the columns fitted on; none where they had none.

        Raises:
            ValueError: If its columns are others.
        """
        want = tuple(names)
        if self.names == want or not (self.names and want):
            return self
        if sorted(self.names) == sorted(want):
            order = [self.names.index(name) for name in want]
            return NamedSamples(self.values[:, order], want)
        if by_position(self.names) or by_position(want):
            return self
        raise ValueError(
            f"columns {listed(self.names)} differ from those fitted on, {listed(want)}"
        )


def samples(data: Any) -> NamedSamples:
    """Reads samples: an array `[N, D]`, `[N, L, C]` or `[N, H, W, C]`, or a frame.

    Raises:
        ValueError: If something is not numeric, not finite, empty or of a wrong rank.

    Example:
        >>> samples([[1, 2], [3, 4]]).values.shape
        (2, 2)
    """
    names: tuple[str, ...] = ()
    table = containers.as_frame(data)
    if table is not None:
        names = tuple(str(column) for column in table.columns)
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(
                f"samples have {names.count(twice[0])} columns {twice[0]!r}; rename one"
            )
        values = columns.numbers(table, "samples")
    elif type(data) is np.ndarray and data.dtype in SMALL:
        values = data
    else:
        values = containers.as_numbers(data, "samples")
    if values.ndim not in (2, 3, 4) or values.size == 0:
        raise ValueError(
            f"samples have {values.shape=}; expected rows [N, D], windows [N, L, C] or "
            "images [N, H, W, C]"
        )
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        raise ValueError(
            f"sample {int(bad.argmax())} holds a number that is not finite, NaN or "
            f"inf ({int(bad.sum())} of {len(values)} do); fill it or leave it out"
        )
    return NamedSamples(values, names)
