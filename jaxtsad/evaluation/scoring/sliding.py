"""Sliding means and deviations along time, compiled, and exact wherever they are cut.

A window of width w of step t holds the steps from t - w // 2 to t - w // 2 + w - 1 that
the series has: near the ends it is shorter. Sums go by doubling, never by cumulative
sums, so a result depends on the steps of its own window alone, bit for bit.

Shape letters: T steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxtsad.types import Array

Block = TypeVar("Block")


class Moments(NamedTuple):
    """Count, mean and sum of squared deviations of the steps of a window."""

    count: Array  # type: ignore[assignment]
    mean: Array
    squares: Array


def mean(values: Array, width: int, length: Array | int | None = None) -> Array:
    """The mean of the steps around each step.

    Args:
        values: `[T, ...]`.
        width: Steps of a window, at least 1.
        length: Steps that the series has, the first of the T; None for all.

    Returns:
        `[T, ...]`; what lies after `length` means nothing.

    Example:
        >>> mean(jnp.array([3.0, 1.0, 2.0, 6.0]), 3).tolist()
        [2.0, 2.0, 3.0, 4.0]
    """
    steps = len(values)
    real = _column(jnp.arange(steps) < (steps if length is None else length), values)
    sums = _windows(jnp.where(real, values, 0.0), width, lambda a, b: a + b)
    counts = count(steps, width, length)
    return sums / _column(jnp.maximum(counts, 1), values)


def count(steps: int, width: int, length: Array | int | None = None) -> Array:
    """How many steps `[T]` the window of each step holds."""
    first = jnp.arange(steps) - width // 2
    last = jnp.minimum(first + width, steps if length is None else length)
    return jnp.maximum(last - jnp.maximum(first, 0), 0)


def deviation(values: Array, width: int, length: Array | int | None = None) -> Array:
    """The population deviation of the steps around each step.

    Windows are merged pairwise (Chan, Golub, LeVeque, 1983), which loses no digits
    beside a large mean.

    Args:
        values: `[T, ...]`.
        width: Steps of a window, at least 1.
        length: Steps that the series has; None for all.

    Returns:
        `[T, ...]`; what lies after `length` means nothing.
    """
    steps = len(values)
    real = _column(jnp.arange(steps) < (steps if length is None else length), values)
    each = Moments(
        real.astype(values.dtype), jnp.where(real, values, 0.0), jnp.zeros_like(values)
    )
    found = _windows(each, width, _merged)
    return jnp.sqrt(found.squares / jnp.maximum(found.count, 1.0))


def _merged(a: Moments, b: Moments) -> Moments:
    total = a.count + b.count
    share = b.count / jnp.maximum(total, 1.0)
    apart = b.mean - a.mean
    squares = a.squares + b.squares + apart**2 * a.count * share
    return Moments(total, a.mean + apart * share, squares)


def _windows(
    each: Block, width: int, merge: Callable[[Block, Block], Block]
) -> Block:
    """Merges the steps of every window; windows of powers of two are made by doubling.

    Args:
        each: Arrays `[T, ...]` of single steps; zeros stand for no step.
        width: Steps of a window.
        merge: Merges neighbouring windows.
    """
    steps = len(jax.tree.leaves(each)[0])
    before, after = width // 2, width - 1 - width // 2

    def padded(leaf: Array) -> Array:
        return jnp.pad(leaf, [(before, after)] + [(0, 0)] * (leaf.ndim - 1))

    def cut(block: Block, start: int, stop: int) -> Block:
        out: Block = jax.tree.map(lambda leaf: leaf[start:stop], block)
        return out

    block = jax.tree.map(padded, each)
    merged, offset, size = None, 0, 1
    while size <= width:
        if width & size:
            piece = cut(block, offset, offset + steps)
            merged = piece if merged is None else merge(merged, piece)
            offset += size
        held = len(jax.tree.leaves(block)[0])
        if 2 * size <= width:
            block = merge(cut(block, 0, held - size), cut(block, size, held))
        size *= 2
    assert merged is not None
    return merged


def _column(values: Array, like: Array) -> Array:
    """`[T]` with trailing axes, to be broadcast against `like [T, ...]`."""
    return values.reshape(-1, *(1 for _ in like.shape[1:]))
