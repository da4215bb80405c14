"""Layer normalisation as PyTorch's, in the form whose gradient XLA computes fastest."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtsad.types import Array

EPSILON = 1e-5


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
