"""Drift: nothing on normal data, the channel and the step where there is a change."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.streaming import drift

pytest.importorskip("river", reason="river of jaxtsad[drift] is not installed")


def series(steps: int, seed: int, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = np.zeros((steps, channels))
    for step in range(1, steps):
        noise[step] = 0.8 * noise[step - 1] + rng.normal(0, 0.3, channels)
    return np.sin(np.arange(steps)[:, None] / 9 + np.arange(channels)) + noise


@pytest.fixture(scope="module")
def detector() -> TimeSeriesDetector:
    return TimeSeriesDetector("zscore", window=20).fit(series(3000, 0))


def told(detector: TimeSeriesDetector, values: np.ndarray) -> list[drift.Drift]:
    scores = detector.decision_function(values, causal=True)
    monitor = detector.drift_monitor()
    rng = np.random.default_rng(0)
    found, at = [], 0
    while at < len(values):
        block = slice(at, at + int(rng.integers(1, 50)))
        found += monitor.update(values[block], scores[block])
        at = block.stop
    whole = detector.drift_monitor().update(values, scores)
    assert whole == found  # However it is cut into blocks.
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_normal_data_do_not_drift(detector, seed):
    assert told(detector, series(6000, seed)) == []


@pytest.mark.parametrize("change", ["level", "spread", "stuck"])
def test_a_change_is_told_with_its_channel_and_step(detector, change):
    values = series(6000, 4)
    if change == "level":
        values[3000:, 1] += 1.0
    elif change == "spread":
        values[3000:, 1] *= 3.0
    else:
        values[3000:, 1] = 0.9
    found = told(detector, values)
    names = {one.channel for one in found}
    # A spread moves no rank of a channel, but scores.
    assert ("score" if change == "spread" else "channel_1") in names
    assert not names & {"channel_0", "channel_2"}
    first = found[0]
    assert 3000 <= first.step < 4500
    assert abs(first.since - 3000) < 300
    assert first.words.startswith(f"drift of {first.channel} since step")


def test_units_do_not_count():
    values = series(2000, 5)
    wide = values * np.array([1e9, 1e-9, 1.0]) + np.array([1e12, 0, 0])
    later = series(3000, 6)
    later[1000:, 0] += 1.5
    wide_later = later * np.array([1e9, 1e-9, 1.0]) + np.array([1e12, 0, 0])
    made = [
        [(one.step, one.since, one.channel) for one in told(detector, test)]
        for detector, test in (
            (TimeSeriesDetector("zscore", window=20).fit(values), later),
            (TimeSeriesDetector("zscore", window=20).fit(wide), wide_later),
        )
    ]
    assert made[0] and made[0] == made[1]


def test_missing_values_are_left_out(detector):
    values = series(3000, 7)
    values[:, 2] = np.nan
    monitor = detector.drift_monitor()
    assert monitor.update(values, np.zeros(len(values))) is not None
    assert "channel_2" not in {
        d.channel for d in monitor.update(values, np.zeros(3000))
    }


def test_entities_and_bad_options():
    data = {"a": series(600, 1), "b": series(600, 2)}
    fleet = TimeSeriesDetector("zscore", window=20).fit(data)
    fleet.drift_monitor("b")
    with pytest.raises(ValueError, match="is none of the 2 entities"):
        fleet.drift_monitor()
    with pytest.raises(ValueError, match="error=0 must be"):
        fleet.drift_monitor("a", error=0)


def test_a_watch_tells_drift(detector, tmp_path):
    detector.save(tmp_path / "model")
    values = series(3000, 8)
    values[1500:, 1] += 2.0
    names = [f"channel_{n}" for n in range(3)]
    pd.DataFrame(values, columns=names).to_csv(tmp_path / "feed.csv", index=False)
    command = [sys.executable, "-m", "jaxtsad", "watch", str(tmp_path / "model")]
    command += [str(tmp_path / "feed.csv"), "--drift"]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0
    assert "note: drift of channel_1 since step 1" in made.stderr
