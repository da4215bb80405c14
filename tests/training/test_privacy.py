"""Privacy spent, against what the Gaussian mechanism exactly loses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from jaxtsad.training import privacy


def exact_delta(noise: float, rounds: int, epsilon: float) -> float:
    """Of rounds of the Gaussian mechanism (Balle and Wang, ICML 2018, theorem 8)."""
    shift = math.sqrt(rounds) / noise
    first = stats.norm.cdf(shift / 2 - epsilon / shift)
    return float(
        first - math.exp(epsilon) * stats.norm.cdf(-shift / 2 - epsilon / shift)
    )


@pytest.mark.parametrize("noise", [0.8, 2.0, 10.0])
@pytest.mark.parametrize("rounds", [1, 7, 100])
def test_what_is_told_bounds_what_is_lost_and_not_by_far(
    noise: float, rounds: int
) -> None:
    delta = 1e-5
    epsilon = privacy.spent(noise, rounds, delta)
    assert exact_delta(noise, rounds, epsilon) <= delta
    # The exact epsilon is at least seven tenths of it.
    assert exact_delta(noise, rounds, 0.7 * epsilon) > delta


def test_rounds_add_up_as_concentrated_privacy_does() -> None:
    assert privacy.spent(2.0, 4, 1e-6) == pytest.approx(privacy.spent(1.0, 1, 1e-6))
    assert privacy.spent(1.0, 2, math.exp(-1)) == pytest.approx(3.0)
    assert privacy.spent(0.0, 1, 1e-5) == math.inf
    spent = [privacy.spent(3.0, rounds, 1e-5) for rounds in (1, 2, 3)]
    assert np.all(np.diff(spent) > 0)
