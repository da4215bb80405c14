"""Convolutions by steps of one whose kernels have two taps, with fewer products.

Two outputs of two taps take three products in place of four (F(2, 2) of Winograd,
"Arithmetic Complexity of Computations", 1980), on two axes nine in place of sixteen
(Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016):

    y0 = (x0 - x1) k0 + x1 (k0 + k1)        y1 = x1 (k0 + k1) + (x2 - x1) k1

Besides there are only sums, so that results round as those of plain products do. The
transposed convolution is the adjoint, and gradients take as few products.

Shape letters: B batch, T spatial sizes, all even, D and F channels, G products, three
for every axis.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from jaxtsad.ops import products
from jaxtsad.ops.convolution_taps import padded
from jaxtsad.types import Array

Three: TypeAlias = tuple[Array, Array, Array]

NARROW = 64
"""Inputs and outputs of a kernel below which sums take as long as products."""
FEW = 64
"""Rows of a product below which the kernel's sums take as long as what they save."""


def fits(
    samples: Any,
    sizes: Sequence[int],
    taps: Sequence[int],
    channels: tuple[int, int],
) -> bool:
    """Whether it pays: for two taps, even sizes and many channels and rows.

    Args:
        samples: B; None where a kernel is made ready for many passes. One that is not
            known yet, of a program for any batch, counts as few.
        sizes: `T..`.
        taps: Of the kernel on every axis.
        channels: `(D, F)`.
    """
    if set(taps) != {2} or any(size % 2 for size in sizes) or min(channels) < NARROW:
        return False
    if samples is None:
        return True
    known = isinstance(samples, int)
    return known and samples * math.prod(sizes) >= FEW * 2 ** len(sizes)


def matrices(kernel: Array) -> Array:
    """Kernels `[2.., D, F]` as they are multiplied, `[G, D, F]`.

    Example:
        >>> matrices(jnp.array([[[1.0]], [[2.0]]])).ravel().tolist()
        [1.0, 3.0, 2.0]
    """
    for axis in range(kernel.ndim - 2):
        first, second = (jax.lax.index_in_dim(kernel, i, axis, False) for i in (0, 1))
        kernel = jnp.stack([first, first + second, second], axis)
    return kernel.reshape(-1, *kernel.shape[-2:])


def convolve(x: Array, kernels: Array) -> Array:
    """Convolves.

    Args:
        x: `[B, T + 1.., D]` with one or two spatial axes.
        kernels: `[G, D, F]` of `matrices`.

    Returns:
        `[B, T.., F]`.

    Example:
        >>> x, kernel = jnp.array([[[1.0], [2.0], [4.0]]]), jnp.ones((2, 1, 1))
        >>> convolve(x, matrices(kernel))[0, :, 0].tolist()
        [3.0, 6.0]
    """
    return _merge(_multiplied(_tiles(x), kernels))


def transpose(x: Array, kernels: Array) -> Array:
    """The transposed convolution: every input adds its two taps to the output.

    Args:
        x: `[B, T.., D]` with one or two spatial axes.
        kernels: `[G, D, F]` of `matrices`.

    Returns:
        `[B, T + 1.., F]`.

    Example:
        >>> x, kernel = jnp.array([[[1.0], [2.0]]]), jnp.ones((2, 1, 1))
        >>> transpose(x, matrices(kernel))[0, :, 0].tolist()
        [1.0, 3.0, 2.0]
    """
    return _collect(_multiplied(_spread(x), kernels))


def _multiplied(parts: Array, kernels: Array) -> Array:
    """`[G, B, S.., D]` times `[G, D, F]`."""
    rows = parts.reshape(len(parts), -1, parts.shape[-1])
    made = products.einsum("gnd,gdf->gnf", rows, kernels, "default", rows.dtype)
    return made.reshape(*parts.shape[:-1], -1)


def _adjoint(
    one: Callable[[Array], Array], other: Callable[[Array], Array]
) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """Two linear functions, each of which is the other's gradient."""
    first, second = jax.custom_vjp(one), jax.custom_vjp(other)
    first.defvjp(lambda x: (one(x), None), lambda _, to_out: (second(to_out),))
    second.defvjp(lambda x: (other(x), None), lambda _, to_out: (first(to_out),))
    return first, second


def _apart(split: Callable[[Array, int], Three], x: Array) -> Array:
    """`[B, S.., C]` to `[G, B, S / 2.., C]`, axis after axis.

    The threes of an axis are stacked before the next one: nine sums stacked at the end
    are nine passes over the image and a copy. The barrier keeps both axes from being
    made in one pass again, which was measured a twentieth slower in scoring.
    """
    parts, rank = x[None], x.ndim - 2
    for axis in range(rank):
        parts = jnp.stack(split(parts, axis + 2), 1)
        parts = parts.reshape(-1, *parts.shape[2:])
        if axis < rank - 1:
            parts = jax.lax.optimization_barrier(parts)
    return parts


def _together(join: Callable[[Three, int], Array], parts: Array) -> Array:
    """`[G, B, S / 2.., C]` to `[B, S.., C]`, the last axis first."""
    pieces = list(parts)
    for axis in reversed(range(1, parts.ndim - 2)):
        threes = zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)
        pieces = [join(three, axis) for three in threes]
    return pieces[0]


def _tile(x: Array, axis: int) -> Three:
    """What the three products see of each three neighbours."""
    last = x.shape[axis]
    even, odd, after = (
        jax.lax.slice_in_dim(x, start, end, 2, axis)
        for start, end in ((0, last - 1), (1, last), (2, last))
    )
    return even - odd, odd, after - odd


def _overlapped(parts: Three, axis: int) -> Array:
    """The adjoint of `_tile`: what three products add to three neighbours."""
    first, middle, last = parts
    even = padded(first, axis, 0, 1) + padded(last, axis, 1, 0)
    odd = padded(middle - first - last, axis, 0, 1)
    joined = _interleaved(even, odd, axis)
    return jax.lax.slice_in_dim(joined, 0, joined.shape[axis] - 1, axis=axis)


def _doubled(x: Array, axis: int) -> Three:
    """What the three products of the transpose see of each two neighbours."""
    first, second = (jax.lax.slice_in_dim(x, i, None, 2, axis) for i in (0, 1))
    return first, first + second, second


def _summed(parts: Three, axis: int) -> Array:
    """The adjoint of `_doubled`: two neighbouring outputs of three products."""
    first, middle, last = parts
    return _interleaved(first + middle, middle + last, axis)


def _interleaved(even: Array, odd: Array, axis: int) -> Array:
    """Both by turns along an axis."""
    shape = list(even.shape)
    shape[axis] *= 2
    return jnp.stack([even, odd], axis + 1).reshape(shape)


_tiles, _collect = _adjoint(
    functools.partial(_apart, _tile), functools.partial(_together, _overlapped)
)
_spread, _merge = _adjoint(
    functools.partial(_apart, _doubled), functools.partial(_together, _summed)
)
