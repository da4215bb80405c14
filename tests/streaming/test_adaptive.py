"""Thresholds that learn along a stream: blocks change nothing, drift is followed."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.streaming import AdaptiveThreshold


@pytest.fixture(scope="module")
def detector() -> TimeSeriesDetector:
    values = np.random.default_rng(0).normal(size=(8000, 1))
    return TimeSeriesDetector("zscore", window=8, threshold="quantile").fit(values)


@pytest.mark.parametrize("kind", ["spot", "dspot"])
def test_blocks_change_nothing_and_the_risk_is_kept(detector, kind):
    values = np.random.default_rng(1).normal(size=(20_000, 1))
    values[::4000] += 20.0
    scores = detector.decision_function(values, causal=True)
    whole = AdaptiveThreshold(detector, kind, q=1e-3).update(scores)
    cut = AdaptiveThreshold(detector, kind, q=1e-3)
    parts = [cut.update(part) for part in np.array_split(scores, [1, 7, 5000])]
    np.testing.assert_array_equal(whole.flags, np.concatenate([p.flags for p in parts]))
    assert whole.flags[::4000].all()
    assert 5 < whole.flags.sum() < 60  # 20 at a risk of one in 1000, and five


def test_dspot_follows_what_drifts(detector):
    rng = np.random.default_rng(2)
    values = rng.normal(size=(6000, 1)) + np.linspace(0, 4, 6000)[:, None]
    scores = detector.decision_function(values, causal=True)
    flags = {
        kind: AdaptiveThreshold(detector, kind).update(scores).flags.mean()
        for kind in ("spot", "dspot")
    }
    assert flags["dspot"] < flags["spot"]
    assert flags["spot"] < detector.predict(values, causal=True).mean()


def test_bad_options_are_one_line(detector):
    with pytest.raises(ValueError, match="kind='pot' must be one of spot, dspot"):
        AdaptiveThreshold(detector, "pot")
    with pytest.raises(ValueError, match="q="):
        AdaptiveThreshold(detector, q=2.0)
    two = {name: np.random.default_rng(3).normal(size=(900, 1)) for name in "ab"}
    fleet = TimeSeriesDetector("zscore", window=8).fit(two)
    with pytest.raises(ValueError, match="none of the 2 entities"):
        AdaptiveThreshold(fleet)
