"""Screening: finds missing cells and fills them from the past."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxtsad import blocks

MISSING_LIMIT = 1e-4
"""Share of missing cells above which `Screening.excessive` says so."""


class Screening(NamedTuple):
    """What `screen` found and filled.

    Attributes:
        steps: Length T of the series.
        cells: Number of cells `T * C`.
        missing: How many of them were not finite.
        channels: Columns that had any.
        backward: Cells at the start that had no past and took the first later value.
    """

    steps: int
    cells: int
    missing: int
    channels: tuple[int, ...]
    backward: int

    @property
    def fraction(self) -> float:
        """Share of cells that were not finite."""
        return self.missing / self.cells if self.cells else 0.0

    @property
    def excessive(self) -> bool:
        """Whether so much was missing that the user should be told."""
        return self.fraction > MISSING_LIMIT


def screen(
    values: np.ndarray,
    *,
    name: str = "series",
    before: np.ndarray | None = None,
    fill: np.ndarray | None = None,
) -> tuple[np.ndarray, Screening]:
    """Fills missing cells with the last value before them.

    Everything that is not finite counts as missing. Only past values are used; cells at
    the very start, which have none, take the first value of their column, unless
    `before` says what came before the series.

    Args:
        values: `[T, C]`, ordered in time.
        name: Name of the series, for the error line.
        before: `[C]`, the last known value of each channel before the series, or None.
        fill: `[C]`, what a channel without any finite value holds; None for zeros.

    Returns:
        The filled series (the array itself where nothing was missing) and the record.

    Raises:
        ValueError: If the rank is not 2, the series is empty or no column holds
            a finite value.

    Example:
        >>> filled, record = screen(np.array([[np.nan], [1.0], [np.inf], [4.0]]))
        >>> filled.ravel(), record.missing, record.backward
        (array([1., 1., 1., 4.]), 2, 1)
    """
    if values.ndim != 2 or values.size == 0:
        raise ValueError(
            f"{values.shape=} of {name!r}, expected [steps, channels] and not empty"
        )
    steps = len(values)
    if isinstance(values, blocks.DiskArray):
        return _on_disk(values, name)
    finite = np.isfinite(values)
    if finite.all():
        return values, Screening(steps, values.size, 0, (), 0)
    dead = np.flatnonzero(~finite.any(axis=0))
    if dead.size == values.shape[1] and before is None:
        raise ValueError(f"{name!r} holds no finite value in {steps} steps")
    if before is not None and not np.isfinite(before).all():
        raise ValueError(f"{before=} of {name!r} must be finite")
    filled, backward = values.copy(), 0
    holes = np.flatnonzero(~finite.all(axis=0))
    for channel in holes:
        column, known = values[:, channel], finite[:, channel]
        if before is not None:
            first = before[channel]
        elif channel in dead:
            first = 0.0 if fill is None else fill[channel]
        else:
            first = column[known][0]
        source = np.maximum.accumulate(np.where(known, np.arange(1, steps + 1), 0))
        filled[:, channel] = np.concatenate([[first], column])[source]
        backward += 0 if before is not None else int((source == 0).sum())
    missing = int((~finite).sum())
    channels_hit = tuple(int(channel) for channel in holes)
    return filled, Screening(steps, values.size, missing, channels_hit, backward)


def _on_disk(values: blocks.DiskArray, name: str) -> tuple[Any, Screening]:
    """The same of a series on disk, block by block."""
    steps, channels = values.shape
    first = np.zeros(channels)
    backward, count = np.full(channels, steps), np.zeros(channels, int)
    start = 0
    for rows in blocks.blocks(values):
        known = np.isfinite(rows)
        count += (~known).sum(axis=0)
        new = known.any(axis=0) & (backward == steps)
        row = known.argmax(axis=0)
        first = np.where(new, rows[row, np.arange(channels)], first)
        backward = np.where(new, start + row, backward)
        start += len(rows)
    if not count.any():
        return values, Screening(steps, values.size, 0, (), 0)
    if (count == steps).all():
        raise ValueError(f"{name!r} holds no finite value in {steps} steps")

    def filled() -> Iterator[np.ndarray]:
        before = first
        for rows in blocks.blocks(values):
            made, _ = screen(rows, before=before)
            before = made[-1]
            yield made

    holes = tuple(int(channel) for channel in np.flatnonzero(count))
    missing = int(count.sum())
    record = Screening(steps, values.size, missing, holes, int(backward.sum()))
    return blocks.stored(filled()), record
