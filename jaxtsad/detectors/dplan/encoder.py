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
from jaxtsad.ops import draws
from jaxtsad.training import epochs, optimizers
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
    autoencoder = network.start(start_key, module, first)
    order = epochs.shuffled(order_key, source.weight)
    count = (source.weight > 0).sum()
    adam = optimizers.adam(RATE)

    def step(number: Array, carry: tuple) -> tuple[Network, PyTree]:
        autoencoder, state = carry
        uniform = jax.random.uniform(jax.random.fold_in(step_key, number), (BATCH,))
        batch = source.take(order[draws.places(uniform, count)])

        def loss(params: PyTree) -> tuple[Array, PyTree]:
            current = autoencoder._replace(params=params)
            output, moments = network.train(module, current, batch.values, batch.weight)
            squared = jnp.square(output.reconstruction - batch.values)
            return mean(squared.mean(axis=(1, 2)), batch.weight), moments

        grads, moments = jax.grad(loss, has_aux=True)(autoencoder.params)
        params, state = optimizers.apply(adam, grads, state, autoencoder.params, 1.0)
        return Network(params, updated(autoencoder.stats, moments)), state

    trained_, _ = jax.lax.fori_loop(
        0, steps, step, (autoencoder, adam.init(autoencoder.params))
    )
    return trained_


def codes(module: WindowAutoencoder, autoencoder: Network, values: Array) -> Array:
    """Codes `[B, Z]` of windows `[B, L, C]`."""
    output: Output = network.run(module, autoencoder, values)
    return output.latent
