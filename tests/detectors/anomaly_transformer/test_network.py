"""The Anomaly Transformer's network: sizes, embedding, prior parameterisations."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.anomaly_transformer.network import (
    AnomalyTransformer,
    TokenEmbedding,
    gelu,
    positional_encoding,
)
from jaxtsad.models.anomaly_attention import PRIOR_PARAMS, Settings, forward
from jaxtsad.models.layers import Factors

L, C, D, H, N = 10, 3, 8, 2, 2


call = jax.jit(forward, static_argnums=0, static_argnames="associations")


def network(**settings) -> AnomalyTransformer:
    return AnomalyTransformer(Settings(L, D, H, **settings), C, layers=N, hidden=6)


@functools.cache
def run(**settings):
    """Parameters and the output with associations, of one window batch."""
    net = network(**settings)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, L, C)), jnp.float32)
    params = jax.jit(net.init)(jax.random.key(0), x)["params"]
    return params, call(net, params, x, associations=True)


@pytest.mark.parametrize(
    ("channels", "layers", "count"),
    [(38, 3, 4825150), (55, 3, 4859983), (25, 3, 4798513), (55, 2, 3277895)],
)
def test_parameter_counts(channels, layers, count):
    net = AnomalyTransformer(Settings(100, 512, 8), channels, layers=layers)
    x = jax.ShapeDtypeStruct((1, 100, channels), jnp.float32)
    params = jax.eval_shape(net.init, jax.random.key(0), x)["params"]
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)) == count


def test_initial_parameters_have_the_published_spread():
    net = AnomalyTransformer(Settings(4, 512, 8), 25, layers=1)
    x = jnp.zeros((1, 4, 25))
    params = jax.jit(net.init)(jax.random.key(3), x)["params"]
    token = params["embedding"]["kernel"]
    assert token.shape == (3, 25, 512)
    np.testing.assert_allclose(token.std(), math.sqrt(2 / 75), rtol=0.02)
    for name in ("query", "key", "value", "sigma", "output"):
        affine = params["layer_0"]["attention"][name]
        bound = 1 / math.sqrt(512)
        for leaf in jax.tree.leaves(affine):
            assert bound >= jnp.abs(leaf).max() > 0.5 * bound
    kernel = params["layer_0"]["expand"]["kernel"]
    np.testing.assert_allclose(kernel.std(), 1 / math.sqrt(3 * 512), rtol=0.02)
    np.testing.assert_array_equal(params["norm"]["scale"], 1)
    np.testing.assert_array_equal(params["norm"]["bias"], 0)


def test_token_embedding_rolls_with_its_input():
    embed = TokenEmbedding(C, D)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, L, C)), jnp.float32)
    params = embed.init(jax.random.key(0), x, jnp.zeros((L, D)))

    @jax.jit
    def apply(x):
        return embed.apply(params, x, jnp.zeros((L, D))).whole("float32")

    rolled = apply(jnp.roll(x, 1, axis=1))
    np.testing.assert_allclose(rolled, jnp.roll(apply(x), 1, 1), atol=1e-6)


def test_token_embedding_is_a_circular_convolution():
    embed = TokenEmbedding(1, 1)
    kernel = jnp.array([100.0, 10.0, 1.0]).reshape(3, 1, 1)
    x = jnp.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1)
    shift = jnp.arange(4.0)[:, None]
    found = embed.apply({"params": {"kernel": kernel}}, x, shift).whole("float32")
    np.testing.assert_allclose(found.ravel(), [412, 124, 236, 344])


def test_the_first_layer_reads_the_embedding_by_its_factors(monkeypatch):
    """Except after dropout, which leaves nothing of them."""
    net = AnomalyTransformer(Settings(4, D, H), 1, layers=1, hidden=6, dropout=0.5)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 4, 1)), jnp.float32)
    params = jax.jit(net.init)(jax.random.key(0), x)["params"]
    ways = []
    for pays in (True, False):
        monkeypatch.setattr(Factors, "pay", lambda self, pays=pays: pays)

        def both(params):
            return forward(net, params, x), forward(
                net, params, x, dropout_key=jax.random.key(1)
            )

        traced = jax.make_jaxpr(functools.partial(forward, net))(params, x)
        assert (f"f32[3,{3 * D}]" in str(traced)) == pays
        ways.append(jax.jit(both)(params))
    (quiet, loud), (plain, plainly) = ways
    np.testing.assert_allclose(quiet.series, plain.series, rtol=1e-4)
    np.testing.assert_allclose(quiet.reconstruction, plain.reconstruction, rtol=1e-4)
    np.testing.assert_array_equal(loud.reconstruction, plainly.reconstruction)


def test_positional_encoding():
    table = positional_encoding(100, 512)
    assert table.dtype == np.float32
    step, pair = np.arange(100)[:, None], np.arange(256)[None]
    angle = step * np.exp(-2 * pair * np.log(10000) / 512)
    np.testing.assert_allclose(table[:, 0::2], np.sin(angle), atol=1e-5)
    np.testing.assert_allclose(table[:, 1::2], np.cos(angle), atol=1e-5)


def test_gelu_is_the_exact_form():
    x = np.linspace(-6, 6, 101, dtype=np.float32)
    expected = [0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x.astype(float)]
    np.testing.assert_allclose(gelu(jnp.asarray(x)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("prior_param", PRIOR_PARAMS)
def test_every_prior_gives_rows_that_sum_to_one(prior_param):
    params, out = run(prior_param=prior_param)
    assert out.reconstruction.shape == (2, L, C)
    assert out.series.shape == out.prior.shape == (2, N, H, L)
    seen = out.associations
    assert seen.series.shape == seen.prior.shape == (2, N, H, L, L)
    np.testing.assert_allclose(seen.series.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(seen.prior.sum(-1), 1, rtol=1e-5)
    assert seen.sigma.shape == (2, N, H, L) and (seen.sigma > 0).all()
    attention = params["layer_0"]["attention"]
    assert ("rho" in attention) == (prior_param in ("head", "position"))
    assert ("sigma" in attention) != ("rho" in attention)


def test_prior_parameters_start_where_they_should():
    for prior_param in ("head", "position"):
        _, out = run(prior_param=prior_param)
        np.testing.assert_allclose(out.associations.sigma, 1, rtol=2e-3)
    params, out = run(prior_param="dynamic_bounded")
    sigma = out.associations.sigma
    assert sigma.min() > 0.98 and sigma.max() < 2.00003
    params, _ = run(prior_param="dynamic_wide")
    bias = params["layer_0"]["attention"]["sigma"]["bias"]
    np.testing.assert_allclose(jax.nn.softplus(bias), 1, rtol=1e-6)
    _, out = run(prior_param="dynamic_wide", sigma_cap=0.5)
    assert out.associations.sigma.max() <= 0.5


def test_prior_takes_part_in_the_output_only_where_asked():
    params, plain = run()
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, L, C)), jnp.float32)
    mixed = call(network(prior_in_output=True), params, x)
    assert not np.allclose(mixed.reconstruction, plain.reconstruction)

    def reconstruction(params, net):
        return jnp.square(forward(net, params, x).reconstruction - x).mean()

    for net, moves in ((network(), False), (network(prior_in_output=True), True)):
        grads = jax.jit(jax.grad(functools.partial(reconstruction, net=net)))(params)
        sigma = [grads[f"layer_{n}"]["attention"]["sigma"] for n in range(N)]
        moved = [bool(jnp.any(leaf)) for leaf in jax.tree.leaves(sigma)]
        assert all(moved) if moves else not any(moved)


def test_dropout_acts_in_training_only():
    net = network(dropout=0.5)
    params, _ = run()
    x = jnp.ones((2, L, C))
    quiet = call(net, params, x)
    np.testing.assert_array_equal(
        quiet.reconstruction, call(network(), params, x).reconstruction
    )
    loud = [
        call(net, params, x, dropout_key=jax.random.key(n)).series for n in (0, 0, 1)
    ]
    np.testing.assert_array_equal(loud[0], loud[1])
    assert not np.allclose(loud[0], loud[2])
    kept = call(
        network(dropout=0.5, dropped_divergence=False),
        params,
        x,
        dropout_key=jax.random.key(0),
    )
    np.testing.assert_allclose(kept.series[:, 0], quiet.series[:, 0], rtol=1e-5)
