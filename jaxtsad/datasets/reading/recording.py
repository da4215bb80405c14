"""One recording, however it came: from a file, a frame, an array."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from jaxtsad.types import DataWarning


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """Steps of one entity, ordered in time.

    Attributes:
        values: `[T, C]` float64; missing cells are NaN.
        channels: Names of the C channels.
        time: `[T]` time stamps, increasing: datetime64 in UTC, or numbers; or None.
        labels: `[T]` int8, 1 where the step is anomalous, or None.
        notes: What was mended or is odd, a line each.
        name: Name of the entity.
        named: Whether the channels' names came with the data, not from their position.
        rows: `[N]` the step of each row that was given, where rows were sorted, merged
            or resampled; None: T rows, in order.
        breaks: Steps before which time jumps by more than `max_gap`; windows do not
            cross them.
        zone: Time zone of the stamps as given, or None.
    """

    values: np.ndarray
    channels: tuple[str, ...]
    time: np.ndarray | None = None
    labels: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    name: str = "series"
    named: bool = True
    rows: np.ndarray | None = None
    breaks: tuple[int, ...] = ()
    zone: Any = None

    def __len__(self) -> int:
        return len(self.values)

    def stamps(self, steps: Any = slice(None)) -> pd.Index | None:
        """Time stamps of some steps in the zone they were given in, or None."""
        if self.time is None:
            return None
        index = pd.Index(self.time[steps])
        if self.zone is None or not isinstance(index, pd.DatetimeIndex):
            return index
        return index.tz_localize("UTC").tz_convert(self.zone)

    def noted(self, *notes: str) -> Self:
        """The same with more notes."""
        return dataclasses.replace(self, notes=(*self.notes, *notes))

    def part(self, steps: slice) -> Self:
        """Some of the steps, without notes."""
        start, stop, _ = steps.indices(len(self))
        return dataclasses.replace(
            self,
            values=self.values[steps],
            time=None if self.time is None else self.time[steps],
            labels=None if self.labels is None else self.labels[steps],
            breaks=tuple(b - start for b in self.breaks if start < b < stop),
            notes=(),
            rows=None,
        )

    def given(self, results: np.ndarray) -> np.ndarray:
        """Results of steps `[T, ...]` as those of the rows that were given."""
        return results if self.rows is None else results[self.rows]

    def step(self, row: int) -> int:
        """The step of a row that was given."""
        return row if self.rows is None else int(self.rows[row])

    def ordered(self, channels: Sequence[str]) -> Self:
        """The same with its channels in another order.

        Raises:
            ValueError: If its channels are others. Channels without names are taken
                by position.
        """
        if self.channels == tuple(channels):
            return self
        if sorted(self.channels) == sorted(channels) and self.named:
            index = [self.channels.index(name) for name in channels]
            return dataclasses.replace(
                self, values=self.values[:, index], channels=tuple(channels)
            )
        if not self.named:
            return self
        alike = set(self.channels) & set(channels)
        if len(self.channels) == len(channels) and by_position(channels) and not alike:
            place = _positions(self.channels)
            if place is None:
                return self
            values = self.values[:, np.argsort(place)]
            return dataclasses.replace(self, values=values, channels=tuple(channels))
        raise ValueError(f"{self.name!r} {difference(self.channels, channels)}")

    def warn(self, notes: Sequence[str] | None = None) -> None:
        """Warns of notes, those of the recording where none are given, all in one."""
        notes = self.notes if notes is None else notes
        if notes:
            text = f"{self.name!r}: {'; '.join(notes)}"
            warnings.warn(text, DataWarning, stacklevel=4)


def by_position(names: Sequence[str]) -> bool:
    """Whether names say no more than the position of a channel.

    Example:
        >>> by_position(("channel_0", "channel_1")), by_position(("a", "b"))
        (True, False)
    """
    return _positions(names) == list(range(len(names)))


def _positions(names: Sequence[str]) -> list[int] | None:
    """The positions that names such as `channel_1` or `1` say; None of others."""
    for pattern in ("channel_{}", "{}"):
        known = numbered(len(names), pattern)
        if sorted(names) == sorted(known):
            return [known.index(name) for name in names]
    return None


def numbered(count: int, pattern: str = "channel_{}") -> tuple[str, ...]:
    """Names of channels that have none."""
    return tuple(pattern.format(number) for number in range(count))


def listed(names: Iterable[object]) -> str:
    """Names for an error line, at most twenty of them."""
    shown = [str(name) for name in names]
    more = f" and {len(shown) - 20} more" if len(shown) > 20 else ""
    return ", ".join(shown[:20]) + more


def difference(have: Sequence[str], want: Sequence[str]) -> str:
    """How channels differ from those that are expected, for an error line.

    Example:
        >>> difference(("a", "x"), ("a", "b"))
        'lacks the channel b and has x besides (--drop); those fitted on are a, b (2)'
    """
    lacks = [name for name in want if name not in have]
    beyond = [name for name in have if name not in want]
    fitted = f"those fitted on are {listed(want)} ({len(want)})"
    if by_position(want) or by_position(have):
        return f"has {len(have)} channels, {fitted}"
    parts = []
    if lacks:
        parts.append(f"lacks the channel{'s' * (len(lacks) > 1)} {listed(lacks)}")
    if beyond:
        parts.append(f"has {listed(beyond)} besides (--drop)")
    return f"{' and '.join(parts)}; {fitted}"
