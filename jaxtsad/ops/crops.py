"""Windows of any length seen by networks whose length is 4 times a power of two.

A window is seen through two crops of the nearest smaller such length, one at each end;
together they cover it, and where they overlap their scores are averaged.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxtsad.types import Array, Key

SHORTEST = 8


def side_of(window: int) -> int:
    """The longest power of two that is no longer than the window.

    Example:
        >>> [side_of(length) for length in (8, 64, 100)]
        [8, 64, 64]
    """
    return 1 << (window.bit_length() - 1)


def check(window: int, images: bool) -> None:
    """Raises unless networks can see windows or images of this size.

    Raises:
        ValueError: Naming the option and its value.
    """
    if window < SHORTEST:
        raise ValueError(f"{window=} must be at least {SHORTEST}")
    if images and side_of(window) != window:
        raise ValueError(
            f"{window=} must be 4 times a power of two for images, such as 16, 32 or "
            "64: halving it must reach 4"
        )


def drawn(key: Key, x: Array, side: int) -> Array:
    """A random crop of every window of `x [B, L, C]`."""
    if x.shape[1] == side:
        return x
    firsts = jax.random.randint(key, (len(x),), 0, x.shape[1] - side + 1)
    cut = functools.partial(jax.lax.dynamic_slice_in_dim, slice_size=side)
    return jax.vmap(lambda row, first: cut(row, first))(x, firsts)


def averaged(x: Array, side: int, score: Callable[[Array], Array]) -> Array:
    """Scores windows `[B, L, C]` by a `score` of crops, `[B, side, C] -> [B, side]`."""
    if x.shape[1] == side:
        return score(x)
    total, count = jnp.zeros(x.shape[:2]), jnp.zeros(x.shape[:2])
    for offset in (0, x.shape[1] - side):
        place = slice(offset, offset + side)
        total = total.at[:, place].add(score(x[:, place]))
        count = count.at[:, place].add(1.0)
    return total / count
