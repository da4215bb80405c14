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
        return Values(Dense(ACTIONS, by_sums=True, name="out")(hidden), hidden)


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
