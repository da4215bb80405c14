"""Arrays larger than memory: on disk, seen and made a block of rows at a time.

Recordings that would take more memory than the budget (`JAXTSAD_MEMORY_GIB`, 4 where
nothing is said) stay on disk. What is made of them is written to a temporary file
(`TMPDIR`) that is gone with the array.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import mmap
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

VARIABLE, GIB = "JAXTSAD_MEMORY_GIB", 4.0
CELL_BYTES = 40
"""What a value takes while it is fitted on in memory: as given, filled, scaled, on the
device."""
STEP_BYTES = 60
"""What a step takes while a recording on disk is fitted on: starts, weights and order
of windows, scores."""
CELLS = 2**22
"""Values of a block. Sums over rows are sums of blocks, wherever the rows are."""
LEAST = 2**25
"""Bytes that fit into memory whatever the budget is."""
RELEASED = 2**25
"""After so many bytes that were read a mapping gives its pages back."""


def budget() -> float:
    """Bytes that data may take in memory.

    Raises:
        ValueError: If the environment says something that is no number above 0.
    """
    given = os.environ.get(VARIABLE, "")
    try:
        gib = float(given or GIB)
    except ValueError:
        gib = math.nan
    if not gib > 0:
        raise ValueError(f"{VARIABLE}={given!r} must be a number of GiB above 0")
    return gib * 2**30


def is_large(cells: int) -> bool:
    """Whether so many values would take more memory than the budget."""
    return cells * CELL_BYTES > budget()


def words(shape: tuple[int, ...], size: float) -> str:
    """What an array is and takes beside the budget, for an error line."""
    sizes = " x ".join(f"{each:,}" for each in shape)
    return (
        f"{sizes} values take {size / 2**30:.2g} GiB, the budget is "
        f"{budget() / 2**30:.2g} GiB ({VARIABLE})"
    )


class DiskArray:
    """Rows `[T, ...]` on disk.

    A slice of rows is another such array, an index of rows or `numpy.asarray` an array
    in memory, as far as the budget allows.

    Args:
        rows: The mapped file, a `numpy.memmap`.
    """

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self.shape, self.dtype, self.ndim = rows.shape, rows.dtype, rows.ndim
        self._read = 0

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """What it would take in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return DiskArray(self._rows[key])
        key = np.asarray(key)
        if key.dtype == bool:
            if key.all():
                return self
            places = itertools.pairwise(_borders(self))
            return stored(self._taken(slice(a, b))[key[a:b]] for a, b in places)
        return self._taken(key)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The whole in memory.

        Raises:
            ValueError: If it would take more than an eighth of the budget.
        """
        if self.nbytes > max(budget() / 8, LEAST):
            size = words(self.shape, 8 * self.nbytes)
            raise ValueError(f"all rows are needed in memory at once: {size}")
        taken = self._taken(slice(None))
        return taken if dtype is None else taken.astype(dtype, copy=False)

    def windows(self, starts: np.ndarray, length: int) -> np.ndarray:
        """Rows from each of `starts [B]` on, `[B, length, ...]`."""
        return self._taken(starts[:, None] + np.arange(length)[None])

    def _taken(self, key: Any) -> np.ndarray:
        """A copy of some rows; now and then the pages that were read are given back."""
        taken = np.array(self._rows[key])
        self._read += taken.nbytes
        # Pages of a private mapping may have been written to.
        if self._read > RELEASED and self._rows.mode != "c":
            self._read = 0
            mapped = getattr(self._rows, "_mmap", None)
            with contextlib.suppress(AttributeError, OSError, ValueError):
                mapped.madvise(mmap.MADV_DONTNEED)  # type: ignore[union-attr]
        return taken


def _borders(values: Any) -> list[int]:
    rows = max(1, CELLS // max(1, math.prod(values.shape[1:])))
    return [*range(0, len(values), rows), len(values)]


def blocks(values: Any) -> Iterator[np.ndarray]:
    """An array's rows in memory, some at a time; the same of one on disk or not."""
    for start, stop in itertools.pairwise(_borders(values)):
        yield np.asarray(values[start:stop])


def stored(each: Iterable[np.ndarray]) -> DiskArray:
    """Writes blocks of rows one after the other to a temporary file.

    Args:
        each: Blocks `[t, ...]` of one type, one at least.

    Raises:
        ValueError: If there is no space for it.
    """
    rows = 0
    with tempfile.TemporaryFile() as file:
        try:
            for block in each:
                file.write(np.ascontiguousarray(block).data)
                rows += len(block)
            file.flush()
        except OSError as error:
            raise ValueError(
                f"a recording this large is copied to {tempfile.gettempdir()}: "
                f"{error.strerror}; make room or set TMPDIR to another folder"
            ) from None
        # It is there as long as it is mapped.
        shape = (rows, *block.shape[1:])
        return DiskArray(np.memmap(file, block.dtype, "r", shape=shape))


def by_blocks(function: Callable[[np.ndarray], np.ndarray], values: Any) -> Any:
    """A function of each row by itself, of an array on disk as another on disk."""
    if not isinstance(values, DiskArray):
        return function(values)
    return stored(function(block) for block in blocks(values))
