"""Recordings of one's own: CSV, Parquet and NumPy files to `Series`.

A recording is a table with one row per step, ordered in time; every column is a channel
but the time column and the label column, which are named.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from jaxtsad.datasets.reading import columns, frames, spans
from jaxtsad.types import Series

PathLike: TypeAlias = str | os.PathLike[str]


class Recording(NamedTuple):
    """One file, read.

    Attributes:
        values: `[T, C]` float32; missing cells are NaN (see `screening.screen`).
        channels: Names of the C channels.
        time: `[T]` time stamps (datetime64, or numbers) or None.
        labels: `[T]` int8, 1 where the step is anomalous, or None.
    """

    values: np.ndarray
    channels: tuple[str, ...]
    time: np.ndarray | None
    labels: np.ndarray | None


def read(
    path: PathLike,
    *,
    time_column: str | None = None,
    label_column: str | None = None,
    channels: Sequence[str] | None = None,
    key: str | None = None,
    separator: str | None = None,
    header: bool | None = None,
) -> Recording:
    """Reads one file of text (`.csv`, `.tsv`, `.txt`), `.parquet`, `.npy` or `.npz`.

    Text may be packed (`.gz`, `.bz2`, `.xz`). An array is `[T]` or `[T, C]`, its
    channels are called `channel_0`, `channel_1`, ...; in a `.npz` time stamps and
    labels are arrays `[T]` of their own.

    Args:
        path: The file.
        time_column: Column of time stamps (ISO 8601 or numbers), or None.
        label_column: Column of 0/1 labels, or None.
        channels: Columns to keep, in this order; None: all that remain.
        key: The array of a `.npz` with the values, if there are several.
        separator: Between the cells of a text file; None: tab for `.tsv`, else comma.
        header: Whether the first line of a text file names the columns; None: it does
            unless all its cells are numbers.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file cannot be read, is empty, has the wrong rank, lacks a
            column or has a cell that is no number. The line says which.
    """
    extra = (time_column, label_column)
    table = frames.frame(path, key=key, extra=extra, separator=separator, header=header)
    return _recording(table, path, time_column, label_column, channels)


def load(
    train_path: PathLike,
    test_path: PathLike | None = None,
    boundary: int | float | str | None = None,
    *,
    name: str | None = None,
    time_column: str | None = None,
    label_column: str | None = None,
    channels: Sequence[str] | None = None,
    key: str | None = None,
    separator: str | None = None,
    header: bool | None = None,
) -> Series:
    """Reads a recording as one `Series`, from one file or two.

    Args:
        train_path: The training part, or the whole recording.
        test_path: The test part, or None.
        boundary: Where a whole recording is cut: an int is the index of the first test
            step; a float or a string (ISO 8601, or a number where time stamps are
            numbers) is a time, and the test part begins at the first step not before
            it. None without `test_path`: there is no test part.
        name: Name of the entity; None: the name of the training file.
        time_column: See `read`. Kept as metadata "train_time" and "test_time".
        label_column: See `read`. Of two files only the test file needs it; labels of
            the training part are kept as metadata "train_labels".
        channels: See `read`.
        key: See `read`.
        separator: See `read`.
        header: See `read`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As `read`; also if both `test_path` and `boundary` are given, the
            boundary lies outside the recording or the columns of the files differ.
    """
    if test_path is not None and boundary is not None:
        raise ValueError(f"give either {test_path=} or {boundary=}, not both")

    def table(path: PathLike) -> pd.DataFrame:
        extra = (time_column, label_column)
        return frames.frame(
            path, key=key, extra=extra, separator=separator, header=header
        )

    first = table(train_path)
    if test_path is None:
        whole = _recording(first, train_path, time_column, label_column, channels)
        train, test = whole, None
        if boundary is not None:
            cut = _cut(whole, boundary, train_path)
            train, test = _part(whole, slice(cut)), _part(whole, slice(cut, None))
    else:
        known = label_column if label_column in first.columns else None
        train = _recording(first, train_path, time_column, known, channels)
        second = table(test_path)
        extra = set(second.columns) - {*train.channels, time_column, label_column}
        if channels is None and extra:
            raise ValueError(
                f"{test_path} has columns that {train_path} lacks: "
                f"{frames.listed(sorted(extra))}"
            )
        test = _recording(second, test_path, time_column, label_column, train.channels)
    labels = None if test is None else test.labels
    extras = {
        "train_labels": train.labels,
        "train_time": train.time,
        "test_time": None if test is None else test.time,
    }
    return Series(
        name=name or pathlib.Path(train_path).name.split(".")[0],
        train=train.values,
        test=None if test is None else test.values,
        labels=labels,
        channels=train.channels,
        kinds=() if labels is None else spans.runs(labels),
        metadata={key: value for key, value in extras.items() if value is not None},
    )


def _recording(
    table: pd.DataFrame,
    path: PathLike,
    time_column: str | None,
    label_column: str | None,
    channels: Sequence[str] | None,
) -> Recording:
    special = [name for name in (time_column, label_column) if name is not None]
    for name in (*special, *(channels or ())):
        frames.column(table, name, path)
    stamped = None if time_column is None else table[time_column]
    marked = None if label_column is None else table[label_column]
    kept = list(channels or [name for name in table.columns if name not in special])
    if not kept:
        raise ValueError(f"{path} has no channel beside {' and '.join(special)}")
    return Recording(
        values=columns.numbers(table[kept], path),
        channels=tuple(kept),
        time=None if stamped is None else columns.times(stamped, path),
        labels=None if marked is None else columns.flags(marked, path),
    )


def _part(whole: Recording, part: slice) -> Recording:
    time = None if whole.time is None else whole.time[part]
    labels = None if whole.labels is None else whole.labels[part]
    return Recording(whole.values[part], whole.channels, time, labels)


def _cut(whole: Recording, boundary: int | float | str, path: PathLike) -> int:
    steps, time = len(whole.values), whole.time
    if isinstance(boundary, int | np.integer):
        first, last = 1, steps - 1
        cut, span = boundary, f"{first} to {last} for a recording of {steps} steps"
    elif time is None:
        raise ValueError(f"{boundary=} is a time and needs time_column")
    else:
        back = np.flatnonzero(time[1:] < time[:-1])
        if back.size:
            row = int(back[0]) + 1
            raise ValueError(
                f"{path}: time goes back from {time[row - 1]} to {time[row]} at data "
                f"row {row + 1}; cut by index instead of {boundary=}"
            )
        cut = int(np.searchsorted(time, _moment(boundary, time), side="left"))
        span = f"after {time[0]} and up to {time[-1]}"
    if not 0 < cut < steps:
        raise ValueError(f"{boundary=} lies outside {path}, expected {span}")
    return cut


def _moment(boundary: float | str, time: np.ndarray) -> float | np.datetime64:
    dated = time.dtype.kind == "M"
    try:
        if not dated:
            return float(boundary)
        if isinstance(boundary, str):
            stamp = pd.to_datetime(boundary, utc=True, format="ISO8601")
            return stamp.tz_localize(None).to_datetime64()
    except ValueError:
        pass
    wanted = "an ISO 8601 time" if dated else "a number like the time column"
    raise ValueError(f"{boundary=} is not {wanted}")
