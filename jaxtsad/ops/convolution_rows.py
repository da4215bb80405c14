"""Convolutions of small images by steps of one, a row of pixels at a time.

A row of all its channels is one vector, and what a kernel makes of it is a product with
a banded matrix. That is more arithmetic than one small product per pixel, but in few,
large products without a copy per tap, which on a CPU is faster up to some width, in
the gradients above all.

Shape letters: B batch, H and W spatial sizes, K kernel sizes, C and F channels.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxtsad.ops import products
from jaxtsad.types import Array

WIDEST = 40


def convolve(x: Array, kernel: Array) -> Array:
    """Convolves `x [B, H, W, C]` by `kernel [K, K, C, F]`, unpadded.

    Returns:
        `[B, H - K + 1, W - K + 1, F]`.

    Example:
        >>> convolve(jnp.ones((2, 8, 8, 3)), jnp.ones((5, 5, 3, 4))).shape
        (2, 4, 4, 4)
    """
    count, height, width, channels = x.shape
    taps, across, _, features = kernel.shape
    high, wide = height - taps + 1, width - across + 1
    matrix = banded(kernel, wide).transpose(0, 2, 3, 1, 4)
    rows = x.reshape(count, height, width * channels)
    seen = jnp.concatenate([rows[:, i : i + high] for i in range(taps)], axis=-1)
    made = products.product(seen, matrix.reshape(-1, wide * features))
    return made.reshape(count, high, wide, features)


def transpose(x: Array, kernel: Array) -> Array:
    """The transposed convolution of `x [B, H, W, C]` by `kernel [K, K, C, F]`.

    Returns:
        `[B, H + K - 1, W + K - 1, F]`.

    Example:
        >>> transpose(jnp.ones((2, 4, 4, 3)), jnp.ones((5, 5, 3, 4))).shape
        (2, 8, 8, 4)
    """
    count, height, width, channels = x.shape
    taps, across, _, features = kernel.shape
    matrix = banded(kernel, width).transpose(1, 3, 0, 2, 4)
    rows = x.reshape(count, height, width * channels)
    outputs = products.product(rows, matrix.reshape(width * channels, -1))
    first, *others = (
        jnp.pad(piece, [(0, 0), (i, taps - 1 - i), (0, 0)])
        for i, piece in enumerate(jnp.split(outputs, taps, axis=-1))
    )
    canvas = sum(others, first)
    return canvas.reshape(count, height + taps - 1, width + across - 1, features)


def banded(kernel: Array, width: int) -> Array:
    """A kernel at every place of a row: `[K, W, W + K - 1, C, F]`.

    Example:
        >>> banded(jnp.array([1.0, 2.0]).reshape(1, 2, 1, 1), 3)[0, ..., 0, 0].tolist()
        [[1.0, 2.0, 0.0, 0.0], [0.0, 1.0, 2.0, 0.0], [0.0, 0.0, 1.0, 2.0]]
    """
    wide = width + kernel.shape[1] - 1
    # Read in lines of `wide`, what repeats after `wide + 1` moves by one per line.
    period = jnp.pad(kernel, [(0, 0), (0, width), (0, 0), (0, 0)])
    lines = jnp.tile(period, (1, width, 1, 1))[:, : width * wide]
    return lines.reshape(len(kernel), width, wide, *kernel.shape[2:])
