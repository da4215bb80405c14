"""The generalized Pareto tail and the threshold it gives."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from scipy import stats

from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.thresholds import gpd, pot
from tests.evaluation.roles import calibration

EXPONENTIAL = np.random.default_rng(0).exponential(size=100_000)


def likelihood(tail: gpd.Pareto, excesses: np.ndarray) -> float:
    return stats.genpareto.logpdf(excesses, tail.shape, scale=tail.scale).sum()


def test_exponential_scores():
    tail = gpd.fit(pot.peaks(EXPONENTIAL).excesses)
    assert abs(tail.shape) < 0.06
    scores = calibration(EXPONENTIAL)
    assert abs(thresholds.fit("pot", scores, q=1e-3).value - 6.908) < 0.25
    assert abs(thresholds.fit("pot", scores, q=1e-4).value - 9.210) < 0.5


def test_bounded_scores():
    scores = np.random.default_rng(1).beta(2, 2, size=100_000)
    assert gpd.fit(pot.peaks(scores).excesses).shape < -0.2
    assert pot.value(scores) < 1.02 * scores.max()


def test_heavy_tail():
    """The shape of a Pareto tail with index 2 is 1/2."""
    scores = np.random.default_rng(2).pareto(2, size=100_000)
    assert abs(gpd.fit(pot.peaks(scores).excesses).shape - 0.5) < 0.1
    np.testing.assert_allclose(pot.value(scores), 1e-3**-0.5 - 1, rtol=0.1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [-0.4, -0.1, 0.0, 0.2, 0.8])
def test_agrees_with_direct_maximization(seed, shape):
    y = stats.genpareto.rvs(shape, scale=3.0, size=80, random_state=seed)
    tail = gpd.fit(y)
    found, _, scale = stats.genpareto.fit(y, tail.shape, floc=0, scale=tail.scale)
    direct = stats.genpareto.logpdf(y, found, scale=scale).sum()
    assert abs(tail.log_likelihood - direct) < 1e-3
    np.testing.assert_allclose(tail.log_likelihood, likelihood(tail, y), atol=1e-6)


@pytest.mark.parametrize("scale", [0.02, 1.0, 20.0])
def test_exponential_candidate_has_the_right_sign(scale):
    """Its likelihood is -N (1 + ln mean); a true Pareto sample is likelier than it."""
    y = scale * stats.genpareto.rvs(0.7, size=300, random_state=0)
    exponential = gpd.Pareto(0.0, y.mean(), -len(y) * (1 + np.log(y.mean())))
    np.testing.assert_allclose(
        exponential.log_likelihood, stats.expon.logpdf(y, scale=y.mean()).sum()
    )
    tail = gpd.fit(y)
    assert tail.shape > 0.4
    assert tail.log_likelihood > exponential.log_likelihood + 1


def test_exponential_wins_where_nothing_is_likelier():
    """Two points: every other shape of the support is less likely."""
    y = np.array([1e-9, 1.0])
    tail = gpd.fit(y)
    assert tail.log_likelihood >= -2 * (1 + np.log(y.mean())) - 1e-12


def test_uniform_sample_has_the_uniform_tail():
    """No interior maximum exists: the likelihood grows up to shape -1 and beyond."""
    y = np.linspace(0.5, 1, 30)
    tail = gpd.fit(y)
    assert (tail.shape, tail.scale) == (-1.0, 1.0)
    assert tail.log_likelihood == pytest.approx(0)


@hypothesis.given(
    strategies.integers(0, 10**6),
    strategies.floats(-0.4, 1),
    strategies.integers(20, 60),
    strategies.floats(-6, 6),
)
def test_fit_scales_with_the_excesses(seed, shape, count, magnitude):
    y = stats.genpareto.rvs(shape, size=count, random_state=seed)
    scale = 10**magnitude
    one, other = gpd.fit(y), gpd.fit(scale * y)
    np.testing.assert_allclose(other.shape, one.shape, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(other.scale, scale * one.scale, rtol=1e-6)
    shifted = one.log_likelihood - count * np.log(scale)
    np.testing.assert_allclose(other.log_likelihood, shifted, rtol=1e-9, atol=1e-8)


@hypothesis.given(
    strategies.integers(0, 10**6),
    strategies.floats(1e-7, 1.9e-2),
    strategies.floats(1e-7, 1.9e-2),
)
def test_threshold_falls_with_the_risk(seed, one, other):
    scores = np.random.default_rng(seed).gamma(2, size=1200)
    low, high = sorted([one, other])
    assert pot.value(scores, q=low) >= pot.value(scores, q=high)
    assert pot.value(scores, q=high) >= pot.peaks(scores).initial


def test_quantile_is_continuous_at_shape_zero():
    shares = np.array([1e-4, 1e-2, 0.5])
    for share in shares:
        near = gpd.Pareto(2e-8, 1.5, 0.0).excess(share)
        np.testing.assert_allclose(
            near, gpd.Pareto(0.0, 1.5, 0.0).excess(share), rtol=1e-6
        )


def test_level_is_lowered_until_there_are_enough_excesses():
    scores = np.random.default_rng(0).exponential(size=400)
    found = pot.peaks(scores, 0.98)
    assert found.level == pytest.approx(0.945)
    assert len(found.excesses) >= 20
    assert pot.peaks(scores[:390], found.level + 0.005).level <= found.level


def test_too_few_scores():
    with pytest.raises(ValueError, match="20 calibration scores above"):
        pot.value(np.arange(30.0))


def test_risk_above_the_tail_is_refused():
    with pytest.raises(ValueError, match=r"q=0\.05 must be in"):
        pot.value(EXPONENTIAL[:5000], q=0.05)


@pytest.mark.parametrize("y", [[], [0.0, 1.0], [-1.0], [np.inf]])
def test_excesses_must_be_positive(y):
    with pytest.raises(ValueError, match="positive and finite"):
        gpd.fit(np.array(y))
