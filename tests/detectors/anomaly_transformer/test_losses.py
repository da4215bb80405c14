"""Who moves in the Anomaly Transformer's minimax, and in which direction."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.anomaly_transformer import losses
from jaxtsad.detectors.anomaly_transformer.network import AnomalyTransformer
from jaxtsad.models.anomaly_attention import Output, Settings, forward

L, C, D, H, N = 6, 3, 8, 2, 2
K = 3.0
NETWORK = AnomalyTransformer(Settings(L, D, H), C, layers=N, hidden=6)
LOSSES = {
    "series": lambda terms: terms.series,
    "prior": lambda terms: terms.prior,
    "reconstruction": lambda terms: terms.reconstruction,
    "joint": functools.partial(losses.joint, k=K),
    "series_phase": functools.partial(losses.series_phase, k=K),
    "prior_phase": functools.partial(losses.prior_phase, k=K),
}


@pytest.fixture(scope="module")
def found():
    """Value and gradient of every loss on one batch, by name."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, L, C)), jnp.float32)
    params = jax.jit(NETWORK.init)(jax.random.key(0), x)["params"]

    def loss(params, name):
        terms = losses.terms(x, forward(NETWORK, params, x), jnp.ones(4))
        return LOSSES[name](terms)

    @jax.jit
    def all_of(params):
        return {name: jax.value_and_grad(loss)(params, name) for name in LOSSES}

    return all_of(params)


def parts(grads, names):
    """Gradients of the named attention maps in each layer, as one flat vector."""
    layers = [grads[f"layer_{number}"]["attention"] for number in range(N)]
    return [
        np.concatenate([np.ravel(leaf) for n in names for leaf in layer[n].values()])
        for layer in layers
    ]


def test_both_divergences_are_equal_in_value_and_not_in_gradient(found):
    (series, by_series), (prior, by_prior) = found["series"], found["prior"]
    np.testing.assert_allclose(series, prior, rtol=1e-6)
    query = parts(by_series, ["query"])[0]
    assert not np.allclose(query, parts(by_prior, ["query"])[0], atol=1e-6)


def test_series_divergence_does_not_move_the_prior(found):
    for layer in parts(found["series"][1], ["sigma"]):
        np.testing.assert_array_equal(layer, 0)
    assert any(layer.any() for layer in parts(found["series"][1], ["query", "key"]))


def test_reconstruction_does_not_move_the_prior(found):
    for layer in parts(found["reconstruction"][1], ["sigma"]):
        np.testing.assert_array_equal(layer, 0)


def test_prior_divergence_moves_lower_layers_but_not_the_last_series(found):
    *lower, last = parts(found["prior"][1], ["query", "key"])
    np.testing.assert_array_equal(last, 0)
    assert all(layer.any() for layer in lower)
    assert all(layer.any() for layer in parts(found["prior"][1], ["sigma"]))


def test_joint_gradient_is_the_sum_of_both_phases(found):
    both = jax.tree.map(jnp.add, found["series_phase"][1], found["prior_phase"][1])
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5),
        found["joint"][1],
        both,
    )


def test_values_of_the_losses(found):
    value = {name: float(pair[0]) for name, pair in found.items()}
    rec, div = value["reconstruction"], value["series"]
    np.testing.assert_allclose(value["series_phase"], rec - K * div, rtol=1e-5)
    np.testing.assert_allclose(value["prior_phase"], rec + K * div, rtol=1e-5)
    np.testing.assert_allclose(value["joint"], 2 * rec, rtol=1e-4, atol=1e-4)


def test_prior_phase_can_leave_reconstruction_out():
    terms = losses.Terms(jnp.float32(2), jnp.float32(5), jnp.float32(7))
    assert losses.prior_phase(terms, K, reconstruction=False) == 21


def test_terms_ignore_windows_of_weight_zero():
    rng = np.random.default_rng(1)
    output = Output(
        rng.normal(size=(4, L, C)).astype(np.float32),
        rng.normal(size=(4, N, H, L)).astype(np.float32),
        rng.normal(size=(4, N, H, L)).astype(np.float32),
        None,
    )
    x = rng.normal(size=(4, L, C)).astype(np.float32)
    padded = losses.terms(x, output, jnp.array([1.0, 1.0, 0.0, 0.0]))
    short = jax.tree.map(lambda leaf: leaf[:2], output)
    whole = losses.terms(x[:2], short, jnp.ones(2))
    np.testing.assert_allclose(padded, whole, rtol=1e-6)
    error = np.square(output.reconstruction - x)[:2].mean()
    np.testing.assert_allclose(whole.reconstruction, error, rtol=1e-6)


def test_unstopped_reaches_both_sides():
    def divergence(pair, full):
        series = pair[0] * jax.lax.stop_gradient(pair[1])
        prior = jax.lax.stop_gradient(pair[0]) * pair[1]
        return losses.unstopped(series, prior) if full else series

    pair = (jnp.float32(2), jnp.float32(5))
    assert divergence(pair, True) == divergence(pair, False) == 10
    assert jax.grad(divergence)(pair, True) == (5, 2)
    assert jax.grad(divergence)(pair, False) == (5, 0)
