"""Associations and their divergence, on numbers worked out by hand."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.ops.attention import association

UNIFORM = np.full((5, 5), 0.2, np.float32)
PRIOR = association.prior(jnp.ones(5))
EPSILONS = pytest.mark.parametrize("epsilon", association.EPSILONS)


def rows(seed: int, *shape: int, sharpness: float = 2.0) -> np.ndarray:
    logits = sharpness * np.random.default_rng(seed).normal(size=shape)
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    return (odds / odds.sum(-1, keepdims=True)).astype(np.float32)


def test_dynamic_sigma():
    found = association.dynamic_sigma(jnp.array([-1, -0.5, 0, 0.5, 1]))
    expected = [0.00739101, 0.08692185, 0.73206984, 1.76014867, 1.97805507]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_dynamic_sigma_stays_within_its_bounds():
    found = association.dynamic_sigma(jnp.linspace(-100, 100, 401))
    assert (found > 1e-5).all() and (found < 2.0001).all()


def test_bounded_sigma():
    found = association.bounded_sigma(jnp.array([-2.0, 0.0, 2.0]))
    expected = [1.52888627, 1.98664825, 1.99973407]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_wide_sigma_has_a_floor_and_a_cap():
    raw = jnp.array([-50.0, 0.0, 50.0])
    np.testing.assert_allclose(
        association.wide_sigma(raw), [0.1, 0.1 + np.log(2), 50.1], rtol=1e-6
    )
    np.testing.assert_allclose(
        association.wide_sigma(raw, 33.3), [0.1, 0.1 + np.log(2), 33.3], rtol=1e-6
    )


def test_prior_of_width_one():
    first = [0.57034966, 0.34593456, 0.07718843, 0.00633601, 0.00019133]
    middle = [0.05448868, 0.24420134, 0.40261995, 0.24420134, 0.05448868]
    np.testing.assert_allclose(PRIOR[0], first, rtol=0, atol=1e-6)
    np.testing.assert_allclose(PRIOR[2], middle, rtol=0, atol=1e-6)


@hypothesis.given(st.floats(1.1e-5, 2.0))
def test_prior_is_the_normalised_density(sigma):
    widths = jnp.full(9, sigma)
    prior = association.prior(widths)
    np.testing.assert_allclose(prior.sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(prior, prior[::-1, ::-1], rtol=1e-6, atol=1e-30)
    density = association.prior_density(widths)
    np.testing.assert_allclose(
        prior, density / density.sum(-1, keepdims=True), rtol=1e-5, atol=1e-30
    )


def test_prior_is_indexed_by_the_query():
    prior = association.prior(jnp.array([0.1, 2.0, 2.0]))
    np.testing.assert_allclose(prior[0], [1, 0, 0], atol=1e-6)
    assert prior[1, 0] > 0.3


def test_kl_of_uniform_and_prior():
    expected = [1.86499287, 0.74475948, 0.29987733, 0.74475948, 1.86499287]
    np.testing.assert_allclose(association.kl(UNIFORM, PRIOR), expected, rtol=1e-5)
    expected = [0.69052511, 0.35802458, 0.2375195, 0.35802458, 0.69052511]
    np.testing.assert_allclose(association.kl(PRIOR, UNIFORM), expected, rtol=1e-5)
    expected = [1.95206775, 0.74901419, 0.30032431, 0.74901419, 1.95206775]
    found = association.kl(UNIFORM, PRIOR, "clip")
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@EPSILONS
def test_kl_of_a_distribution_and_itself_is_zero(epsilon):
    np.testing.assert_array_equal(association.kl(PRIOR, PRIOR, epsilon), 0)


@EPSILONS
@hypothesis.given(st.integers(0, 1000), st.floats(0.1, 40))
def test_divergence_is_symmetric_and_the_sum_of_both_ways(epsilon, seed, sharpness):
    p, q = rows(seed, 2, 7, 7, sharpness=sharpness), rows(seed + 1, 2, 7, 7)
    both = association.divergence(p, q, epsilon)
    np.testing.assert_array_equal(both, association.divergence(q, p, epsilon))
    ways = [association.divergence(p, q, epsilon, d) for d in ("forward", "reverse")]
    np.testing.assert_allclose(both, ways[0] + ways[1], rtol=1e-6)
    if epsilon == "additive":
        assert max(way.max() for way in ways) <= 9.2104


def test_typical_discrepancy_at_initialisation():
    uniform = np.full((100, 100), 0.01, np.float32)
    prior = association.prior(association.dynamic_sigma(jnp.zeros(100)))
    ways = (association.kl(uniform, prior), association.kl(prior, uniform))
    means = [float(way.mean()) for way in ways]
    np.testing.assert_allclose(means, [4.265792, 3.499134], rtol=0, atol=1e-4)
    both = association.divergence(uniform, prior).mean()
    np.testing.assert_allclose(both, 7.764926, rtol=0, atol=1e-4)


def test_discrepancy_weight_sums_to_one_and_prefers_low_discrepancy():
    weight = association.discrepancy_weight(jnp.array([[3.0, 1.0, 2.0]]), 2.0)
    np.testing.assert_allclose(weight.sum(-1), 1, rtol=1e-6)
    assert weight[0].argmax() == 1 and weight[0].argmin() == 0
    flat = association.discrepancy_weight(jnp.full((2, 8), 7.5), 50.0)
    np.testing.assert_allclose(flat, 1 / 8, rtol=1e-6)


@hypothesis.given(st.integers(0, 1000))
def test_row_weight_is_uniform_whatever_the_associations(seed):
    series, prior = rows(seed, 2, 3, 2, 6, 6), rows(seed + 1, 2, 3, 2, 6, 6)
    weight = association.row_weight(series, prior, 50.0)
    np.testing.assert_allclose(weight, 1 / 6, rtol=0, atol=1e-6)


def test_column_weight_follows_the_attention_received():
    series = np.zeros((1, 1, 1, 4, 4), np.float32)
    series[..., 2] = 1
    uniform = np.full_like(series, 0.25)
    weight = association.column_weight(series, uniform, 1.0)
    np.testing.assert_allclose(weight.sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(weight[0, 2] / weight[0, 0], np.exp(4), rtol=1e-5)
    flat = association.column_weight(uniform, uniform, 50.0)
    np.testing.assert_allclose(flat, 0.25, rtol=1e-6)
