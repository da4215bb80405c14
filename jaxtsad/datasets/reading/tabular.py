"""Recordings of one's own: text, JSON, Parquet and NumPy files to `Series`.

A recording is a table with one row per step; every column is a channel but those of
time, labels and entity, and those that are left out.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from jaxtsad import blocks, validation
from jaxtsad.datasets.reading import containers, frames, shards, spans, stamps, tables
from jaxtsad.datasets.reading.recording import Recording
from jaxtsad.types import Series

PathLike: TypeAlias = str | os.PathLike[str]


@validation.config
class Options(tables.Options):
    """How a file is read.

    Attributes:
        key: The array of a `.npz` with the values, if there are several.
        separator: Between the cells of a text file, by sign or word; None: found out.
        decimal: Decimal sign of a text file, `.` or `,`; None: found out.
        header: Whether the first line of a text file's table names the columns; None:
            found out.
    """

    key: str | None = None
    separator: str | None = None
    decimal: str | None = None
    header: bool | None = None


_FIELDS = tuple(field.name for field in dataclasses.fields(Options))
OPTIONS = ("test_path", "boundary", "name", *_FIELDS)
"""Options of `load` by name."""


def options(values: dict[str, Any]) -> Options:
    """Options by name.

    Raises:
        ValueError: If there is no such option or a value does not fit.
    """
    return validation.make(Options, values, "option of a recording")


def read(path: PathLike, **how: Any) -> Recording:
    """Reads one file: text, JSON, `.parquet`, `.npy` or `.npz`, as one recording.

    An array is `[T]` or `[T, C]`, its channels are called `channel_0`, `channel_1` and
    so on; in a `.npz` time stamps and labels are arrays `[T]` of their own.

    Args:
        path: The file; see `frames.read` for its kinds.
        **how: Fields of `Options`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file cannot be read, is empty, has the wrong rank, lacks a
            column or has a cell that is no number. The line says which.
    """
    each = read_all(path, **how)
    if len(each) > 1:
        names = frames.listed(one.name for one in each)
        raise ValueError(f"{path} holds {len(each)} entities, expected one: {names}")
    return each[0]


def read_all(path: PathLike, **how: Any) -> list[Recording]:
    """Reads one file as recordings, one per entity; see `read`."""
    chosen = options(how)
    return _recordings(_table(path, chosen), path, chosen)


def chunks(path: PathLike, rows: int, **how: Any) -> Iterator[Recording]:
    """Reads text, Parquet or `.npy` files as pieces of one recording.

    For files larger than memory. Rows must be in order of time where they have time
    stamps, and parts in order of their names.

    Args:
        path: A file, a folder of parts or a pattern (see `shards.paths`).
        rows: Rows of each piece but the last.
        **how: Fields of `Options`; entities, resampling and gaps need whole files.

    Raises:
        ValueError: As `read`; also if rows are not in order of time.
    """
    chosen = options(how)
    first: Recording | None = None
    before: Any = None
    for table in shards.in_parts(path, rows, **_text(chosen)):
        [piece] = _recordings(table, path, chosen)
        first = first or piece
        if len(piece) != len(table.frame) or piece.rows is not None:
            raise ValueError(
                f"{path} is not in order of time or repeats a time stamp; a file this "
                "large is read in parts, sort it first"
            )
        if piece.time is not None:
            if before is not None and not before < piece.time[0]:
                raise ValueError(
                    f"{path} goes back in time at {piece.time[0]}; a file this large "
                    "is read in parts, sort it first"
                )
            before = piece.time[-1]
        yield piece.ordered(first.channels)


WHOLE = ("resample", "max_gap", "entity_column", "key")
"""Options that need the whole file."""


def is_large(path: PathLike, how: Mapping[str, Any]) -> bool:
    """Whether a file is read in parts: large, and nothing needs it whole."""
    return not any(how.get(name) for name in WHOLE) and shards.is_large(path)


def on_disk(path: PathLike, **how: Any) -> Recording:
    """Reads files as one recording whose values stay on disk (see `chunks`).

    A single `.npy` file of which all columns are channels is used as it is; others are
    copied to a temporary file.

    Args:
        path: See `chunks`.
        **how: Fields of `Options`.

    Raises:
        ValueError: As `chunks`; also if there is no space for the copy.
    """
    parts, chosen = shards.paths(path), options(how)
    whole = not any(getattr(chosen, name) for name in OF_COLUMNS)
    if len(parts) == 1 and shards.kind(parts[0]) == ".npy" and whole:
        return containers.on_disk(shards.mapped(parts[0]), parts[0].stem, chosen)
    about: list[Recording] = []
    rows = 0

    def values() -> Iterator[np.ndarray]:
        for piece in chunks(path, rows, **how):
            about.append(dataclasses.replace(piece, values=piece.values[:0]))
            yield piece.values

    width = next(chunks(path, FIRST, **how)).values.shape[1]
    rows = max(1, blocks.CELLS // width)
    stored: Any = blocks.stored(values())
    return dataclasses.replace(
        about[0],
        values=stored,
        name=parts[0].stem if len(parts) == 1 else pathlib.Path(path).parent.name,
        time=_together([one.time for one in about]),
        labels=_together([one.labels for one in about]),
    )


OF_COLUMNS = ("time_column", "label_column", "channels", "drop")
"""Options that say of a column that it is something else, or elsewhere."""
FIRST = 1000
"""Rows by which the number of channels is told."""


def _together(parts: list[np.ndarray | None]) -> np.ndarray | None:
    each = [part for part in parts if part is not None]
    return np.concatenate(each) if each else None


def load(
    train_path: PathLike,
    test_path: PathLike | None = None,
    boundary: int | float | str | None = None,
    *,
    name: str | None = None,
    **how: Any,
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
        **how: Fields of `Options`. Time stamps are kept as metadata "train_time" and
            "test_time", gaps as "train_breaks" and "test_breaks", what was mended as
            "notes". Of two files only the test file needs labels; those of the training
            part are kept as "train_labels".

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As `read`; also if both `test_path` and `boundary` are given, the
            boundary lies outside the recording or the columns of the files differ.
    """
    [series] = load_all(train_path, test_path, boundary, name=name, **how)
    return series


def load_all(
    train_path: PathLike,
    test_path: PathLike | None = None,
    boundary: int | float | str | None = None,
    *,
    name: str | None = None,
    **how: Any,
) -> list[Series]:
    """Reads recordings as one `Series` per entity; see `load`.

    Values of a recording larger than memory stay on disk (see `on_disk`).
    """
    if test_path is not None and boundary is not None:
        raise ValueError(f"give either {test_path=} or {boundary=}, not both")
    chosen = options(how)
    if test_path is None:
        cut = []
        for whole in _each(train_path, how, name):
            parts: tuple[Recording, Recording | None] = whole, None
            if boundary is not None:
                where = _cut(whole, boundary, train_path)
                parts = whole.part(slice(where)), whole.part(slice(where, None))
            cut.append(_series(*parts, whole.notes))
        return cut
    trained = _each(train_path, how, name, labeled=False)
    tested = _each(test_path, how, name)
    by_name = {one.name: one for one in tested}
    pairs = []
    for one in trained:
        if chosen.entity_column and one.name not in by_name:
            raise ValueError(f"{test_path} has no entity {one.name!r}")
        other = by_name[one.name] if chosen.entity_column else tested[0]
        lacks = [each for each in one.channels if each not in other.channels]
        beyond = [each for each in other.channels if each not in one.channels]
        if one.named and lacks:
            raise ValueError(
                f"{test_path} has no column {lacks[0]!r}, which {train_path} has; it "
                f"has {frames.listed(other.channels)}"
            )
        if one.named and beyond:
            raise ValueError(
                f"{test_path} has columns that {train_path} lacks: "
                f"{frames.listed(beyond)}; name them with --label-column or --drop"
            )
        notes = tuple(dict.fromkeys((*one.notes, *other.notes)))
        pairs.append(_series(one, other.ordered(one.channels), notes))
    return pairs


def _each(
    path: PathLike, how: Mapping[str, Any], name: str | None, labeled: bool = True
) -> list[Recording]:
    """The recordings of a file, one per entity, on disk where it is large.

    Where it need not be labeled the column of labels may be missing.
    """
    chosen = options(dict(how))
    large = is_large(path, how)
    if large:
        table = next(shards.in_parts(path, FIRST, **_text(chosen)))
    else:
        table = _table(path, chosen)
    if not labeled and chosen.label_column not in table.frame.columns:
        chosen = dataclasses.replace(chosen, label_column=None)
    if large:
        fields = {field: getattr(chosen, field) for field in _FIELDS}
        whole = on_disk(path, **fields)
        return [dataclasses.replace(whole, name=name or whole.name)]
    return _recordings(table, path, chosen, name)


def _series(train: Recording, test: Recording | None, notes: tuple[str, ...]) -> Series:
    labels = None if test is None else test.labels
    extras = {
        "train_labels": train.labels,
        "train_time": train.time,
        "test_time": None if test is None else test.time,
        "train_breaks": train.breaks or None,
        "test_breaks": None if test is None else test.breaks or None,
        "notes": notes or None,
    }
    return Series(
        name=train.name,
        train=train.values,
        test=None if test is None else test.values,
        labels=labels,
        channels=train.channels,
        kinds=() if labels is None else spans.runs(labels),
        metadata={key: value for key, value in extras.items() if value is not None},
    )


def _table(path: PathLike, chosen: Options) -> frames.Table:
    return shards.table(
        path,
        key=chosen.key,
        extra=(chosen.time_column, chosen.label_column, chosen.entity_column),
        **_text(chosen),
    )


def _text(chosen: Options) -> dict[str, Any]:
    """How text is read."""
    names = ("separator", "header", "decimal", "missing")
    return {name: getattr(chosen, name) for name in names}


def _recordings(
    table: frames.Table, path: PathLike, chosen: Options, name: str | None = None
) -> list[Recording]:
    name = name or pathlib.Path(path).name.split(".")[0]
    named = table.named
    each = tables.recordings(table.frame, path, chosen, name=name, named=named)
    first = dataclasses.replace(each[0], notes=(*table.notes, *each[0].notes))
    return [first, *each[1:]]


def _cut(whole: Recording, boundary: int | float | str, path: PathLike) -> int:
    steps, time = len(whole.values), whole.time
    if isinstance(boundary, int | np.integer):
        first, last = 1, steps - 1
        cut, span = boundary, f"{first} to {last} for a recording of {steps} steps"
    elif time is None:
        raise ValueError(f"{boundary=} is a time and needs time_column")
    else:
        moment = _moment(boundary, time, whole.zone)
        cut = int(np.searchsorted(time, moment, side="left"))
        span = f"after {time[0]} and up to {time[-1]}"
    if not 0 < cut < steps:
        raise ValueError(f"{boundary=} lies outside {path}, expected {span}")
    return cut


def _moment(
    boundary: float | str, time: np.ndarray, zone: Any
) -> float | np.datetime64:
    """A boundary as the stamps are; without a time zone it is in theirs."""
    dated = time.dtype.kind == "M"
    try:
        if not dated:
            return float(boundary)
        if isinstance(boundary, str):
            stamp = pd.to_datetime(boundary, format="ISO8601")
            if stamp.tz is not None:
                stamp, zone = stamp.tz_convert("UTC").tz_localize(None), None
            return stamps.in_utc(np.array([stamp.to_datetime64()]), zone)[0]
    except ValueError:
        pass
    wanted = "an ISO 8601 time" if dated else "a number like the time column"
    raise ValueError(f"{boundary=} is not {wanted}")
