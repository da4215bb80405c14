"""Weighted reconstruction errors: padding has no part in them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.models import reconstruction


def example() -> tuple[jax.Array, jax.Array]:
    keys = jax.random.split(jax.random.key(0))
    made, windows = (jax.random.normal(key, (4, 5, 3)) for key in keys)
    return made, windows


def test_mean_squared_error_is_the_mean_over_everything() -> None:
    made, windows = example()
    found = reconstruction.mean_squared_error(made, windows, jnp.ones(4))
    np.testing.assert_allclose(found, np.mean((made - windows) ** 2), rtol=1e-6)


def test_padding_has_no_part_in_value_or_gradient() -> None:
    made, windows = example()
    weight = jnp.asarray([1.0, 1.0, 0.0, 1.0])
    loss = jax.value_and_grad(reconstruction.mean_squared_error)
    value, grad = loss(made, windows, weight)
    expected = np.mean(np.delete(np.asarray((made - windows) ** 2), 2, axis=0))
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    disturbed = loss(made.at[2].set(1e9), windows, weight)
    np.testing.assert_array_equal(disturbed[0], value)
    assert np.all(np.asarray(grad[2]) == 0) and np.all(np.asarray(grad[0]) != 0)


def test_an_empty_batch_gives_zeros() -> None:
    made, windows = example()
    loss = jax.value_and_grad(reconstruction.mean_squared_error)
    value, grad = loss(made, windows, jnp.zeros(4))
    assert float(value) == 0.0 and np.all(np.asarray(grad) == 0)


def test_squared_error_sums_over_channels_to_the_step_error() -> None:
    made, windows = example()
    parts = reconstruction.squared_error(made, windows)
    expected = np.mean((made - windows) ** 2, axis=-1)
    np.testing.assert_allclose(parts.sum(-1), expected, rtol=1e-6)
