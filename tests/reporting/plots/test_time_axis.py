from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis.extra import numpy as arrays

from jaxtsad.reporting.plots import time_axis


@hypothesis.given(
    arrays.arrays(np.float64, st.integers(1, 400), elements=st.floats(-1e6, 1e6)),
    st.integers(1, 40),
)
def test_extremes_survive(values, buckets):
    steps, kept = time_axis.envelope(values, buckets)
    assert len(steps) <= max(2 * buckets, 1)
    assert (np.diff(steps) > 0).all()
    np.testing.assert_array_equal(values[steps], kept)
    assert kept.max() == values.max() and kept.min() == values.min()
    width = -(-len(values) // buckets)
    if len(values) > 2 * buckets:
        for start in range(0, len(values), width):
            part = values[start : start + width]
            inside = kept[(steps >= start) & (steps < start + width)]
            assert inside.max() == part.max() and inside.min() == part.min()


def test_a_million_steps_keep_a_single_spike():
    values = np.random.default_rng(0).standard_normal(1_000_000).astype(np.float32)
    values[654_321] = 50.0
    steps, kept = time_axis.envelope(values, 500)
    assert len(steps) <= 1000
    assert 654_321 in steps and kept.max() == 50.0


def test_gaps_stay_gaps():
    values = np.ones(1000)
    values[400:600] = np.nan
    values[410] = np.nan
    steps, kept = time_axis.envelope(values, 10)
    assert np.isnan(kept[(steps >= 400) & (steps < 600)]).all()
    assert np.isfinite(kept[(steps < 400) | (steps >= 600)]).all()


def test_buckets_must_be_positive():
    with pytest.raises(ValueError, match="buckets=0"):
        time_axis.envelope(np.zeros(3), 0)


@hypothesis.given(st.lists(st.tuples(st.integers(0, 998), st.integers(1, 50))))
def test_every_event_is_seen_and_nothing_far_from_one(pairs):
    events = np.array([(a, min(a + m, 999)) for a, m in pairs]).reshape(-1, 2)
    drawn = time_axis.spans(events, 999, 90)
    pixel = 999 / 90
    assert len(drawn) <= 90
    for start, stop in events:
        inside = (drawn[:, 0] <= start + 1e-9) & (drawn[:, 1] >= stop - 1e-9)
        assert inside.any()
    for left, right in drawn:
        assert right - left >= pixel - 1e-9
        assert ((events[:, 0] < right) & (events[:, 1] > left)).any()
    covered = sum(right - left for left, right in drawn)
    assert covered <= (events[:, 1] - events[:, 0]).sum() + 2 * pixel * len(events)
