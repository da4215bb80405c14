"""Calibrated tail probabilities: increasing, finite, and true of normal scores."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxtsad.evaluation.scoring import tail

N = 4096
calibrate = jax.jit(tail.calibrate)
calibrated = jax.jit(tail.calibrated)


def padded(scores: np.ndarray) -> np.ndarray:
    """Scores with what must not count after them."""
    filled = np.full(N, 1e9, np.float32)
    filled[: len(scores)] = scores
    return filled


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_the_share_of_normal_scores_as_high(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = calibrate(padded(rng.normal(3.0, 2.0, 4000)), 4000)
    new = rng.normal(3.0, 2.0, 100_000).astype(np.float32)
    levels = np.asarray(calibrated(made, new))
    for share in (0.5, 0.1, 0.01, 0.001):
        above = (levels > -np.log10(share)).mean()
        assert share / 1.8 < above < share * 1.8


@given(st.integers(0, 2**16), st.integers(1, N), st.sampled_from([1e-6, 1.0, 1e6]))
def test_it_is_increasing_positive_and_finite(
    seed: int, count: int, unit: float
) -> None:
    rng = np.random.default_rng(seed)
    kinds = [rng.normal(size=count), rng.integers(0, 3, count), np.ones(count)]
    normal = (kinds[seed % 3] * unit).astype(np.float32)
    made = calibrate(padded(normal), count)
    scores = np.sort(rng.standard_t(1, N) * unit).astype(np.float32)
    scores[0], scores[-1] = -1e30, 1e30
    levels = np.asarray(calibrated(made, scores))
    assert np.isfinite(levels).all() and (levels > 0).all()
    assert (np.diff(levels) >= 0).all()
    # Scores that differ by more than rounding have different levels.
    deviation = float(made.deviation)
    apart = np.diff(scores) > 1e-3 * np.maximum(deviation, np.abs(scores[1:]))
    assert (np.diff(levels)[apart] > 0).all()


@given(st.integers(0, 2**16), st.integers(-8, 8))
def test_units_change_nothing(seed: int, power: int) -> None:
    scores = np.random.default_rng(seed).normal(size=N).astype(np.float32)
    unit = np.float32(2.0**power)
    np.testing.assert_array_equal(
        calibrated(calibrate(scores * unit, 999), scores * unit),
        calibrated(calibrate(scores, 999), scores),
    )


def test_what_follows_the_length_does_not_count() -> None:
    scores = np.random.default_rng(0).normal(size=700).astype(np.float32)
    other = padded(scores)
    other[700:] = -np.arange(N - 700)
    for one, two in zip(
        calibrate(padded(scores), 700), calibrate(other, 700), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_equal_scores_have_a_deviation_and_the_floor_is_kept() -> None:
    constant = np.full(N, 2.5, np.float32)
    assert calibrate(constant, 50).deviation == 1
    assert tail.calibrate(constant, 50, 0.05).deviation == np.float32(0.05)
