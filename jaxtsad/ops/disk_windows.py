"""Sliding windows over a series on disk, read a batch at a time while a program runs.

The device asks the host for the windows of a batch and says which come next; these are
read in another thread meanwhile.
"""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad import blocks
from jaxtsad.blocks import DiskArray
from jaxtsad.ops import windows
from jaxtsad.types import Array, Batch, Split, View

_NUMBERS = itertools.count(1)
_SERIES: weakref.WeakValueDictionary[int, DiskArray] = weakref.WeakValueDictionary()
_NEXT: weakref.WeakKeyDictionary[DiskArray, Any] = weakref.WeakKeyDictionary()
"""By series the starts of the windows that are being read, and the windows."""
_LOCK = threading.Lock()


class DiskWindows(View):
    """Windows of a recording on disk, as a `WindowView` but for the values.

    The recording must outlive it.

    Attributes:
        series: `[1]` int32, the number by which the host knows the recording.
        starts: `[N]` int32, first step of each window.
        weight: `[N]` float32, 1 for a window, 0 for padding.
        known: `[N]` float32, 1 for a known anomaly, 0 for unlabeled.
        steps: Steps T of the recording.
        channels: Its channels C.
        length: Window length L in steps.
        role: What the data was cut for.
    """

    __slots__ = ("channels", "known", "length", "series", "starts", "steps", "weight")
    ARRAYS = ("series", "starts", "weight", "known")
    STATIC = ("steps", "channels", "length", "role")
    series: Array
    starts: Array
    weight: Array
    known: Array
    steps: int
    channels: int
    length: int

    @property
    def size(self) -> int:
        """Number of windows N, padding included."""
        return self.starts.shape[-1]

    @property
    def cells(self) -> int:
        """Number of values."""
        return self.steps * self.channels

    @property
    def values(self) -> Array:
        """Raises a ValueError: all values at once do not fit into memory."""
        shape = (self.steps, self.channels)
        raise ValueError(
            "this detector looks at the whole recording at once: "
            f"{blocks.words(shape, blocks.CELL_BYTES * self.cells)}; raise it, or "
            "choose one that reads windows, such as pca or lstm_vae"
        )

    def covered(self) -> Array:
        """Marks `[T]` float32 1 for the steps that a window of weight 1 covers."""
        return windows.covered(self.steps, self.starts, self.weight, self.length)

    def take(self, index: Array, upcoming: Array | None = None) -> Batch:
        """Reads the windows at `index [B]`, and then begins with those that follow."""
        starts = jnp.asarray(self.starts)
        now = starts[index]
        later = now if upcoming is None else starts[upcoming]
        weight, known = jnp.asarray(self.weight)[index], jnp.asarray(self.known)[index]
        values = self._read(now, later, self.length)
        return Batch(values, weight, index, known)

    def sums(self, function: Callable[[Array, Array], Array]) -> Array:
        """As `WindowView.sums`."""
        return windows.sums_of(
            lambda start, rows: self._read(start[None], start[None], rows)[0],
            self.covered(),
            function,
        )

    def _read(self, now: Array, later: Array, length: int) -> Array:
        shape = (len(now), length, self.channels)
        read: Array = jax.pure_callback(
            functools.partial(_read, length),
            jax.ShapeDtypeStruct(shape, jnp.float32),
            jnp.asarray(self.series)[0],
            now,
            later,
            vmap_method="sequential",
        )
        return read


def _read(length: int, number: Any, now: Any, later: Any) -> np.ndarray:
    """Windows `[B, L, C]` of a recording by its number."""
    series = _SERIES[int(number)]
    now, later = np.asarray(now), np.asarray(later)
    with _LOCK:
        key, pending = _NEXT.pop(series, (None, None))
    ready = pending is not None and key == (length, now.tobytes())
    read = pending.result() if ready else series.windows(now, length)
    if not np.array_equal(now, later):
        future = _reader().submit(series.windows, later, length)
        with _LOCK:
            _NEXT[series] = (length, later.tobytes()), future
    return np.asarray(read, np.float32)


@functools.cache
def _reader() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(1, "jaxtsad-reader")


def view(part: Split, length: int, starts: np.ndarray) -> DiskWindows:
    """Views a part whose values are a `DiskArray` of float32 as windows.

    Args:
        part: The part.
        length: Window length L in steps.
        starts: `[N]` int32, first step of each window.

    Raises:
        ValueError: If it has so many steps that their windows alone are too many.
    """
    values: Any = part.values
    steps, channels = values.shape
    size = steps * blocks.STEP_BYTES
    if size > blocks.budget():
        raise ValueError(
            f"the windows of {part.entity!r} are too many: "
            f"{blocks.words((steps,), size)}; raise it, or fit on a part of it"
        )
    number = next(_NUMBERS)
    _SERIES[number] = values
    return DiskWindows(
        part,
        series=np.array([number], np.int32),
        starts=starts,
        weight=np.ones(len(starts), np.float32),
        known=np.zeros(len(starts), np.float32),
        steps=steps,
        channels=channels,
        length=length,
    )
