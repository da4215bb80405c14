"""Convolutions of images by steps of one, four outputs at a time, with fewer products.

Four outputs of K taps take K + 3 products in place of 4 K (F(4, K) of Winograd,
"Arithmetic Complexity of Computations", 1980), on two axes of five taps 64 in place of
400 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016).
The taps are coefficients of a polynomial, and the products are by its values at points.

Shape letters: B batch, H and W spatial sizes, K kernel sizes, C and F channels, P
products on an axis.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.ops import products
from jaxtsad.types import Array

OUTPUTS = 4
"""Outputs of a tile on each axis."""
POINTS = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0)
"""Where polynomials are taken, and at infinity: small numbers, which round least."""
TAPS = (3, len(POINTS) + 2 - OUTPUTS)
"""Fewest and most taps of a kernel on each axis."""
NARROW = 20
"""Fewest inputs and outputs of a kernel for which it was measured to be faster."""
ROOM = 2**25
"""Numbers that the products may see, or give, in all: a bound for the memory."""


class Transforms(NamedTuple):
    """What one axis of K taps is multiplied by, P = K + 3.

    Attributes:
        tile: `[P, P]`, of P neighbouring inputs.
        kernel: `[P, K]`, of the taps.
        outputs: `[4, P]`, of the products.
    """

    tile: np.ndarray
    kernel: np.ndarray
    outputs: np.ndarray


def fits(seen: Sequence[Any], kernel: Sequence[int]) -> bool:
    """Whether it pays: whole tiles, three to five taps, many channels, not too large.

    Args:
        seen: `(B, H, W, C)` of what is convolved; a B that is not known yet, of a
            program for any batch, never fits.
        kernel: `(K, K, C, F)`.
    """
    samples, *sizes, _ = seen
    *taps, inputs, outputs = kernel
    outs = [size - tap + 1 for size, tap in zip(sizes, taps, strict=True)]
    if not all(TAPS[0] <= tap <= TAPS[1] for tap in taps):
        return False
    if min(inputs, outputs) < NARROW or any(out % OUTPUTS for out in outs):
        return False
    places = (
        out // OUTPUTS * (tap + OUTPUTS - 1)
        for out, tap in zip(outs, taps, strict=True)
    )
    cells = math.prod(places) * max(inputs, outputs)
    return isinstance(samples, int) and samples * cells <= ROOM


def convolve(x: Array, kernel: Array) -> Array:
    """Convolves `x [B, H, W, C]` by `kernel [K, K, C, F]`, unpadded.

    Returns:
        `[B, H - K + 1, W - K + 1, F]`, both sizes multiples of 4.

    Example:
        >>> x = jnp.arange(8.0).reshape(1, 8, 1, 1) * jnp.ones((1, 8, 8, 1))
        >>> convolve(x, jnp.ones((5, 5, 1, 1)))[0, :, 0, 0].round(4).tolist()
        [50.0, 75.0, 100.0, 125.0]
    """
    down, across = (transforms(taps) for taps in kernel.shape[:2])
    by_row, by_column = (
        jnp.asarray(axis.kernel, kernel.dtype) for axis in (down, across)
    )
    values = products.einsum("pa,abcf->pbcf", by_row, kernel, "float32")
    values = products.einsum("qb,pbcf->qpcf", by_column, values, "float32")
    tiles = _tiles(_tiles(x, 1, down.tile), 3, across.tile)
    seen = tiles.reshape(-1, math.prod(tiles.shape[2:5]), tiles.shape[-1])
    made = products.einsum(
        "gnc,gcf->gnf", seen, values.reshape(len(seen), *kernel.shape[2:]), "default"
    )
    made = made.reshape(*tiles.shape[:-1], kernel.shape[-1])
    columns = _mixed(across.outputs, list(made))
    rows = _mixed(down.outputs, list(jnp.stack(columns, 1)))
    whole = jnp.stack(rows).transpose(2, 3, 0, 4, 1, 5)
    batch, high, _, wide, _, features = whole.shape
    return whole.reshape(batch, high * OUTPUTS, wide * OUTPUTS, features)


@functools.cache
def transforms(taps: int) -> Transforms:
    """The transforms of an axis.

    Outputs are the coefficients of a product of polynomials, transposed (Toom-Cook):
    values at points, products of these, and back.

    Example:
        >>> tile, kernel, outputs = transforms(3)
        >>> seen, given = np.arange(6.0), np.array([1.0, 0.0, 2.0])
        >>> (outputs @ ((tile @ seen) * (kernel @ given))).round(4).tolist()
        [4.0, 7.0, 10.0, 13.0]
    """
    count = taps + OUTPUTS - 1

    def values(size: int) -> np.ndarray:
        """Of the powers below `size` at all points; at infinity the last one counts."""
        last = np.eye(size)[-1:]
        points = np.array(POINTS[: count - 1])
        return np.concatenate([points[:, None] ** np.arange(size), last])

    kernel, tile = values(taps), np.linalg.inv(values(count)).T
    largest = np.abs(kernel).max(1, keepdims=True)
    return Transforms(tile * largest, kernel / largest, values(OUTPUTS).T)


def _tiles(x: Array, axis: int, matrix: np.ndarray) -> Array:
    """Transforms of overlapping tiles along an axis, stacked in front."""
    last = x.shape[axis] - len(matrix) + 1
    neighbours = [
        jax.lax.slice_in_dim(x, start, start + last, OUTPUTS, axis)
        for start in range(len(matrix))
    ]
    return jnp.stack(_mixed(matrix, neighbours))


def _mixed(matrix: np.ndarray, parts: Sequence[Array]) -> list[Array]:
    """Sums of arrays, weighted by each row of a matrix."""
    return [
        functools.reduce(
            jnp.add,
            [float(w) * part for w, part in zip(row, parts, strict=True) if w],
        )
        for row in matrix
    ]
