"""Autoencoders of deep clustering: published sizes, pools and what undoes them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.models import conv_autoencoder
from jaxtsad.models.conv_autoencoder import ImageAutoencoder, WindowAutoencoder


def shapes(module: Any, x: Any) -> tuple[Any, Any]:
    """Parameters and output, as shapes."""
    variables = jax.eval_shape(module.init, jax.random.key(0), x)
    return variables["params"], jax.eval_shape(module.apply, variables, x)


def test_published_numbers_of_parameters() -> None:
    params, out = shapes(ImageAutoencoder(28, 1), jnp.zeros((2, 28, 28, 1)))
    counts = [
        sum(leaf.size for leaf in jax.tree.leaves(layer)) for layer in params.values()
    ]
    assert sum(counts[:3]) == 160_190 and sum(counts[3:]) == 159_951
    assert out.latent.shape == (2, 120)
    assert out.reconstruction.shape == (2, 28, 28, 1)


@pytest.mark.parametrize(("side", "latent", "left"), [(32, 120, 5), (128, 320, 4)])
def test_other_sides(side: int, latent: int, left: int) -> None:
    width = 50 if side == 32 else 20
    features = conv_autoencoder.stages(side, width)[-1].features
    x = jnp.zeros((1, side, side, 1))
    params, out = shapes(ImageAutoencoder(side, 1, width, latent), x)
    kernels = {leaf.shape for leaf in jax.tree.leaves(params)}
    assert (left, left, features, latent) in kernels
    assert out.latent.shape == (1, latent)
    assert out.reconstruction.shape == x.shape


@pytest.mark.parametrize("length", [2, 7, 64, 100])
def test_windows_of_any_length(length: int) -> None:
    x = jnp.zeros((2, length, 3))
    _, out = shapes(WindowAutoencoder(length, 3), x)
    assert out.latent.shape == (2, 16) and out.reconstruction.shape == x.shape


def test_argmax_puts_values_back_and_repeating_then_pooling_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    sparse = np.zeros((2, 4, 4, 3), np.float32)
    for row, i, j, channel in np.ndindex(2, 2, 2, 3):
        a, b = rng.integers(0, 2, 2)
        sparse[row, 2 * i + a, 2 * j + b, channel] = rng.uniform(1, 2)
    x = jnp.asarray(sparse)
    small = conv_autoencoder.pool(x)
    back = conv_autoencoder.repeated(small) * conv_autoencoder.switches(x)
    np.testing.assert_array_equal(back, x)
    again = conv_autoencoder.pool(conv_autoencoder.repeated(small))
    np.testing.assert_array_equal(again, small)
    ties = conv_autoencoder.switches(jnp.ones((1, 2, 2, 1)))
    np.testing.assert_array_equal(ties[0, :, :, 0], [[1, 0], [0, 0]])


def test_the_gradient_of_a_pool_goes_to_the_maximum() -> None:
    x = jax.random.normal(jax.random.key(0), (2, 4, 4, 3))
    weight = jax.random.normal(jax.random.key(1), (2, 2, 2, 3))
    found = jax.grad(lambda x: (conv_autoencoder.pool(x) * weight).sum())(x)
    expected = conv_autoencoder.repeated(weight) * conv_autoencoder.switches(x)
    np.testing.assert_allclose(found, expected)


def test_a_block_of_one_value_passes_its_gradient_once() -> None:
    x = jnp.ones((1, 4, 4, 1))
    found = jax.grad(lambda x: conv_autoencoder.pool(x).sum())(x)
    np.testing.assert_array_equal(found, conv_autoencoder.switches(x))


def test_no_gradient_is_lost_where_values_are_computed_twice() -> None:
    # Normalised values are cheap, so that the compiler computes them again.
    rng = np.random.default_rng(0)
    x, scale, shift, weight = (
        jnp.asarray(rng.uniform(1, 2, size), jnp.float32)
        for size in ((8, 8, 8, 4), (1, 1, 1, 4), (1, 1, 1, 4), (8, 4, 4, 4))
    )

    @jax.jit
    def gradient(x: Any) -> Any:
        axes = (0, 1, 2)
        mean = x.mean(axes, keepdims=True)
        variance = x.var(axes, keepdims=True)

        def loss(moved: Any) -> Any:
            unit = (x - mean) * jax.lax.rsqrt(variance + 1e-5)
            y = jax.nn.relu(unit * scale + shift + 5 + moved)
            return (conv_autoencoder.pool(y) * weight).sum()

        return jax.grad(loss)(jnp.zeros_like(x))

    blocks = gradient(x).reshape(8, 4, 2, 4, 2, 4)
    np.testing.assert_allclose(blocks.sum((2, 4)), weight, rtol=1e-6)
