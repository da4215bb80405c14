"""Replays: alarms, delays and rates of a labeled recording."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxtsad import cli
from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.evaluation.alarms.rules import Rules
from jaxtsad.streaming import replay


@pytest.fixture(scope="module")
def detector() -> TimeSeriesDetector:
    values = np.random.default_rng(0).normal(size=(300, 2))
    frame = pd.DataFrame(values, columns=["a", "b"])
    return TimeSeriesDetector("zscore", window=8).fit(frame)


def recording() -> tuple[np.ndarray, np.ndarray]:
    values = 0.1 * np.random.default_rng(1).normal(size=(1440, 2))
    labels = np.zeros(1440, np.int8)
    for first in (200, 500, 800):
        labels[first : first + 40] = 1
    # One from the start, one late, one not at all; one false.
    for first in (200, 530, 1000):
        values[first : first + 10] += 15.0
    return values, labels


def test_delays_rates_and_false_alarms(detector):
    values, labels = recording()
    stamps = pd.date_range("2026-01-01", periods=1440, freq="min").to_numpy()
    rules = Rules(opens=10.0, closes=5.0, gap=5, shortest=1, cool_down=0)
    made = replay.replay(detector.stream(rules=rules), values, stamps, labels)
    assert len(made.opened) == len(made.closed) == 3
    assert (made.events, made.false_alarms) == (3, 1)
    assert made.delays == (0, 30)
    assert made.days == pytest.approx(1439 / 1440)
    assert made.nab is not None
    assert (made.nab.detected, made.nab.false_positives) == (2, 1)
    alarms, events, false, score = replay.words(made)
    assert alarms == "3 alarms in 1440 steps: 2.08 per 1,000 steps, 3.00 a day"
    assert events.endswith("15 steps late in the median (0 to 30)")
    assert false.startswith("1 alarms")
    assert score == f"NAB score {made.nab.score:.2f} (standard profile)"


def test_an_alarm_that_is_always_open_detects_nothing(detector):
    values, labels = recording()
    rules = Rules(opens=-1e9, closes=-2e9, gap=0, shortest=1, cool_down=0)
    made = replay.replay(detector.stream(rules=rules), values, None, labels)
    assert (len(made.opened), made.delays, made.covered) == (1, (), 3)
    assert "0 of 3" in replay.words(made)[1]


def test_a_stream_that_has_begun_is_refused(detector):
    stream = detector.stream()
    stream.update([0.0, 0.0])
    with pytest.raises(ValueError, match="needs a new stream"):
        replay.replay(stream, np.zeros((5, 2)))


def test_the_command_replays_a_file_with_labels(detector, tmp_path, capsys):
    values, labels = recording()
    frame = pd.DataFrame(values, columns=["a", "b"]).assign(label=labels)
    frame.to_csv(tmp_path / "test.csv", index=False)
    detector.save(tmp_path / "model")
    words = ["replay", str(tmp_path / "model"), str(tmp_path / "test.csv")]
    assert cli.main([*words, "--label-column", "label"]) == 0
    told = capsys.readouterr().out.splitlines()
    made = replay.replay(detector.stream(), values, None, labels)
    assert told[-len(replay.words(made)) :] == replay.words(made)
    assert sum(line.startswith("ALARM since step ") for line in told) == len(
        made.opened
    )
