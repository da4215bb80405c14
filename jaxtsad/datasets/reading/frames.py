"""Reads one file of any supported kind as a table, or says in one line why not."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd

from jaxtsad.datasets.reading import dialect
from jaxtsad.datasets.reading.files import arrays, limited, reading
from jaxtsad.datasets.reading.recording import listed, numbered

OPENERS: Mapping[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
_VERSION = tuple(int(part) for part in pd.__version__.split(".")[:2])
EXACT: dict[str, Any] = {} if _VERSION >= (3, 1) else {"float_precision": "round_trip"}
"""By which pandas reads the number that was written; from 3.1 on it always does."""
TEXT = (".csv", ".tsv", ".txt", ".dat", ".asc")
JSON = (".json", ".jsonl", ".ndjson")
BINARY = (".parquet", ".npy", ".npz")


class Table(NamedTuple):
    """A file's table.

    Attributes:
        frame: One row per step; a Parquet file keeps its index.
        notes: What was mended or guessed.
        named: Whether the columns have names of their own.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    named: bool = True


def frame(path: str | os.PathLike[str], **options: Any) -> pd.DataFrame:
    """Reads a file as a table with named columns; see `read`."""
    return read(path, **options).frame


def read(
    path: str | os.PathLike[str],
    *,
    key: str | None = None,
    extra: Sequence[str | None] = (),
    separator: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
    missing: Sequence[float | str] = (),
) -> Table:
    """Reads a file as a table with named columns and at least one row.

    Args:
        path: `.csv`, `.tsv`, `.txt`, `.dat` (also packed: `.gz`, `.bz2`, `.xz`),
            `.json`, `.jsonl`, `.parquet`, `.npy` or `.npz`. Columns without names are
            `channel_0`, `channel_1`, ...
        key: The array within a `.npz` that holds the values; None: the only one that is
            not named in `extra`.
        extra: Names of further arrays `[T]` of a `.npz` to add as columns.
        separator: Between the cells of a text file, by sign or word (see
            `dialect.SEPARATORS`); None: found out.
        header: Whether the first line of a text file's table names the columns; None:
            found out.
        decimal: The decimal sign of a text file, `.` or `,`; None: found out.
        missing: Words of a text file that stand for a missing value.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file cannot be read as a table.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, expected a file")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    packed = path.suffix.lower() in OPENERS
    suffix = pathlib.Path(path.stem if packed else path.name).suffix.lower()
    if suffix not in TEXT + JSON + (() if packed else BINARY):
        choices = ", ".join((*TEXT, *JSON, *BINARY))
        raise ValueError(f"{path} is of unknown kind {suffix!r}, expected {choices}")
    if decimal not in (None, ".", ","):
        raise ValueError(f"{decimal=} is unknown; the choices are . and ,")
    with reading(path):
        if suffix in TEXT:
            table = _text(path, separator, header, decimal, missing)
        elif suffix in JSON:
            table = Table(_json(path, suffix))
        elif suffix == ".parquet":
            table = Table(pd.read_parquet(path))
        else:
            table = _arrays(path, key, [name for name in extra if name])
    if table.frame.shape[0] == 0 or table.frame.shape[1] == 0:
        raise ValueError(f"{path} is empty, expected at least one row and one column")
    return table


def text_chunks(
    path: str | os.PathLike[str],
    rows: int,
    *,
    separator: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
    missing: Sequence[float | str] = (),
) -> Iterator[Table]:
    """Reads a text file `rows` rows at a time, for files larger than memory.

    Args:
        path: See `read`.
        rows: Rows of each table but the last.
        separator: See `read`.
        header: See `read`.
        decimal: See `read`.
        missing: See `read`.

    Raises:
        ValueError: If the file cannot be read as a table.
    """
    path = pathlib.Path(path)
    with reading(path):
        encoding, how = _sniffed(path, separator, header, decimal)
        if how is None:
            return
        checked = False
        waiting: Table | None = None
        with _open(path) as stream:
            text = io.TextIOWrapper(stream, encoding=encoding)
            for table in _parsed(text, how, missing, chunksize=rows):
                if not checked and table.iloc[:, -1].isna().any():
                    _check_width(path, encoding, how)
                    checked = True
                if waiting is not None:
                    yield waiting
                waiting = _titled(table, how, encoding)
        if waiting is not None:
            yield _without_empty_end(waiting)


def column(table: pd.DataFrame, name: str, path: str | os.PathLike[str]) -> pd.Series:
    """One column of a table.

    Args:
        table: What `frame` read.
        name: The column.
        path: Where it comes from, for the error line.

    Raises:
        ValueError: If there is no such column; the line lists those that are there.
    """
    if name not in table.columns:
        raise ValueError(
            f"{path} has no column {name!r}, it has {listed(table.columns)}"
        )
    return table[name]


def _text(
    path: pathlib.Path,
    separator: str | None,
    header: bool | None,
    decimal: str | None,
    missing: Sequence[float | str],
) -> Table:
    encoding, how = _sniffed(path, separator, header, decimal)
    if how is None:
        return Table(pd.DataFrame())
    with _open(path) as stream:
        text = io.TextIOWrapper(stream, encoding=encoding)
        try:
            table = _parsed(text, how, missing)
        except pd.errors.EmptyDataError:
            return Table(pd.DataFrame())
    if len(table) and table.iloc[:, -1].isna().any():
        _check_width(path, encoding, how)
    return _without_empty_end(_titled(table, how, encoding))


def _sniffed(
    path: pathlib.Path, separator: str | None, header: bool | None, decimal: str | None
) -> tuple[str, dialect.Dialect | None]:
    """The encoding of a text file and how its table is written, None where empty."""
    encoding = dialect.encoding_of(lambda: _open(path))
    with _open(path) as stream:
        text = io.TextIOWrapper(stream, encoding=encoding)
        how = dialect.sniff(text, separator=separator, decimal=decimal, header=header)
    return encoding, how


def _parsed(
    text: IO[str],
    how: dialect.Dialect,
    missing: Sequence[float | str],
    **more: Any,
) -> Any:
    """The table below its names, or with a `chunksize` the tables."""
    source: Any = dialect.WithoutComments(text, how.skip) if how.comments else text
    return pd.read_csv(
        source,
        sep=r"\s+" if how.separator == " " else how.separator,
        header=None,
        skiprows=how.skip,
        decimal=how.decimal,
        na_values=[str(word) for word in missing if isinstance(word, str)],
        skipinitialspace=True,
        low_memory=False,
        **EXACT,
        **more,
    )


def _titled(table: pd.DataFrame, how: dialect.Dialect, encoding: str) -> Table:
    """A table with its columns' names and what was mended."""
    if how.names:
        if len(how.names) != table.shape[1]:
            raise ValueError(
                f"rows have {table.shape[1]} cells, names {len(how.names)}"
            )
        table.columns = [
            name or f"Unnamed: {number}" for number, name in enumerate(how.names)
        ]
        _check_names(how.names)
    else:
        table.columns = list(numbered(table.shape[1]))
    if not how.names or not how.names[-1]:
        if table.shape[1] > 1 and table.iloc[:, -1].isna().all():
            table = table.iloc[:, :-1]
    notes = how.notes
    if encoding in ("cp1252", "latin-1"):
        notes = (*notes, "it is no UTF-8 and is read as Latin-1")
    return Table(table, notes, bool(how.names))


def _without_empty_end(table: Table) -> Table:
    """The rows up to the last that holds anything; a file's own end, not a part's."""
    filled = np.flatnonzero(table.frame.notna().any(axis=1))
    if table.frame.shape[1] < 2 or not filled.size:
        return table
    extra = len(table.frame) - int(filled[-1]) - 1
    if not extra:
        return table
    note = f"{extra} empty rows at the end left out"
    frame = table.frame.iloc[: len(table.frame) - extra]
    return table._replace(frame=frame, notes=(note, *table.notes))


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise ValueError(
            f"column {twice[0]!r} is there {names.count(twice[0])} times; rename one"
        )


def _check_width(path: pathlib.Path, encoding: str, how: dialect.Dialect) -> None:
    # pandas pads a short row with missing cells, which would hide a truncated file.
    with _open(path) as stream:
        text = io.TextIOWrapper(stream, encoding=encoding)
        for number, line in enumerate(text, 1):
            if number <= how.skip or not line.strip():
                continue
            if how.comments and dialect.is_comment(line):
                continue
            cells = dialect.split(line.rstrip("\r\n"), how.separator)
            if len(cells) != how.width and line.count('"') % 2 == 0:
                raise ValueError(
                    f"line {number} has {len(cells)} cells, expected {how.width}"
                )


def _json(path: pathlib.Path, suffix: str) -> pd.DataFrame:
    with _open(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig")
        try:
            if suffix != ".json":
                return pd.DataFrame([json.loads(line) for line in text if line.strip()])
            return pd.DataFrame(json.load(text))
        except (AttributeError, TypeError, RecursionError) as error:
            raise ValueError(f"it holds no table: {error}") from None


def _arrays(path: pathlib.Path, key: str | None, extra: list[str]) -> Table:
    loaded = arrays(path)
    rest = [name for name in loaded if name not in extra]
    if key is None and len(rest) != 1:
        raise ValueError(
            f"it holds the arrays {listed(rest)}, choose one with key (--key)"
        )
    if key is not None and key not in loaded:
        raise ValueError(f"it has no array {key=}; the choices are {listed(loaded)}")
    values = loaded[key or rest[0]]
    if values.dtype.names:
        return Table(pd.DataFrame(values))
    if values.ndim not in (1, 2):
        raise ValueError(f"{values.shape=}, expected [steps] or [steps, channels]")
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{values.dtype=}, expected numbers")
    values = values[:, None] if values.ndim == 1 else values
    table = pd.DataFrame(values, columns=list(numbered(values.shape[1])))
    for name in extra:
        if name in loaded:
            if loaded[name].shape != (len(values),):
                raise ValueError(
                    f"array {name!r} is {loaded[name].shape}, expected ({len(values)},)"
                )
            table[name] = np.asarray(loaded[name])
    return Table(table, named=False)


def _open(path: pathlib.Path) -> IO[bytes]:
    stream: IO[bytes] = OPENERS.get(path.suffix.lower(), open)(path, "rb")
    return limited(stream, path) if path.suffix.lower() in OPENERS else stream
