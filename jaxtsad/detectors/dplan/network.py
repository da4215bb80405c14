"""A Q-network of one hidden layer, whose activations are the representation."""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtsad.models.dense import Dense
from jaxtsad.types import Array, PyTree

ACTIONS = 2


class Values(NamedTuple):
    """What the network gives.

    Attributes:
        q: `[B, 2]`, the values of calling a row normal (0) and anomalous (1).
        hidden: `[B, H]`, the activations that the values are made of (phi).
    """

    q: Array
    hidden: Array


class Head(nn.Module):
    """A dense layer to the values of both actions, by sums.

    On a CPU the call of a product takes longer than the arithmetic of so small a one.
    """

    @nn.compact
    def __call__(self, hidden: Array) -> Array:
        """Maps `[B, H]` to `[B, 2]`."""
        shape = (hidden.shape[-1], ACTIONS)
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), shape)
        bias = self.param("bias", nn.initializers.zeros, shape[1:])
        values = [
            (hidden * kernel[None, :, action]).sum(-1) + bias[action]
            for action in range(ACTIONS)
        ]
        return jnp.stack(values, -1)


class QNetwork(nn.Module):
    """Rows to hidden ReLU activations to the values of both actions.

    Attributes:
        width: Hidden activations H.
    """

    width: int = 20

    @nn.compact
    def __call__(self, x: Array) -> Values:
        """Maps rows `[B, F]`."""
        hidden = nn.relu(Dense(self.width, name="hidden")(x))
        return Values(Head(name="out")(hidden), hidden)


def hidden_of_columns(params: PyTree, x: Array) -> Array:
    """Hidden activations `[H, S]` of rows that lie as columns `[F, S]`.

    What follows sums over H, which is several times faster with rows side by side.
    """
    layer = params["hidden"]
    # Turned in memory: as a transposed side of a product it would be several times
    # slower on a CPU.
    product = jax.lax.optimization_barrier(layer["kernel"].T) @ x
    return jnp.maximum(
        product + jnp.broadcast_to(layer["bias"][:, None], product.shape), 0
    )
