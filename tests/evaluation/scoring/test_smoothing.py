"""Smoothing, and scaling by calibration scores."""

from __future__ import annotations

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies

from jaxtsad.evaluation.scoring import smoothing

SCORES = np.random.default_rng(0).gamma(2, size=60)


@hypothesis.given(strategies.integers(1, 70), strategies.booleans())
def test_moving_average_is_pandas_rolling_mean(width, centered):
    expected = pd.Series(SCORES).rolling(width, min_periods=1, center=centered).mean()
    found = smoothing.moving_average(SCORES, width, centered=centered)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_moving_average_keeps_digits_at_a_high_level():
    found = smoothing.moving_average(SCORES + 1e9, 5) - 1e9
    np.testing.assert_allclose(found, smoothing.moving_average(SCORES, 5), atol=1e-6)


@hypothesis.given(strategies.floats(1, 200))
def test_ewma_is_pandas_adjusted_mean(span):
    expected = pd.Series(SCORES).ewm(span=span).mean()
    np.testing.assert_allclose(smoothing.ewma(SCORES, span), expected, rtol=1e-10)


@pytest.mark.parametrize(
    "smooth",
    [
        lambda scores: smoothing.moving_average(scores, 4),
        lambda scores: smoothing.moving_average(scores, 4, centered=True),
        lambda scores: smoothing.ewma(scores, 4),
    ],
)
def test_channels_are_smoothed_alike(smooth):
    channels = SCORES.reshape(20, 3)
    expected = np.stack([smooth(channels[:, c]) for c in range(3)], axis=1)
    np.testing.assert_allclose(smooth(channels), expected, rtol=1e-12)


@pytest.mark.parametrize("causal", [smoothing.moving_average, smoothing.ewma])
def test_causal_smoothing_does_not_look_ahead(causal):
    changed = SCORES.copy()
    changed[30:] = 0
    before, after = causal(SCORES, 7)[:30], causal(changed, 7)[:30]
    np.testing.assert_allclose(before, after, rtol=1e-12)


def test_widths_below_one():
    with pytest.raises(ValueError, match="width=0"):
        smoothing.moving_average(SCORES, 0)
    with pytest.raises(ValueError, match=r"span=0\.5"):
        smoothing.ewma(SCORES, 0.5)
