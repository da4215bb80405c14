"""Layers of several networks: affine maps, layer norm, positional encoding.

Affine maps start as PyTorch's do, and several of one input can be joined.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.ops import products
from jaxtsad.ops.products import Precision
from jaxtsad.types import Array, Key

EPSILON = 1e-5
"""What a layer norm adds to the variance."""


def uniform_init(key: Key, shape: tuple[int, ...], fan_in: int) -> Array:
    """Draws from `[-1/sqrt(fan_in), 1/sqrt(fan_in)]`, weights and biases alike."""
    bound = 1 / math.sqrt(fan_in)
    return jax.random.uniform(key, shape, jnp.float32, -bound, bound)


class Affine(nn.Module):
    """An affine map of the last axis; `kernel` and `bias` can be read from outside.

    Attributes:
        size: Size of the input.
        features: Size of the output.
        start: Constant start of the bias; None draws it like the kernel.
        held: Whether the bias gets no gradient.
        precision: Of the product (see `products.einsum`).
    """

    size: int
    features: int
    start: float | None = None
    held: bool = False
    precision: Precision = "default"

    def setup(self) -> None:
        """Draws the parameters."""
        shape = (self.size, self.features)
        self.kernel = self.param("kernel", uniform_init, shape, self.size)
        if self.start is None:
            bias = self.param("bias", uniform_init, shape[1:], self.size)
        else:
            constant = nn.initializers.constant(self.start)
            bias = self.param("bias", constant, shape[1:])
        self.bias = jax.lax.stop_gradient(bias) if self.held else bias

    def __call__(self, x: Array) -> Array:
        """Maps `[..., size]` to `[..., features]`, of the same type."""
        return add_bias(products.product(x, self.kernel, self.precision), self.bias)


def add_bias(x: Array, bias: Array) -> Array:
    """Adds `bias [D]` to `x [..., D]`, whose type stays."""
    return x + jnp.broadcast_to(bias.astype(x.dtype), x.shape)


class Factors(NamedTuple):
    """What an input `[B, L, D]` was made of: rows times a kernel, plus a shift.

    A map of such an input is one of the fewer columns of its rows, by the product of
    both kernels, which is the same for all windows. Its gradients are then products of
    rows, too, and the input's own is not needed.

    Attributes:
        rows: `[B, L, S]`.
        kernel: `[S, D]`.
        shift: `[L, D]`, the same in all windows.
    """

    rows: Array
    kernel: Array
    shift: Array

    def whole(self, precision: Precision) -> Array:
        """The input."""
        return _shifted(products.product(self.rows, self.kernel, precision), self.shift)

    def pay(self) -> bool:
        """Whether a map of them takes fewer operations than one of the whole."""
        batch, length, columns = self.rows.shape
        width = self.kernel.shape[1]
        separate = batch * length * columns + (columns + length) * width
        return separate < batch * length * width


def joined(x: Array, *maps: Affine, factors: Factors | None = None) -> list[Array]:
    """Applies several maps to the same input by one product.

    Args:
        x: `[..., size]`.
        *maps: Maps of that size and of one precision.
        factors: What `x` was made of, if the maps shall go through them.

    Returns:
        What each map gives, `[..., features]`.
    """
    kernel = jnp.concatenate([each.kernel for each in maps], axis=1)
    bias = jnp.concatenate([each.bias for each in maps])
    precision = maps[0].precision
    if factors is None:
        out = add_bias(products.product(x, kernel, precision), bias)
    else:
        both = products.product(factors.kernel, kernel, precision)
        shift = add_bias(products.product(factors.shift, kernel, precision), bias)
        out = _shifted(products.product(factors.rows, both, precision), shift)
    stops = [sum(each.features for each in maps[:n]) for n in range(1, len(maps))]
    return jnp.split(out, stops, axis=-1)


def _shifted(x: Array, shift: Array) -> Array:
    return x + jnp.broadcast_to(shift[None].astype(x.dtype), x.shape)


class LayerNorm(nn.Module):
    """Normalises the last axis, with the variance of centred values."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[B, L, D]` to the same."""
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        centred = x - x.mean(-1, keepdims=True)
        variance = jnp.square(centred).mean(-1, keepdims=True)
        normal = centred * jax.lax.rsqrt(variance + EPSILON)
        return normal * scale[None, None] + bias[None, None]


def positional_encoding(length: int, width: int) -> np.ndarray:
    """Fixed sinusoidal encoding `[L, D]` of the step within the window.

    Computed in float32 throughout, as the published code does.

    Args:
        length: L.
        width: D, even.
    """
    step = np.arange(length, dtype=np.float32)[:, None]
    even = np.arange(0, width, 2, dtype=np.float32)
    angle = step * np.exp(even * np.float32(-math.log(10000.0) / width))
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(length, width)
