"""Sliding means and deviations along time, compiled, and exact wherever they are cut.

A window of width w of step t holds the steps from t - w // 2 to t - w // 2 + w - 1 that
the series has: near the ends it is shorter. Sums go by doubling, never by cumulative
sums, so a result depends on the steps of its own window alone, bit for bit.

Shape letters: T steps.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxtsad.types import Array


def doubled(values: Array, levels: int) -> list[tuple[Array, Array]]:
    """Means and deviations of windows of 2, 4, ... 2 ** `levels` steps by each step.

    Windows are merged pairwise (Chan, Golub, LeVeque, 1983), which loses no digits
    beside a large mean. Beyond the ends the first and the last step are repeated.

    Args:
        values: `[T, ...]`.
        levels: How often windows are doubled.

    Returns:
        Mean and population deviation `[T, ...]` of each.
    """
    steps, most = len(values), 2**levels
    ends = [(most // 2, most // 2)] + [(0, 0)] * (values.ndim - 1)
    mean = jnp.pad(values, ends, mode="edge")
    squares = jnp.zeros_like(mean)
    found = []
    for level in range(levels):
        size, held = 2**level, len(mean) - 2**level
        apart = mean[size:] - mean[:held]
        squares = squares[:held] + squares[size:] + 0.5 * size * apart**2
        mean = mean[:held] + 0.5 * apart
        # A window of 2 * size steps begins size steps before its own.
        own = slice(most // 2 - size, most // 2 - size + steps)
        found.append((mean[own], jnp.sqrt(squares[own] / (2 * size))))
    return found


def end(counted: Array) -> Array:
    """The step after the last one that counts, of `counted [T]` bool; 0 for none."""
    return jnp.where(counted, jnp.arange(1, len(counted) + 1), 0).max()


def held(values: Array, length: Array | int) -> Array:
    """Values `[T, C]` of which the last of the series goes on after its end."""
    last = jnp.maximum(jnp.asarray(length) - 1, 0)
    return jnp.where(
        (jnp.arange(len(values)) <= last)[:, None], values, values[last][None]
    )


def even(windows: Array, most: int) -> tuple[Array, Array]:
    """Places `[most]` of evenly placed windows, of `windows` that there are.

    Returns:
        Places, and which of them there are: where windows are fewer, each is once.
    """
    number, order = jnp.minimum(windows, most), jnp.arange(most)
    places = (order * (windows - 1)) // jnp.maximum(number - 1, 1)
    return places, order < number


def clean(counted: Array, width: int) -> Array:
    """Which windows of `width` steps `[T]` around a step hold no step left out.

    Before the first step nothing is left out, after the last everything is.

    Args:
        counted: `[T]` bool.
        width: Steps of a window.
    """
    steps = len(counted)
    left_out = jnp.pad(~counted, (width // 2, 0))
    left_out = jnp.pad(left_out, (1, width - 1 - width // 2), constant_values=True)
    sums = jnp.cumsum(left_out.astype(jnp.int32))
    return sums[width : width + steps] == sums[:steps]


def mean(
    values: Array,
    width: int,
    length: Array | int | None = None,
    centered: bool = True,
) -> Array:
    """The mean of the steps around each step, or of those up to it.

    Args:
        values: `[T, ...]`.
        width: Steps of a window, at least 1.
        length: Steps that the series has, the first of the T; None for all.
        centered: Whether a window lies around its step or ends with it.

    Returns:
        `[T, ...]`; what lies after `length` means nothing.

    Example:
        >>> mean(jnp.array([3.0, 1.0, 2.0, 6.0]), 3).tolist()
        [2.0, 2.0, 3.0, 4.0]
        >>> mean(jnp.array([3.0, 1.0, 2.0, 6.0]), 3, centered=False).tolist()
        [3.0, 2.0, 2.0, 3.0]
    """
    steps, before = len(values), width // 2 if centered else width - 1
    real = _column(jnp.arange(steps) < (steps if length is None else length), values)
    sums = _sums(jnp.where(real, values, 0.0), width, before)
    first = jnp.arange(steps) - before
    last = jnp.minimum(first + width, steps if length is None else length)
    counts = jnp.maximum(last - jnp.maximum(first, 0), 1)
    return sums / _column(counts, values)


def _sums(values: Array, width: int, before: int) -> Array:
    """Sums of windows `before` steps before each step, powers of two by doubling."""
    steps = len(values)
    ends = [(before, width - 1 - before)] + [(0, 0)] * (values.ndim - 1)
    block, total = jnp.pad(values, ends), jnp.zeros_like(values)
    offset, size = 0, 1
    while size <= width:
        if width & size:
            total = total + block[offset : offset + steps]
            offset += size
        if 2 * size <= width:
            block = block[:-size] + block[size:]
        size *= 2
    return total


def _column(values: Array, like: Array) -> Array:
    """`[T]` with trailing axes, to be broadcast against `like [T, ...]`."""
    return values.reshape(-1, *(1 for _ in like.shape[1:]))
