"""Affine maps that start as PyTorch's do, with parameters that can be joined."""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtsad.ops import products
from jaxtsad.ops.products import Precision
from jaxtsad.types import Array, Key


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
        """Maps `[..., size]` to `[..., features]`."""
        return add_bias(products.product(x, self.kernel, self.precision), self.bias)


def add_bias(x: Array, bias: Array) -> Array:
    """Adds `bias [D]` to `x [..., D]`."""
    return x + jnp.broadcast_to(bias, x.shape)


def joined(x: Array, *maps: Affine) -> list[Array]:
    """Applies several maps to the same input by one product.

    Args:
        x: `[..., size]`.
        *maps: Maps of that size and of one precision.

    Returns:
        What each map gives, `[..., features]`.
    """
    kernel = jnp.concatenate([one.kernel for one in maps], axis=1)
    bias = jnp.concatenate([one.bias for one in maps])
    stops = [sum(one.features for one in maps[:n]) for n in range(1, len(maps))]
    out = add_bias(products.product(x, kernel, maps[0].precision), bias)
    return jnp.split(out, stops, axis=-1)
