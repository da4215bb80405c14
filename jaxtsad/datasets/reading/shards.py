"""Recordings of one or more files, as a whole or in parts, in memory or on disk."""

from __future__ import annotations

import glob
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad import blocks
from jaxtsad.datasets.reading import frames
from jaxtsad.datasets.reading.files import reading
from jaxtsad.datasets.reading.recording import numbered

KINDS = (*frames.TEXT, ".parquet", ".npy")
"""Files that can be read in parts."""
TEXT_BYTES = 8
"""Of a text file a value takes about."""


def paths(path: str | os.PathLike[str]) -> list[pathlib.Path]:
    """The files of a recording: one, or in order of their names those of a folder.

    Args:
        path: A file, a folder of part files, or a pattern such as `parts/*.parquet`.
            Hidden files and those that begin with `_` are no part.

    Raises:
        ValueError: If there is none, or they are of several kinds.
    """
    place = pathlib.Path(path)
    if place.is_dir():
        each = [one for one in place.iterdir() if one.is_file()]
    elif glob.has_magic(str(path)) and not place.exists():
        each = [pathlib.Path(one) for one in glob.glob(str(path))]
    else:
        return [place]
    parts = sorted(one for one in each if one.name[0] not in "._")
    if not parts:
        raise ValueError(f"{path} holds no file, expected parts of a recording")
    kinds = sorted({kind(one) for one in parts})
    if len(kinds) > 1:
        raise ValueError(
            f"{path} holds files of the kinds {', '.join(kinds)}, expected parts of one"
        )
    return parts


def kind(path: pathlib.Path) -> str:
    """A file's ending in small letters, without that of a packed one."""
    packed = path.suffix.lower() in frames.OPENERS
    return pathlib.Path(path.stem if packed else path.name).suffix.lower()


def table(path: str | os.PathLike[str], **how: Any) -> frames.Table:
    """Reads a file, or all parts one after the other; see `frames.read`.

    Raises:
        ValueError: As `frames.read`; also if parts have different columns.
    """
    parts = paths(path)
    if len(parts) == 1:
        return frames.read(parts[0], **how)
    each = [frames.read(part, **how) for part in parts]
    first = each[0].frame
    for one, part in zip(each, parts, strict=True):
        if list(one.frame.columns) != list(first.columns):
            raise ValueError(f"{part} has other columns than {parts[0]}")
    plain = isinstance(first.index, pd.RangeIndex)
    whole = pd.concat([one.frame for one in each], ignore_index=plain)
    notes = dict.fromkeys(note for one in each for note in one.notes)
    return frames.Table(whole, tuple(notes), each[0].named)


def in_parts(
    path: str | os.PathLike[str], rows: int, **how: Any
) -> Iterator[frames.Table]:
    """Reads a file, or all parts one after the other, some rows at a time.

    Args:
        path: See `paths`.
        rows: Rows of each table at most.
        **how: See `frames.text_chunks`.

    Raises:
        ValueError: If a file cannot be read as a table.
    """
    for part in paths(path):
        if kind(part) == ".parquet":
            yield from _parquet(part, rows)
        elif kind(part) == ".npy":
            values = mapped(part)
            names = list(numbered(values.shape[1]))
            for start in range(0, len(values), rows):
                each = np.asarray(values[start : start + rows])
                yield frames.Table(pd.DataFrame(each, columns=names), named=False)
        else:
            yield from frames.text_chunks(part, rows, **how)


def _parquet(path: pathlib.Path, rows: int) -> Iterator[frames.Table]:
    from pyarrow import parquet

    with reading(path), parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows):
            yield frames.Table(batch.to_pandas())


def mapped(path: pathlib.Path) -> np.memmap:
    """A `.npy` file `[T]` or `[T, C]` as `[T, C]`, of which nothing is read yet.

    Raises:
        ValueError: If it holds something else.
    """
    with reading(path):
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        if values.ndim not in (1, 2) or values.dtype.kind not in "fiub":
            raise ValueError(
                f"{values.dtype} {values.shape}, expected numbers [steps, channels]"
            )
    made: np.memmap = values[:, None] if values.ndim == 1 else values
    return made


def is_large(path: str | os.PathLike[str]) -> bool:
    """Whether a recording would take more memory than the budget, and need not."""
    parts = paths(path)
    if not all(part.is_file() and kind(part) in KINDS for part in parts):
        return False
    return blocks.is_large(sum(map(_cells, parts)))


def _cells(path: pathlib.Path) -> int:
    """Values of a file, of text about."""
    if kind(path) == ".npy":
        return int(mapped(path).size)
    if kind(path) == ".parquet":
        from pyarrow import parquet

        with reading(path):
            about = parquet.read_metadata(path)
        return int(about.num_rows * about.num_columns)
    return os.path.getsize(path) // TEXT_BYTES
