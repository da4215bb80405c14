"""The gate step by step: the logit of a series that ends with the step."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.pretrained_tcn import features, network, weights

STEPS, ENTITIES, COLUMNS = 90, 2, 3


def test_a_last_logit_is_the_gates_of_the_series_cut_there() -> None:
    shape = (STEPS, ENTITIES, COLUMNS, features.COUNT)
    seen = jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)
    gates = jax.tree.map(jnp.asarray, weights.load())
    gate = jax.tree.map(lambda leaf: leaf[:1], gates)
    flat = seen.reshape(STEPS, -1, features.COUNT)
    cut = jax.jit(lambda stop: weights.logits(gate, flat, stop)[stop - 1])
    step = jax.jit(network.last_logit)
    trail = network.trail(gate, seen[0])
    for number in range(STEPS):
        trail, logits = step(gate, trail, seen[number], jnp.int32(number))
        if number % 7 == 0 or number > STEPS - 5:
            whole = cut(number + 1).reshape(ENTITIES, COLUMNS)
            np.testing.assert_allclose(logits, whole, atol=2e-4)


def test_gates_of_their_own_are_those_that_all_share() -> None:
    shape = (ENTITIES, COLUMNS, features.COUNT)
    seen = jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)
    gate = jax.tree.map(lambda leaf: jnp.asarray(leaf[:1]), weights.load())
    each = jax.tree.map(lambda leaf: jnp.repeat(leaf, ENTITIES, axis=0), gate)
    clock = jnp.int32(network.STRIDE - 1)
    made = [
        network.last_logit(one, network.trail(one, seen), seen, clock)
        for one in (gate, each)
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), *made)
