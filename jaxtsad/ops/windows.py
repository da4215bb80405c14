"""Sliding windows over a series that stays on the device.

A `WindowView` holds the series once and the window starts, on the host until members
are placed on devices, so that no length is compiled for; windows are gathered a batch
at a time inside jit. `ops.aggregate` turns window scores into one score per step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.types import Array, Batch, Split, View

ALIGNED = 16
"""A whole series is cut at multiples of so many steps: a network may see several steps
at a time."""


BLOCK = 2**16
"""Steps of a recording that are summed at a time."""


class WindowView(View):
    """Windows of one or more recordings, gathered on demand.

    Attributes:
        values: `[T, C]` float32, the recordings one after another.
        starts: `[N]` int32, first step of each window.
        weight: `[N]` float32, 1 for a window, 0 for padding.
        known: `[N]` float32, 1 for a known anomaly, 0 for unlabeled.
        length: Window length L in steps.
        role: What the data was cut for; set by `view`.
    """

    __slots__ = ("known", "length", "starts", "values", "weight")
    ARRAYS = ("values", "starts", "weight", "known")
    STATIC = ("length", "role")
    values: Array
    starts: Array
    weight: Array
    known: Array
    length: int

    @property
    def size(self) -> int:
        """Number of windows N, padding included."""
        return self.starts.shape[-1]

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return self.values.shape[-1]

    @property
    def steps(self) -> int:
        """Number of steps T, padding included."""
        return self.values.shape[-2]

    @property
    def cells(self) -> int:
        """Number of values."""
        return int(self.values.size)

    def covered(self) -> Array:
        """Marks `[T]` float32 1 for the steps that a window of weight 1 covers."""
        return covered(self.steps, self.starts, self.weight, self.length)

    def sums(self, function: Callable[[Array, Array], Array]) -> Array:
        """Sums a function of steps over the recording, some steps at a time.

        Args:
            function: Of values `[B, C]` and of `[B]` 1 where a window covers the step.
        """

        def rows(start: Array, count: int) -> Array:
            return jax.lax.dynamic_slice_in_dim(self.values, start, count)

        return sums_of(rows, self.covered(), function)

    def take(self, index: Array) -> Batch:
        """Gathers the windows at `index [B]` as a batch with values `[B, L, C]`."""
        starts = jnp.asarray(self.starts)[index]
        shape = (self.length, self.channels)
        window = functools.partial(jax.lax.dynamic_slice, slice_sizes=shape)
        values = jax.vmap(lambda start: window(self.values, (start, 0)))(starts)
        weight, known = jnp.asarray(self.weight)[index], jnp.asarray(self.known)[index]
        return Batch(values, weight, index, known)


def covered(steps: int, starts: Array, weight: Array, length: int) -> Array:
    """See `WindowView.covered`."""
    edges = jnp.zeros(steps + 1, jnp.float32)
    edges = edges.at[starts].add(jnp.asarray(weight))
    edges = edges.at[starts + length].add(-jnp.asarray(weight))
    return (jnp.cumsum(edges)[:-1] > 0.5).astype(jnp.float32)


def sums_of(
    rows: Callable[[Array, int], Array],
    covered: Array,
    function: Callable[[Array, Array], Array],
) -> Array:
    """See `WindowView.sums`; `rows(start, count)` gives `[count, C]` values."""
    steps = len(covered)
    count = min(steps, BLOCK)

    def part(number: Array) -> Array:
        # The last block begins earlier; what it repeats counts for nothing.
        first = number * count
        start = jnp.minimum(first, steps - count)
        new = start + jnp.arange(count) >= first
        weight = jax.lax.dynamic_slice_in_dim(covered, start, count)
        return function(rows(start, count), jnp.where(new, weight, 0.0))

    if count == steps:
        return function(rows(jnp.int32(0), steps), covered)
    shape = jax.eval_shape(part, jnp.int32(0))
    nothing = jnp.zeros(shape.shape, shape.dtype)
    total: Array = jax.lax.fori_loop(
        0, -(-steps // count), lambda number, sums: sums + part(number), nothing
    )
    return total


def starts_of(steps: int, length: int, stride: int, tail: bool = True) -> np.ndarray:
    """First steps of the windows that cover a series.

    Args:
        steps: Length T of the series, at least `length`.
        length: Window length L.
        stride: Gap between starts, at least 1.
        tail: Appends a last window ending at T where the stride leaves steps over.

    Returns:
        `[N]` int32, increasing.

    Raises:
        ValueError: If the series is shorter than one window or the stride is below 1.

    Example:
        >>> starts_of(103, 10, 5)[-3:]
        array([85, 90, 93], dtype=int32)
    """
    if stride < 1:
        raise ValueError(f"{stride=} must be at least 1")
    if steps < length:
        raise ValueError(f"a series of {steps=} is shorter than one window {length=}")
    starts = np.arange(0, steps - length + 1, stride, dtype=np.int32)
    if tail and starts[-1] != steps - length:
        starts = np.append(starts, np.int32(steps - length))
    return starts


def starts_between(
    part: Split, length: int, stride: int, tail: bool = True
) -> np.ndarray:
    """First steps of the windows of a part, none of which crosses a break.

    Raises:
        ValueError: If the part is shorter than a window.
    """
    # A piece between gaps may be too short, the whole may not.
    room = [(a, b) for a, b in part.pieces if b - a >= length]
    starts = []
    try:
        for begins, ends in room or [(0, len(part) if not part.breaks else 0)]:
            starts.append(begins + starts_of(ends - begins, length, stride, tail))
    except ValueError as error:
        raise ValueError(f"series {part.entity!r}: {error}") from None
    return np.concatenate(starts).astype(np.int32)


def view(
    splits: Split | Sequence[Split], length: int, stride: int, *, tail: bool = True
) -> WindowView:
    """Views one or more parts as windows; none crosses from one to the next or a break.

    Args:
        splits: Parts of one role, each `[T, C]` with the same C.
        length: Window length L in steps.
        stride: Gap between window starts in steps.
        tail: Covers the last steps of each part by one more window.

    Raises:
        ValueError: If roles or channel counts differ or a part is shorter than L.
    """
    parts = [splits] if isinstance(splits, Split) else list(splits)
    if not parts:
        raise ValueError("windows need at least one series, got none")
    roles = {part.role for part in parts}
    if len(roles) != 1:
        raise ValueError(f"a view holds data of one role, got {sorted(roles)}")
    channels = {part.values.shape[1] for part in parts}
    if len(channels) != 1:
        raise ValueError(
            f"series of one view need equally many channels, got {sorted(channels)}"
        )
    starts, first = [], 0
    for part in parts:
        starts.append(first + starts_between(part, length, stride, tail))
        first += len(part)
    values = np.concatenate([part.values for part in parts]).astype(np.float32)
    begin = np.concatenate(starts).astype(np.int32)
    return WindowView(
        parts[0],
        values=values,
        starts=begin,
        weight=np.ones(len(begin), np.float32),
        known=np.zeros(len(begin), np.float32),
        length=length,
    )


def extend(
    values: np.ndarray, length: int, history: np.ndarray | None = None
) -> np.ndarray:
    """Extends a series `[T, C]` on the left to at least one window.

    Args:
        values: The series.
        length: Window length L in steps.
        history: `[S, C]`, normal steps. What precedes the T of them that are nearest to
            the series (least squares) is put before it. None, or fewer than a window:
            the first step is repeated.

    Example:
        >>> extend(np.array([[1.0], [2.0]]), 4).ravel()
        array([1., 1., 1., 2.])
        >>> extend(np.array([[1.0], [2.1]]), 4, np.arange(9.0)[:, None] % 4).ravel()
        array([3. , 0. , 1. , 2.1])
    """
    missing = length - len(values)
    if missing <= 0:
        return values
    if history is None or len(history) < length:
        return np.concatenate([np.repeat(values[:1], missing, axis=0), values])
    places = len(history) - length + 1
    distance = np.zeros(places)
    for step, row in enumerate(values, missing):
        distance += np.square(history[step : step + places] - row).sum(axis=1)
    best = int(distance.argmin())
    before = history[best : best + missing].astype(values.dtype)
    return np.concatenate([before, values])


def extend_part(
    part: Split, length: int, history: np.ndarray | None = None
) -> tuple[Split, np.ndarray | slice]:
    """Extends every piece of a part between breaks to at least one window.

    Args:
        part: The part.
        length: Window length L in steps.
        history: See `extend`.

    Returns:
        The part and where its own steps `[T]` are in it, a slice where nothing was put
        before any.
    """
    if all(stop - start >= length for start, stop in part.pieces):
        return part, slice(None)
    pieces = [
        extend(part.values[start:stop], length, history) for start, stop in part.pieces
    ]
    ends = np.cumsum([len(piece) for piece in pieces])
    own = [
        np.arange(end - (stop - start), end)
        for end, (start, stop) in zip(ends, part.pieces, strict=True)
    ]
    longer = part.map(lambda values: np.concatenate(pieces), ends[:-1].tolist())
    return longer, np.concatenate(own)
