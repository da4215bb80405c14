"""Adam, clipping, and partitions whose frozen side does not move."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.training import optimizers

PARAMS = {"sigma": {"kernel": jnp.ones(3)}, "query": {"kernel": jnp.ones(2)}}


def test_first_step_of_adam_is_the_learning_rate() -> None:
    adam = optimizers.adam(1e-3)
    params = {"w": jnp.array([1.0, -2.0])}
    grads = {"w": jnp.array([3.0, -0.5])}
    moved, _ = optimizers.apply(adam, grads, adam.init(params), params, 1.0)
    np.testing.assert_allclose(moved["w"], [1.0 - 1e-3, -2.0 + 1e-3], rtol=1e-6)
    half, _ = optimizers.apply(adam, grads, adam.init(params), params, 0.5)
    np.testing.assert_allclose(half["w"], [1.0 - 5e-4, -2.0 + 5e-4], rtol=1e-6)


def test_a_frozen_label_moves_neither_parameters_nor_moments() -> None:
    labels = optimizers.label_leaves(PARAMS, {"prior": ("sigma",)}, "other")
    assert jax.tree.leaves(labels) == ["other", "prior"]
    parts = {"prior": optimizers.frozen(), "other": optimizers.adam(0.1)}
    transform = optimizers.partition(parts, labels)
    state = transform.init(PARAMS)
    grads = jax.tree.map(jnp.ones_like, PARAMS)
    moved, after = optimizers.apply(transform, grads, state, PARAMS, 1.0)
    chex.assert_trees_all_equal(moved["sigma"], PARAMS["sigma"])
    assert not np.allclose(moved["query"]["kernel"], PARAMS["query"]["kernel"])
    assert not jax.tree.leaves(after.inner_states["prior"])


def test_clipping_bounds_the_global_norm() -> None:
    """With b1 = 0 and a huge eps the update is the clipped gradient, scaled."""
    clipped = optimizers.adam(1.0, clip_gradients=1.0, b1=0.0, b2=0.0, eps=1e6)
    params = {"w": jnp.zeros(2)}
    grads = {"w": jnp.array([30.0, 40.0])}
    moved, _ = optimizers.apply(clipped, grads, clipped.init(params), params, 1.0)
    np.testing.assert_allclose(moved["w"] * 1e6, [-0.6, -0.8], rtol=1e-5)
