"""A window autoencoder, trained for a while and then frozen, whose codes are rows."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.models import network
from jaxtsad.models.conv_autoencoder import Output, WindowAutoencoder
from jaxtsad.models.convolutional import updated
from jaxtsad.models.network import Network
from jaxtsad.models.reconstruction import mean
from jaxtsad.training import epochs, optimizers, replay
from jaxtsad.types import Array, Key, PyTree

BATCH = 64
RATE = 1e-3


def trained(key: Key, module: WindowAutoencoder, source: Any, steps: int) -> Network:
    """Trains an autoencoder to reconstruct the windows of a source, by Adam.

    Args:
        key: Of the start and of the batches.
        module: The autoencoder.
        source: View of windows; those of weight 0 are never seen.
        steps: Gradient steps on batches of 64 windows.
    """
    start_key, order_key, step_key = jax.random.split(key, 3)
    first = source.take(jnp.zeros(1, jnp.int32)).values
    kept = network.start(start_key, module, first)
    order = epochs.shuffled(order_key, source.weight)
    count = (source.weight > 0).sum()
    adam = optimizers.adam(RATE)

    def step(number: Array, carry: tuple) -> tuple[Network, PyTree]:
        kept, state = carry
        uniform = jax.random.uniform(jax.random.fold_in(step_key, number), (BATCH,))
        batch = source.take(order[replay.scaled(uniform, count)])

        def loss(params: PyTree) -> tuple[Array, PyTree]:
            own = kept._replace(params=params)
            output, moments = network.train(module, own, batch.values, batch.weight)
            squared = jnp.square(output.reconstruction - batch.values)
            return mean(squared.mean(axis=(1, 2)), batch.weight), moments

        grads, moments = jax.grad(loss, has_aux=True)(kept.params)
        params, state = optimizers.apply(adam, grads, state, kept.params, 1.0)
        return Network(params, updated(kept.stats, moments)), state

    found, _ = jax.lax.fori_loop(0, steps, step, (kept, adam.init(kept.params)))
    return found


def codes(module: WindowAutoencoder, kept: Network, values: Array) -> Array:
    """Codes `[B, Z]` of windows `[B, L, C]`."""
    output: Output = network.run(module, kept, values)
    return output.latent
