"""Convolutions of images by steps of one, a few images at a time.

A kernel of many taps sees every pixel as often, so what it sees is many times as large
as the image. A few images of it stay in a CPU's cache; read from memory it takes longer
than the product. The gradients make it again.

Shape letters: B batch, H and W spatial sizes, K kernel sizes, C and F channels.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxtsad.ops import products
from jaxtsad.types import Array

CACHED = 2**17
"""Numbers that stay in the cache of a core."""


def fits(kernel: Array) -> bool:
    """Whether a kernel stays in the cache, and may be used again and again."""
    return kernel.size <= CACHED


def convolve(x: Array, kernel: Array) -> Array:
    """Convolves `x [B, H, W, C]` by `kernel [K, K, C, F]`, unpadded.

    Returns:
        `[B, H - K + 1, W - K + 1, F]`.

    Example:
        >>> convolve(jnp.ones((2, 8, 8, 3)), jnp.ones((5, 5, 3, 4))).shape
        (2, 4, 4, 4)
    """
    taps, across, _, features = kernel.shape
    high, wide = x.shape[1] - taps + 1, x.shape[2] - across + 1

    def run(x: Array, matrix: Array) -> Array:
        rows = [x[:, :, j : j + wide] for j in range(across)]
        seen = jnp.concatenate(rows, axis=-1)
        seen = jnp.concatenate([seen[:, i : i + high] for i in range(taps)], axis=-1)
        return products.product(seen, matrix)

    matrix = kernel.reshape(-1, features)
    return in_turn(run, x, matrix, high * wide * len(matrix))


def transpose(x: Array, kernel: Array) -> Array:
    """The transposed convolution of `x [B, H, W, C]` by `kernel [K, K, C, F]`.

    Returns:
        `[B, H + K - 1, W + K - 1, F]`.

    Example:
        >>> transpose(jnp.ones((2, 4, 4, 3)), jnp.ones((5, 5, 3, 4))).shape
        (2, 8, 8, 4)
    """
    taps, across, channels, _ = kernel.shape

    def run(x: Array, matrix: Array) -> Array:
        laid = products.product(x, matrix)
        for axis, size in ((1, taps), (2, across)):
            pieces = enumerate(jnp.split(laid, size, axis=-1))
            first, *others = (
                padded(piece, axis, start, size - 1 - start) for start, piece in pieces
            )
            laid = sum(others, first)
        return laid

    matrix = kernel.transpose(2, 0, 1, 3).reshape(channels, -1)
    return in_turn(run, x, matrix, x.shape[1] * x.shape[2] * matrix.shape[1])


def in_turn(
    run: Callable[[Array, Array], Array],
    x: Array,
    matrix: Array,
    cells: int,
    room: int | None = None,
) -> Array:
    """Runs a few images at a time.

    Args:
        run: `(x [b, H, W, C], matrix) -> [b, ...]`, every image by itself.
        x: `[B, H, W, C]`.
        matrix: The kernel.
        cells: Numbers that are made of an image.
        room: Numbers that are made at a time; None for those that stay in the cache.
    """
    few = max(1, round((room or CACHED) / cells))
    if len(x) <= few:
        return run(x, matrix)
    filled = jnp.pad(x, [(0, -len(x) % few), (0, 0), (0, 0), (0, 0)])
    parts = filled.reshape(-1, few, *x.shape[1:])
    again = jax.checkpoint(run)
    made = jax.lax.map(lambda part: again(part, matrix), parts)
    return made.reshape(-1, *made.shape[2:])[: len(x)]


def padded(x: Array, axis: int, before: int, after: int) -> Array:
    """Zeros at both ends of one axis.

    Example:
        >>> padded(jnp.ones((1, 2)), 1, 1, 0).tolist()
        [[0.0, 1.0, 1.0]]
    """
    return jnp.pad(x, [(before, after) if i == axis else (0, 0) for i in range(x.ndim)])
