"""Replays: alarms, delays and rates of a labeled recording."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxtsad import cli
from jaxtsad.estimator import TimeSeriesDetector, load
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


def test_a_schedule_of_updates_follows_a_change(detector):
    rng = np.random.default_rng(3)
    values = rng.normal(size=(2000, 2))
    values[500:] += 12.0
    labels = np.zeros(2000, np.int8)
    labels[1700:1720] = 1
    values[1700:1720] += 30.0
    stamps = pd.date_range("2026-01-01", periods=2000, freq="min").to_numpy()
    before = detector.threshold_
    still = replay.replay(detector.stream(), values, stamps, labels)
    made = replay.refitted(detector, values, stamps, labels, every=400, tolerance=None)
    assert still.delays == () and still.covered == 1
    assert made.delays and made.delays[0] < 3
    assert [step for step, _ in made.updates] == [400, 800, 1200, 1600]
    assert len(made.opened) == len(made.closed)
    assert all(0 <= a.start <= a.opened < a.stop <= 2000 for a in made.closed)
    first = made.opened[0]
    assert first.start_time == stamps[first.start]
    assert made.days == still.days
    assert "step 400: updated" in replay.words(made)
    assert detector.threshold_ == before and detector.fitted_.previous is None
    assert replay.refitted(detector, values[:300], every=400).updates == ()
    with pytest.raises(ValueError, match="every=0"):
        replay.refitted(detector, values, every=0)


def test_the_schedule_on_the_command_line(detector, tmp_path, capsys):
    model = str(tmp_path / "model")
    detector.save(model)
    values = np.random.default_rng(4).normal(size=(900, 2))
    frame = pd.DataFrame(values, columns=["a", "b"])
    frame.insert(0, "time", pd.date_range("2026-01-01", periods=900, freq="min"))
    data = str(tmp_path / "data.csv")
    frame.to_csv(data, index=False)
    assert cli.main(["replay", model, data, "--refit", "every=400"]) == 0
    by_steps = capsys.readouterr().out
    assert "step 400: " in by_steps and "step 800: " in by_steps
    assert cli.main(["replay", model, data, "--refit", "400min"]) == 0
    assert capsys.readouterr().out == by_steps
    assert cli.main(["replay", model, data, "--refit", "often"]) == 2
    assert "such as 7d" in capsys.readouterr().err


def test_updates_on_the_command_line(detector, tmp_path, capsys):
    model = str(tmp_path / "model")
    detector.save(model)
    values = np.random.default_rng(4).normal(size=(600, 2))

    def written(values: np.ndarray) -> str:
        pd.DataFrame(values, columns=["a", "b"]).to_csv(tmp_path / "x.csv", index=False)
        return str(tmp_path / "x.csv")

    assert cli.main(["update", model, written(values)]) == 0
    assert "on earlier data: VUS-PR" in capsys.readouterr().out
    new = (tmp_path / "model" / "model.safetensors").read_bytes()
    values[::5] += 50.0
    assert cli.main(["update", model, written(values)]) == 2
    assert "the update is refused" in capsys.readouterr().err
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == new
    assert cli.main(["rollback", model]) == 0
    assert load(model).threshold_ == detector.threshold_
    assert cli.main(["rollback", model]) == 2
    assert "no version before" in capsys.readouterr().err
    assert cli.main(["update", model, written(values), "--tolerance", "-1"]) == 0
