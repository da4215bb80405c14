"""Dense layers and the perceptrons made of them.

Shape letters: B batch, F numbers of a row.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jaxtsad.models.layers import add_bias
from jaxtsad.ops import products
from jaxtsad.types import Array


class Dense(nn.Module):
    """An affine map that starts as Glorot and Bengio's, its bias at 0.

    Attributes:
        features: Width of the output.
        bias: Whether a bias is added.
        by_sums: Whether each output is a sum of its own, not one column of a product:
            of few small outputs, where on a CPU a product's call costs most.
    """

    features: int
    bias: bool = True
    by_sums: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[B, F]` to `[B, features]`."""
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), shape)
        if self.by_sums:
            columns = [kernel[None, :, number] for number in range(self.features)]
            out = jnp.stack([(x * column).sum(-1) for column in columns], -1)
        else:
            out = products.product(x, kernel)
        if not self.bias:
            return out
        return add_bias(out, self.param("bias", nn.initializers.zeros, shape[1:]))


class Perceptron(nn.Module):
    """Dense layers with ReLUs between them.

    Attributes:
        widths: Width of every layer's output.
        bias: Whether the layers have biases.
    """

    widths: tuple[int, ...]
    bias: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[B, F]` to `[B, widths[-1]]`."""
        for number, width in enumerate(self.widths):
            x = nn.relu(x) if number else x
            x = Dense(width, self.bias, name=f"layer_{number}")(x)
        return x
