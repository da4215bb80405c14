"""The head-wise transformer: size, priors, discrepancies and who moves them."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.anomaly_transformer_headwise import detector
from jaxtsad.detectors.anomaly_transformer_headwise import losses as objectives
from jaxtsad.detectors.anomaly_transformer_headwise.config import TINY, Config
from jaxtsad.detectors.anomaly_transformer_headwise.network import HeadwiseTransformer
from jaxtsad.models.anomaly_attention import forward
from jaxtsad.ops.attention import association

L, C, H, N = 10, 3, 2, 1
NETWORK = HeadwiseTransformer(L, C, width=8, heads=H, layers=N, hidden=6, dropout=0.5)


@pytest.fixture(scope="module")
def found():
    """Parameters, output, and each loss's gradient with respect to all parameters."""
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, L, C)), jnp.float32)
    params = jax.jit(NETWORK.init)(jax.random.key(0), x)["params"]

    @jax.jit
    def everything(params):
        def losses(params):
            out = forward(NETWORK, params, x, associations=True)
            terms = objectives.terms(x, out, jnp.ones(2))
            return jnp.stack(terms), (out, terms)

        return jax.jacrev(losses, has_aux=True)(params)

    grads, (out, terms) = everything(params)
    return params, x, out, grads, terms


def widths(grads):
    return np.stack([grads[f"layer_{number}"]["sigma"] for number in range(N)], axis=1)


def test_parameter_count_of_the_full_size():
    config = Config(window=100, channels=25)
    assert detector.size(config) == 25_245_273
    assert detector.size(dataclasses.replace(config, window=10)) == 25_245_273


def test_discrepancy_of_uniform_attention():
    uniform, prior = jnp.full((10, 10), 0.1), association.prior(jnp.ones(10))
    delta = association.symmetrised(uniform, prior, floor=1e-30)
    half = [6.946294, 4.927970, 3.384418, 2.375511, 1.875009]
    np.testing.assert_allclose(delta, half + half[::-1], atol=1e-4)
    np.testing.assert_allclose(delta.sum(), 39.018402, rtol=1e-5)
    clamped = association.symmetrised(uniform, prior)
    far = np.maximum(np.asarray(prior, np.float64), 1e-8)
    expected = 0.5 * ((0.1 - far) * (np.log(0.1) - np.log(far))).sum(-1)
    np.testing.assert_allclose(clamped, expected, rtol=1e-5)


def test_what_the_network_gives(found):
    params, x, out, _, _ = found
    assert out.reconstruction.shape == x.shape
    assert out.series.shape == out.prior.shape == (2, N, L)
    np.testing.assert_allclose(out.series, out.prior, rtol=1e-6)
    seen = out.associations
    assert seen.series.shape == seen.prior.shape == (2, N, H, L, L)
    np.testing.assert_allclose(seen.prior.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(seen.sigma, L / 10, rtol=1e-6)
    # The mean over heads of half the two divergences, clamped at 1e-8.
    series = np.maximum(np.asarray(seen.series, np.float64), 1e-8)
    prior = np.maximum(np.asarray(seen.prior, np.float64), 1e-8)
    delta = 0.5 * ((series - prior) * (np.log(series) - np.log(prior))).sum(-1)
    np.testing.assert_allclose(out.series, delta.mean(2), rtol=1e-4)
    assert params["layer_0"]["sigma"].shape == (H,)


def test_each_group_is_moved_by_its_own_term(found):
    params, _, _, grads, terms = found
    reconstruction, series, prior = (
        jax.tree.map(lambda leaf, i=i: leaf[i], grads) for i in range(3)
    )
    assert not widths(reconstruction).any() and not widths(series).any()
    assert widths(prior).all()
    labels = detector.groups(params)
    for grad, label in zip(
        jax.tree.leaves(prior), jax.tree.leaves(labels), strict=True
    ):
        assert label == "prior" or not grad.any()
    assert series["layer_0"]["query"]["kernel"].any()
    assert jax.tree.leaves(labels).count("prior") == N
    assert set(jax.tree.leaves(labels)) == {"prior", "network"}
    np.testing.assert_allclose(terms.series, terms.prior, rtol=1e-6)


@pytest.mark.parametrize(("direction", "sign"), [("reversed", 1), ("paper", -1)])
def test_directions_have_opposite_signs(direction, sign):
    terms = objectives.Terms(1.0, 20.0, 30.0)
    assert objectives.network_loss(terms, 0.1, direction) == 1 + sign * 2
    assert objectives.prior_loss(terms, direction) == -sign * 30


def test_terms_ignore_windows_of_weight_zero(found):
    _, x, out, _, _ = found
    one = objectives.terms(x, out, jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(one.series, out.series[0].mean(0).sum(), rtol=1e-5)
    error = np.square(out.reconstruction - x)[0].mean()
    np.testing.assert_allclose(one.reconstruction, error, rtol=1e-5)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("direction", "up", "direction='up' is unknown; the choices are reversed"),
        ("score", "best", "score='best' is unknown; the choices are discrepancy"),
        ("score_sign", 0, "score_sign=0 is unknown; the choices are 1, -1"),
        ("width", 9, "width=9 must be even and a multiple of heads=2"),
        ("dropout", 1.0, "dropout=1.0 must be in"),
        ("k", -0.1, "k=-0.1 must be a number of at least 0"),
    ],
)
def test_bad_options_are_named(option, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **{option: value})
