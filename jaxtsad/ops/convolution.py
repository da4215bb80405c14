"""Strided convolutions and their transposes in one and two dimensions.

Each is written as a single matrix product, as the fewer products of
`convolution_winograd`, and by the compiler's own convolution. On a CPU products are
several times faster, for the transposed convolution above all; on an accelerator the
compiler's kernel is used. All are the same mathematics, PyTorch's: cross-correlation,
padded by zeros on both sides.

Shape letters: B batch, S and T spatial sizes, K kernel size, C and F channels.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp

from jaxtsad.ops import (
    convolution_taps,
    convolution_tiles,
    convolution_winograd,
    products,
)
from jaxtsad.types import Array

Implementation: TypeAlias = Literal["product", "lax"]
DIRECT = 16
"""Channels from which on the compiler's own convolution pays."""
REPEATED = 2**19
"""Numbers that `transpose_repeated` makes at a time."""
LAYOUTS = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC")}


def convolve(
    x: Array,
    kernel: Array,
    *,
    stride: int = 1,
    padding: int = 0,
    implementation: Implementation | None = None,
) -> Array:
    """Convolves with stride.

    Args:
        x: `[B, S.., C]` with one or two spatial axes.
        kernel: `[K.., C, F]`.
        stride: Gap between outputs on every axis.
        padding: Zeros on both sides of every axis.
        implementation: `product` or `lax`; None for the faster one of the backend.

    Returns:
        `[B, T.., F]` with `T = (S + 2 padding - K) // stride + 1`.

    Example:
        >>> x, kernel = jnp.ones((2, 8, 3)), jnp.ones((4, 3, 5))
        >>> convolve(x, kernel, stride=2, padding=1).shape
        (2, 4, 5)
    """
    sizes, kernels = x.shape[1:-1], kernel.shape[:-2]
    rank = len(sizes)
    if (implementation or _default()) == "lax":
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            (stride,) * rank,
            [(padding, padding)] * rank,
            dimension_numbers=LAYOUTS[rank],
        )
    if sizes == kernels and not padding:
        rows = x.reshape(len(x), *(1,) * rank, -1)
        return products.product(rows, kernel.reshape(-1, kernel.shape[-1]))
    if rank == 2 and stride == 1 and convolution_taps.fits(kernel):
        edges = [(0, 0), *((padding, padding),) * rank, (0, 0)]
        padded = jnp.pad(x, edges) if padding else x
        if implementation == "product":
            return convolution_taps.convolve(padded, kernel)
        tiles = convolution_tiles.fits(padded.shape, kernel.shape)
        return (_direct_or_tiles if tiles else _direct_or_taps)(padded, kernel)
    if implementation is None and _direct_is_fast(x):
        return _direct(x, kernel, stride, padding)
    return _by_products(x, kernel, stride, padding)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _direct(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`convolve` by the compiler's own, but where gradients are asked for.

    They need what every output sees; where it is there, a product is as fast.
    """
    return convolve(x, kernel, stride=stride, padding=padding, implementation="lax")


def _direct_forward(
    x: Array, kernel: Array, stride: int, padding: int
) -> tuple[Array, Any]:
    return jax.vjp(
        lambda x, kernel: _by_products(x, kernel, stride, padding), x, kernel
    )


def _direct_backward(
    stride: int, padding: int, pull: Any, to_out: Array
) -> tuple[Array, Array]:
    to_x, to_kernel = pull(to_out)
    return to_x, to_kernel


_direct.defvjp(_direct_forward, _direct_backward)


@jax.custom_vjp
def _direct_or_taps(x: Array, kernel: Array) -> Array:
    """Of images by steps of one: by the compiler's own, its gradients by taps.

    For gradients what every output sees is made again in any case.
    """
    return convolve(x, kernel, implementation="lax")


def _direct_or_taps_forward(x: Array, kernel: Array) -> tuple[Array, Any]:
    return _direct_or_taps(x, kernel), (x, kernel)


def _direct_or_taps_backward(saved: Any, to_out: Array) -> tuple[Array, Array]:
    _, pull = jax.vjp(convolution_taps.convolve, *saved)
    to_x, to_kernel = pull(to_out)
    return to_x, to_kernel


_direct_or_taps.defvjp(_direct_or_taps_forward, _direct_or_taps_backward)


@jax.custom_vjp
def _direct_or_tiles(x: Array, kernel: Array) -> Array:
    """Of images by steps of one: by the compiler's own; with gradients by tiles.

    Tiles round ten times as coarsely, which a step of training does not notice; scores
    stay those of the compiler.
    """
    return convolve(x, kernel, implementation="lax")


def _direct_or_tiles_forward(x: Array, kernel: Array) -> tuple[Array, Any]:
    return jax.vjp(convolution_tiles.convolve, x, kernel)


_direct_or_tiles.defvjp(_direct_or_tiles_forward, lambda pull, to_out: pull(to_out))


def _by_products(x: Array, kernel: Array, stride: int, padding: int) -> Array:
    """`convolve` as one product of what every output sees, or by fewer products."""
    sizes, kernels = x.shape[1:-1], kernel.shape[:-2]
    outs = [
        (s + 2 * padding - k) // stride + 1 for s, k in zip(sizes, kernels, strict=True)
    ]
    taps = [-(-k // stride) for k in kernels]
    # Room for whole blocks of `stride` steps, as many as the kernel's taps reach over.
    ends = [
        (out + tap - 1) * stride - size - padding
        for out, tap, size in zip(outs, taps, sizes, strict=True)
    ]
    blocks = _to_blocks(_padded(x, padding, ends), stride)
    channels = blocks.shape[-1], kernel.shape[-1]
    if convolution_winograd.fits(x.shape[0], outs, taps, channels):
        split = _tapped(kernel, taps, stride).reshape(*taps, *channels)
        matrices = convolution_winograd.matrices(split)
        return convolution_winograd.convolve(blocks, matrices)
    parts = [
        blocks[
            (
                slice(None),
                *(slice(a, a + out) for a, out in zip(offsets, outs, strict=True)),
            )
        ]
        for offsets in _offsets(taps)
    ]
    patches = parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)
    return products.product(patches, _tapped(kernel, taps, stride))


def transpose(
    x: Array,
    kernel: Array,
    *,
    stride: int = 1,
    padding: int = 0,
    implementation: Implementation | None = None,
    matrix: Array | None = None,
) -> Array:
    """Transposed convolution: every input lays a scaled kernel into the output.

    Args:
        x: `[B, S.., C]` with one or two spatial axes.
        kernel: `[K.., C, F]`; output `stride * i - padding + k` gets
            `x[i] @ kernel[k]`.
        stride: Gap between the kernels that are laid.
        padding: Steps cut off at both ends of every axis.
        implementation: `product` or `lax`; None for the faster one of the backend.
        matrix: What `transpose_matrix` made of the kernel; None makes it here.

    Returns:
        `[B, T.., F]` with `T = (S - 1) stride - 2 padding + K`.

    Example:
        >>> x, kernel = jnp.ones((2, 4, 3)), jnp.ones((4, 3, 5))
        >>> transpose(x, kernel, stride=2, padding=1).shape
        (2, 8, 5)
    """
    sizes, kernels = x.shape[1:-1], kernel.shape[:-2]
    rank = len(sizes)
    if (implementation or _default()) == "lax":
        return jax.lax.conv_general_dilated(
            x,
            jnp.flip(kernel, tuple(range(rank))),
            (1,) * rank,
            [(k - 1 - padding, k - 1 - padding) for k in kernels],
            lhs_dilation=(stride,) * rank,
            dimension_numbers=LAYOUTS[rank],
        )
    outs = [
        (s - 1) * stride - 2 * padding + k for s, k in zip(sizes, kernels, strict=True)
    ]
    cut = (slice(None), *(slice(padding, padding + out) for out in outs))
    single = set(sizes) == {1}
    if rank == 2 and stride == 1 and not single and convolution_taps.fits(kernel):
        return convolution_taps.transpose(x, kernel)[cut]
    if matrix is None:
        matrix = transpose_matrix(kernel, stride, sizes, x.shape[0])
    if matrix.ndim == 3:
        canvas = convolution_winograd.transpose(x, matrix)
        return _from_blocks(canvas, stride, rank)[cut]
    outputs = products.product(x, matrix)
    if single:
        return outputs.reshape(len(x), *kernels, -1)[cut]
    taps = [-(-k // stride) for k in kernels]
    pieces = jnp.split(outputs, math.prod(taps), axis=-1)
    placed = []
    for piece, offsets in zip(pieces, _offsets(taps), strict=True):
        inner = [(a, tap - 1 - a) for a, tap in zip(offsets, taps, strict=True)]
        placed.append(jnp.pad(piece, [(0, 0), *inner, (0, 0)]))
    return _from_blocks(sum(placed[1:], placed[0]), stride, rank)[cut]


def transpose_matrix(
    kernel: Array, stride: int, sizes: Sequence[int], samples: Any = None
) -> Array:
    """A kernel as `transpose` multiplies by it: made once where many passes follow.

    Args:
        kernel: `[K.., C, F]`.
        stride: See `transpose`.
        sizes: Spatial sizes `S..` of what is convolved.
        samples: B of a single pass; None where many follow.

    Returns:
        `[C, N]`: for each input channel what it adds to the output; or that of
        `convolution_winograd.matrices`, `[G, C, N]`, where these are faster.

    Example:
        >>> transpose_matrix(jnp.ones((4, 4, 3, 5)), 2, (8, 8)).shape
        (3, 80)
    """
    kernels = kernel.shape[:-2]
    if set(sizes) == {1}:
        return _tapped(kernel, kernels, 1, fan_out=True)
    taps = [-(-k // stride) for k in kernels]
    matrix = _tapped(kernel, taps, stride, fan_out=True)
    channels = len(matrix), matrix.shape[1] // math.prod(taps)
    if not convolution_winograd.fits(samples, sizes, taps, channels):
        return matrix
    split = matrix.reshape(-1, *taps, channels[1])
    return convolution_winograd.matrices(jnp.moveaxis(split, 0, -2))


def transpose_repeated(x: Array, kernel: Array, *, padding: int = 0) -> Array:
    """Repeats every value twice on each axis and convolves that, transposed.

    It is one transposed convolution by steps of two: each value is multiplied once, and
    what is repeated is never made.

    Args:
        x: `[B, S.., C]` with one or two spatial axes.
        kernel: `[K.., C, F]` for what is repeated, by steps of one.
        padding: Steps cut off at both ends of every axis.

    Returns:
        `[B, T.., F]` with `T = 2 S - 1 - 2 padding + K`.

    Example:
        >>> x, kernel = jnp.array([[[1.0], [2.0]]]), jnp.array([[[1.0]], [[10.0]]])
        >>> transpose_repeated(x, kernel)[0, :, 0].tolist()
        [1.0, 11.0, 12.0, 22.0, 20.0]
    """
    for axis in range(kernel.ndim - 2):
        none = jnp.zeros_like(jax.lax.slice_in_dim(kernel, 0, 1, axis=axis))
        ended = jnp.concatenate([kernel, none], axis)
        kernel = ended + jnp.concatenate([none, kernel], axis)
    run = functools.partial(transpose, stride=2, padding=padding)
    if x.ndim < 4 or _default() == "lax" or not convolution_taps.fits(kernel):
        return run(x, kernel)
    cells = math.prod(x.shape[1:3]) * kernel.size // x.shape[-1]
    return convolution_taps.in_turn(run, x, kernel, cells, REPEATED)


def convolve_repeated(x: Array, kernel: Array, length: int) -> Array:
    """Repeats every step twice, keeps `length` of them and convolves these.

    It is `transpose_repeated` with the kernel turned round.

    Args:
        x: `[B, S, C]`.
        kernel: `[K, C, F]`, K odd and not 1, for what is repeated, by steps of one.
        length: `2 S`, or `2 S - 1`.

    Returns:
        `[B, length, F]`, with `K // 2` zeros on both sides of what is kept.

    Example:
        >>> x, kernel = jnp.array([[[1.0], [2.0]]]), jnp.ones((3, 1, 1))
        >>> convolve_repeated(x, kernel, 4)[0, :, 0].tolist()
        [2.0, 4.0, 5.0, 4.0]
        >>> convolve_repeated(x, kernel, 3)[0, :, 0].tolist()
        [2.0, 4.0, 3.0]
    """
    half = kernel.shape[0] // 2
    out = transpose_repeated(x, kernel[::-1], padding=half)
    if length == out.shape[1]:
        return out
    # The last outputs must not see the step that is cut off.
    tail = min(half, length)
    ends = kernel[half + 1 : half + 1 + tail][::-1].transpose(1, 0, 2)
    features = kernel.shape[-1]
    seen = products.product(x[:, -1], ends.reshape(x.shape[-1], tail * features))
    seen = seen.reshape(len(x), tail, features)
    return out[:, :length] - jnp.pad(seen, [(0, 0), (length - tail, 0), (0, 0)])


def _offsets(taps: Sequence[int]) -> list[tuple[int, ...]]:
    """Every place of a tap, the last axis running fastest."""
    return list(itertools.product(*map(range, taps)))


def _default() -> Implementation:
    return "product" if jax.default_backend() == "cpu" else "lax"


def _direct_is_fast(array: Array) -> bool:
    """Whether the compiler convolves images of these channels faster than a product.

    On CPUs it does with the library that multiplies bfloat16 there, but for few
    channels and for gradients.
    """
    known = jax.default_backend() == "cpu" and products.narrow_is_fast()
    return known and array.ndim == 4 and array.shape[-1] >= DIRECT


def _padded(x: Array, before: int, after: Sequence[int]) -> Array:
    """Pads the spatial axes by zeros; a negative end cuts what no output reads."""
    edges = [(0, 0, 0), *((before, end, 0) for end in after), (0, 0, 0)]
    return jax.lax.pad(x, jnp.zeros((), x.dtype), edges)


def _to_blocks(x: Array, stride: int) -> Array:
    """`[B, S.., C]` to `[B, S / stride.., stride.. * C]`."""
    if stride == 1:
        return x
    rank = x.ndim - 2
    split = [part for size in x.shape[1:-1] for part in (size // stride, stride)]
    x = x.reshape(x.shape[0], *split, x.shape[-1])
    order = [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1]
    x = x.transpose(order)
    return x.reshape(*x.shape[: rank + 1], -1)


def _from_blocks(x: Array, stride: int, rank: int) -> Array:
    """The inverse of `_to_blocks`."""
    if stride == 1:
        return x
    sizes = x.shape[1:-1]
    x = x.reshape(x.shape[0], *sizes, *(stride,) * rank, -1)
    order = [0]
    for axis in range(rank):
        order += [1 + axis, 1 + rank + axis]
    x = x.transpose(*order, 2 * rank + 1)
    return x.reshape(x.shape[0], *(size * stride for size in sizes), -1)


def _tapped(
    kernel: Array, taps: Sequence[int], stride: int, fan_out: bool = False
) -> Array:
    """A kernel as a matrix: taps, then places within a block, beside C or beside F."""
    rank = len(taps)
    missing = [tap * stride - k for tap, k in zip(taps, kernel.shape, strict=False)]
    if any(missing):
        kernel = jnp.pad(kernel, [*((0, end) for end in missing), (0, 0), (0, 0)])
    split = [part for tap in taps for part in (tap, stride)]
    split_kernel = kernel.reshape(*split, *kernel.shape[-2:])
    places = [*range(0, 2 * rank, 2), *range(1, 2 * rank, 2)]
    if fan_out:
        matrix = split_kernel.transpose(2 * rank, *places, 2 * rank + 1)
        return matrix.reshape(kernel.shape[-2], -1)
    matrix = split_kernel.transpose(*places, 2 * rank, 2 * rank + 1)
    return matrix.reshape(-1, kernel.shape[-1])
