"""Reads one file of any supported kind as a table, or says in one line why not."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TextIO

import pandas as pd

from jaxtsad.datasets.reading.files import arrays, limited, reading

OPENERS: Mapping[str, Callable[..., Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
TEXT = (".csv", ".tsv", ".txt")
BINARY = (".parquet", ".npy", ".npz")


def listed(names: Iterable[object]) -> str:
    """Names for an error line, at most twenty of them."""
    shown = [str(name) for name in names]
    more = f" and {len(shown) - 20} more" if len(shown) > 20 else ""
    return ", ".join(shown[:20]) + more


def frame(
    path: str | os.PathLike[str],
    *,
    key: str | None = None,
    extra: Sequence[str | None] = (),
    separator: str | None = None,
    header: bool | None = None,
) -> pd.DataFrame:
    """Reads a file as a table with named columns and at least one row.

    Args:
        path: `.csv`, `.tsv`, `.txt` (also packed: `.gz`, `.bz2`, `.xz`), `.parquet`,
            `.npy` or `.npz`. Columns of an array are `channel_0`, `channel_1`, ...
        key: The array within a `.npz` that holds the values; None: the only one that is
            not named in `extra`.
        extra: Names of further arrays `[T]` of a `.npz` to add as columns.
        separator: See `tabular.read`.
        header: See `tabular.read`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file cannot be read as a table.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    packed = path.suffix.lower() in OPENERS
    suffix = pathlib.Path(path.stem if packed else path.name).suffix.lower()
    if suffix not in TEXT + (() if packed else BINARY):
        choices = ", ".join((*TEXT, *BINARY))
        raise ValueError(f"{path} is of unknown kind {suffix!r}, expected {choices}")
    with reading(path):
        if suffix in TEXT:
            table = _text(path, separator or {".tsv": "\t"}.get(suffix, ","), header)
        elif suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = _arrays(path, key, [name for name in extra if name])
    if table.shape[0] == 0 or table.shape[1] == 0:
        raise ValueError(f"{path} is empty, expected at least one row and one column")
    return table.set_axis([str(name) for name in table.columns], axis=1)


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


def _text(path: pathlib.Path, separator: str, header: bool | None) -> pd.DataFrame:
    with _open(path) as file:
        rows = (row for row in csv.reader(file, delimiter=separator) if row)
        cells, second = next(rows, []), next(rows, [])
    if not cells:
        return pd.DataFrame()
    if len(second) > len(cells):
        raise ValueError(f"row 2 has {len(second)} cells, expected {len(cells)}")
    if header is None:
        header = not all(map(_is_number, cells))
    with _open(path) as file:
        table = pd.read_csv(
            file, sep=separator, header=0 if header else None, low_memory=False
        )
    if len(table) and table.iloc[:, -1].isna().any():
        _check_width(path, separator, len(cells))
    if not header:
        table.columns = [f"channel_{number}" for number in range(table.shape[1])]
    return table


def _check_width(path: pathlib.Path, separator: str, width: int) -> None:
    # pandas pads a short row with missing cells, which would hide a truncated file.
    with _open(path) as file:
        reader = csv.reader(file, delimiter=separator)
        for row in reader:
            if row and len(row) != width:
                raise ValueError(
                    f"line {reader.line_num} has {len(row)} cells, expected {width}"
                )


def _arrays(path: pathlib.Path, key: str | None, extra: list[str]) -> pd.DataFrame:
    loaded = arrays(path)
    rest = [name for name in loaded if name not in extra]
    if key is None and len(rest) != 1:
        raise ValueError(f"it holds the arrays {listed(rest)}, choose one with key=")
    if key is not None and key not in loaded:
        raise ValueError(f"it has no array {key=}; the choices are {listed(loaded)}")
    values = loaded[key or rest[0]]
    if values.ndim not in (1, 2):
        raise ValueError(f"{values.shape=}, expected [steps] or [steps, channels]")
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{values.dtype=}, expected numbers")
    values = values[:, None] if values.ndim == 1 else values
    names = [f"channel_{number}" for number in range(values.shape[1])]
    table = pd.DataFrame(values, columns=names)
    for name in extra:
        if name in loaded:
            if loaded[name].shape != (len(values),):
                raise ValueError(
                    f"array {name!r} is {loaded[name].shape}, expected ({len(values)},)"
                )
            table[name] = loaded[name]
    return table


def _open(path: pathlib.Path) -> TextIO:
    stream = OPENERS.get(path.suffix.lower(), open)(path, "rb")
    if path.suffix.lower() in OPENERS:
        stream = limited(stream, path)
    return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
