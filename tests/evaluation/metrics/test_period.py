from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.evaluation.metrics import period


@pytest.mark.parametrize("steps", [20, 75, 200])
def test_a_noisy_sinusoid(steps):
    noise = np.random.default_rng(0).normal(size=4000)
    values = np.sin(2 * np.pi * np.arange(4000) / steps) + 0.2 * noise
    assert abs(period.dominant_period(values) - steps) <= 1


def test_no_period_gives_the_fallback():
    assert period.dominant_period(np.ones(500)) == 125
    assert period.dominant_period(np.arange(500.0)) == 125
    assert period.dominant_period(np.arange(3.0), fallback=7) == 7


def test_a_period_out_of_bounds_gives_the_fallback():
    values = np.sin(2 * np.pi * np.arange(4000) / 350)
    assert period.dominant_period(values) == 125
    assert period.dominant_period(values, longest=400) == 350


def test_values_must_be_finite():
    with pytest.raises(ValueError, match="finite values"):
        period.dominant_period(np.array([0.0, np.nan]))
