"""Streams: what every detector promises, and gaps, missing values, fleets, saving."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxtsad import detectors
from jaxtsad.estimator import TimeSeriesDetector, load
from jaxtsad.evaluation.alarms.rules import Rules, find
from jaxtsad.pipeline.alarms import rules_of
from jaxtsad.streaming import Stream, storage
from jaxtsad.types import DataWarning
from tests.detectors import tiny

NAMES = detectors.available()
RULES = Rules(opens=3.0, closes=1.0, gap=2, shortest=2, cool_down=3)


def waves(steps: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(steps, channels))
    phase = 2 * np.arange(channels)
    wave = np.sin(np.arange(steps)[:, None] * 2 * np.pi / 12 + phase[None])
    return wave + 0.1 * noise


@functools.cache
def fitted(name: str, **more: Any) -> TimeSeriesDetector:
    """An estimator of a detector's small config, fitted on waves."""
    channels = detectors.module(name).TINY.channels
    return tiny.estimator(name, **more).fit(waves(tiny.STEPS, channels))


def restarted(stream: Stream) -> Stream:
    """The stream that the saved state of another goes on as."""
    content = storage.unpack(stream.dump(), "here")
    fitted = stream.detector
    return Stream.restored(fitted, stream.parameters, stream.channels, content)[0]


def streamed(
    stream: Stream, values: np.ndarray, rng: np.random.Generator, **more: Any
) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Scores, flags and closed alarms of a series in blocks of any size.

    The state is saved and restored now and then.
    """
    scores, flags, closed = [], [], []
    at = 0
    while at < len(values):
        size = int(rng.integers(0, 9))
        block = slice(at, at + size)
        stamps = {name: each[block] for name, each in more.items()}
        update = stream.update(values[block], **stamps)
        if size == 1 and not stamps:
            assert update.scores.shape == (1,)
        scores.append(update.scores)
        flags.append(update.flags)
        closed += update.closed
        at += size
        if rng.random() < 0.2:
            stream = restarted(stream)
    closed += stream.finish()
    return np.concatenate(scores), np.concatenate(flags), closed


@pytest.mark.parametrize("name", tiny.each(NAMES))
def test_contract_streamed_scores_are_causal_scores(name: str) -> None:
    detector = fitted(name)
    stream = detector.stream()
    assert stream.delay == 0
    rng = np.random.default_rng(len(name))
    rules = rules_of(stream.fitted, 0)
    for seed, steps in enumerate([1, detector.window, int(rng.integers(20, 70))]):
        values = waves(steps, detector.n_features_in_, seed=seed + 1)
        values[int(0.7 * steps) :] += 3.0
        whole = detector.decision_function(values, causal=True)
        assert whole.shape == (steps,) and np.isfinite(whole).all()
        scores, flags, closed = streamed(detector.stream(), values, rng)
        np.testing.assert_array_equal(scores, whole)
        np.testing.assert_array_equal(flags, detector.predict(values, causal=True))
        events = find(rules, whole)
        assert [(e.start, e.stop, e.peak) for e in closed] == [
            (e.start, e.stop, e.peak) for e in events
        ]
        table = detector.events(values, causal=True)
        assert [e.start for e in closed] == table["start"].tolist()
        # A prefix's scores never change.
        first = max(1, steps // 2)
        before = detector.decision_function(values[:first], causal=True)
        np.testing.assert_array_equal(before, whole[:first])


def test_windows_are_scored_at_the_step_they_end_with() -> None:
    detector = TimeSeriesDetector("pca", window=8, score_stride=1, aggregate="last")
    detector.fit(waves(200))
    values = waves(50, seed=3)
    causal = detector.decision_function(values, causal=True)
    # `last` takes a step from the window that ends there, from the first whole one on.
    offline = detector.decision_function(values)
    np.testing.assert_allclose(causal[7:], offline[7:], rtol=1e-5, atol=1e-7)
    first = detector.decision_function(values, context=waves(8, seed=4), causal=True)
    np.testing.assert_allclose(first[7:], causal[7:], rtol=1e-6)
    assert not np.allclose(first[:3], causal[:3])


def test_thresholds_are_of_causal_scores_of_calibration_steps() -> None:
    detector = TimeSeriesDetector(
        "pca", window=8, threshold="quantile", threshold_options={"q": 0.9}
    )
    train = waves(400)
    detector.fit(train)
    [threshold] = detector.stream().fitted.thresholds
    # The validation part begins a window after the border.
    scores = detector.decision_function(train[320 + 7 :], causal=True)
    assert threshold.fitted_on == "validation"
    np.testing.assert_allclose(threshold.value, np.quantile(scores, 0.9), rtol=1e-5)
    assert threshold.value != detector.threshold_


def test_a_detector_that_is_fitted_again_keeps_what_thresholds_are_set_by(
    tmp_path: pathlib.Path,
) -> None:
    detector = TimeSeriesDetector("pretrained_tcn", window=8).fit(waves(200))
    assert detector.fitted_.calibration_model is not None
    [threshold] = detector.stream().fitted.thresholds
    detector.save(tmp_path / "saved")
    again: Any = load(tmp_path / "saved")
    assert again.stream().fitted.thresholds[0] == threshold


@pytest.mark.parametrize("head", ["smooth", "evidence", "gated"])
def test_heads_are_as_if_the_series_ended_with_the_step(head: str) -> None:
    detector = TimeSeriesDetector(
        "zscore", window=4, head=head, head_options={"widths": [3, 6]}
    )
    detector.fit(waves(300))
    values = waves(60, seed=2)
    values[40:44] += 4
    scores, flags, _ = streamed(detector.stream(), values, np.random.default_rng(0))
    whole = detector.decision_function(values, causal=True)
    np.testing.assert_array_equal(scores, whole)
    np.testing.assert_array_equal(flags, detector.predict(values, causal=True))
    assert 40 <= int(whole.argmax()) <= 50
    if head == "smooth":
        # Ranks are those of the score of the series cut at each step.
        steps = np.arange(20, 60, 5)
        cut = [detector.decision_function(values[: t + 1])[-1] for t in steps]
        order = np.argsort(cut)
        assert (np.diff(whole[steps][order]) >= -1e-5).all()


def test_gaps_and_missing_values_are_those_of_the_whole_series() -> None:
    detector = TimeSeriesDetector(
        "pca", window=8, max_gap="5min", missing_values=[-999]
    )
    hours = pd.date_range("2025-12-01", periods=300, freq="min")
    detector.fit(pd.DataFrame(waves(300), index=hours))
    values = waves(90, seed=5)
    values[[0, 30, 31], [0, 1, 1]] = [np.nan, np.nan, -999]
    minutes = np.arange(90) + np.where(np.arange(90) >= 50, 60, 0)
    time = np.datetime64("2026-01-01T00:00") + minutes.astype("timedelta64[m]")
    frame = pd.DataFrame(values, index=pd.DatetimeIndex(time))
    with pytest.warns(DataWarning, match="cut into 2 pieces"):
        whole = detector.decision_function(frame, causal=True)
    rng = np.random.default_rng(2)
    scores, _, _ = streamed(detector.stream(), values, rng, time=time)
    np.testing.assert_array_equal(scores, whole)
    apart = detector.decision_function(frame[50:], causal=True)
    np.testing.assert_allclose(whole[50:], apart, rtol=1e-5)
    stream = detector.stream()
    stream.update(values[:3], time=time[:3])
    with pytest.raises(ValueError, match="not later than"):
        stream.update(values[3], time=time[1])
    assert stream.step == 3


def test_fleets_with_a_model_each_and_with_one_for_all(tmp_path: pathlib.Path) -> None:
    train = {"a": waves(200), "b": waves(240, seed=1) * 3 + 5}
    test = {"a": waves(40, seed=2), "b": waves(30, seed=3) * 3 + 5}
    test["b"][20] += 30
    each = TimeSeriesDetector("pca", window=8).fit(train)
    whole = each.decision_function(test, causal=True)
    stream = each.stream()
    assert stream.entities == ("a", "b")
    stacked = np.stack([test["a"][:30], test["b"]])
    one = stream.update(stacked[:, 0])
    rest = stream.update(stacked[:, 1:])
    assert one.scores.shape == (2,) and rest.scores.shape == (2, 29)
    np.testing.assert_array_equal(one.scores, [whole["a"][0], whole["b"][0]])
    np.testing.assert_array_equal(rest.scores[1], whole["b"][1:])
    assert "b" in {alarm.entity for alarm in rest.opened}
    alone = each.stream(["b"]).update(stacked[1:, :])
    np.testing.assert_allclose(alone.scores[0], whole["b"], rtol=1e-5)
    pooled = TimeSeriesDetector("pca", window=8).fit(train["a"])
    fleet = pooled.stream(3)
    made = fleet.update(np.stack([test["a"][:9]] * 3))
    single = pooled.decision_function(test["a"][:9], causal=True)
    np.testing.assert_allclose(made.scores, np.stack([single] * 3), rtol=1e-5)
    fleet.save(tmp_path / "fleet")
    again = Stream.load(tmp_path / "fleet")
    later = np.stack([test["a"][9:20]] * 3)
    np.testing.assert_array_equal(
        again.update(later).scores, fleet.update(later).scores
    )
    assert again.entities == fleet.entities


def test_alarms_follow_rules_and_carry_stamps() -> None:
    detector = TimeSeriesDetector("zscore", window=4).fit(waves(200))
    values = waves(60, seed=6)
    values[20:26] += 5
    values[28] += 2.5
    whole = detector.decision_function(values, causal=True)
    stream = detector.stream(rules=RULES)
    opened, closed = [], []
    for step, row in enumerate(values):
        update = stream.update(row, time=step * 10)
        opened += update.opened
        closed += update.closed
    closed += stream.finish()
    events = find(RULES, whole.astype(np.float64))
    assert [alarm.opened for alarm in opened] == [e.opened for e in events]
    assert [(a.start, a.stop, a.peak) for a in closed] == [
        (e.start, e.stop, e.peak) for e in events
    ]
    assert closed and closed[0].start_time == 10 * closed[0].start
    assert closed[0].stop_time == 10 * (closed[0].stop - 1)
    assert closed[0].peak_time == 10 * closed[0].peak


@pytest.mark.parametrize("seed", range(3))
def test_restarts_amid_alarms_change_nothing_of_them(seed: int) -> None:
    """Nor do they in a run that is no alarm yet, a cool-down, or before a jump."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range("2025-12-01", periods=300, freq="min")
    detector = TimeSeriesDetector("zscore", window=4, max_gap="5min")
    detector.fit(pd.DataFrame(waves(300), index=hours))
    values = waves(400, seed=seed + 7) + rng.choice([0.0, 1.0, 4.0], (400, 1))
    minutes = np.cumsum(rng.choice([1, 2, 60], 400, p=[0.8, 0.15, 0.05]))
    time = np.datetime64("2026-01-01T00:00") + minutes.astype("timedelta64[m]")
    whole = detector.stream(["a", "b"], rules=RULES)
    fleet = np.stack([values, values[::-1]])
    expected = whole.update(fleet, time)
    stream, at = detector.stream(["a", "b"], rules=RULES), 0
    opened: list[Any] = []
    closed: list[Any] = []
    while at < len(values):
        stop = at + int(rng.integers(1, 6))
        update = stream.update(fleet[:, at:stop], time[at:stop])
        opened, closed = opened + update.opened, closed + update.closed
        stream, at = restarted(stream), stop

    def ordered(alarms: list[Any]) -> list[Any]:
        return sorted(alarms, key=lambda alarm: (alarm.opened, alarm.entity))

    assert ordered(opened) == ordered(expected.opened)
    assert ordered(closed) == ordered(expected.closed)
    assert stream.finish() == whole.finish()
    assert len(closed) >= 20


def test_bad_input_is_one_line_and_changes_nothing(tmp_path: pathlib.Path) -> None:
    detector = fitted("zscore")
    stream = detector.stream()
    for bad in (np.zeros(4), np.zeros((2, 2, 3)), 1.0):
        with pytest.raises(ValueError, match=r"expected \[3\] or \[steps, 3\]"):
            stream.update(bad)
    with pytest.raises(ValueError, match="time has shape"):
        stream.update(np.zeros((2, 3)), time=[1, 2, 3])
    assert stream.step == 0
    with pytest.raises(ValueError, match="a number of series"):
        detector.stream(0)
    with pytest.raises(ValueError, match="resample"):
        TimeSeriesDetector("zscore", window=4, resample="1min").fit(waves(90)).stream()
    with pytest.raises(ValueError, match="no saved stream"):
        Stream.load(tmp_path)
    damaged = bytearray(stream.dump())
    damaged[-1] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        storage.unpack(bytes(damaged), "here")
    other = storage.unpack(fitted("pca").stream().dump(), "here")
    with pytest.raises(ValueError, match="another detector"):
        Stream.restored(stream.detector, stream.parameters, stream.channels, other)
