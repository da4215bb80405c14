"""Several series: each has the threshold, unit, channels and scaling of its own."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jaxtsad
from jaxtsad.estimator import TimeSeriesDetector
from tests.detectors.test_contract import sines

# The end of the second, its validation part, is far noisier: its threshold and its unit
# of severity are far larger than those of the first.
QUIET, NOISY = sines(300, 3, seed=1), sines(300, 3, seed=2)
NOISY[240:] += np.random.default_rng(0).normal(scale=2.0, size=(60, 3))
TRAINS = {"quiet": QUIET, "noisy": NOISY}


def planted(channel: int, seed: int) -> np.ndarray:
    """A test part with a large event and a small one, both in one channel."""
    values = sines(120, 3, seed=seed)
    values[30:34, channel] += 12.0
    values[80:84, channel] += 3.0
    return values


TESTS = {"quiet": planted(0, seed=3), "noisy": planted(2, seed=4)}


def made(**parameters: Any) -> TimeSeriesDetector:
    return TimeSeriesDetector("zscore", window=8, **parameters)


@pytest.fixture(scope="module")
def fleet() -> TimeSeriesDetector:
    return made().fit(TRAINS)


def test_thresholds_and_units_differ_between_the_series(
    fleet: TimeSeriesDetector,
) -> None:
    quiet, noisy = fleet.threshold_["quiet"], fleet.threshold_["noisy"]
    assert noisy > 3 * quiet
    flags = fleet.predict(TESTS)
    assert 0 < flags["noisy"].sum() < flags["quiet"].sum()


@pytest.mark.parametrize("name", TRAINS)
def test_each_series_is_flagged_as_by_a_detector_of_its_own(
    fleet: TimeSeriesDetector, name: str
) -> None:
    alone = made().fit({name: TRAINS[name]})
    expected = alone.predict({name: TESTS[name]})[name]
    np.testing.assert_array_equal(fleet.predict(TESTS)[name], expected)
    scores = fleet.decision_function(TESTS)[name]
    np.testing.assert_array_equal(expected, scores > fleet.threshold_[name])


@pytest.mark.parametrize("name", TRAINS)
def test_each_series_has_the_events_of_a_detector_of_its_own(
    fleet: TimeSeriesDetector, name: str
) -> None:
    together = fleet.events(TESTS)
    ours = together[together.entity == name].reset_index(drop=True)
    alone = made().fit({name: TRAINS[name]}).events({name: TESTS[name]})
    assert len(ours) > 0
    pd.testing.assert_frame_equal(ours, alone, rtol=1e-4)


def test_events_of_some_series_do_not_depend_on_which_are_asked_for(
    fleet: TimeSeriesDetector,
) -> None:
    together = fleet.events(TESTS)
    ours = together[together.entity == "noisy"].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, fleet.events({"noisy": TESTS["noisy"]}))


def test_each_series_has_the_contributions_of_its_own(
    fleet: TimeSeriesDetector,
) -> None:
    events = fleet.events(TESTS)
    for name, channel in (("quiet", "channel_0"), ("noisy", "channel_2")):
        largest = events[events.entity == name].sort_values("severity").iloc[-1]
        assert str(largest.channels).split(";")[0] == channel
        explained = fleet.explain(TESTS)[name][largest.start : largest.stop]
        parts = [float(part) for part in str(largest.contributions).split(";")]
        expected = np.sort(explained.mean(axis=0))[::-1]
        np.testing.assert_allclose(parts, expected[: len(parts)], rtol=1e-4)


def test_severities_are_the_same_after_loading(
    fleet: TimeSeriesDetector, tmp_path: pathlib.Path
) -> None:
    before = fleet.save(tmp_path / "fleet") or fleet.events(TESTS)
    severity = before.groupby("entity").severity.max()
    assert severity["quiet"] > 3 * severity["noisy"]
    again = jaxtsad.load(tmp_path / "fleet")
    pd.testing.assert_frame_equal(again.events(TESTS), before)
    assert again.threshold_ == fleet.threshold_
