"""Budgets, events and confidence of the estimators, saved and set again."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd
import pytest

import jaxtsad
from jaxtsad.evaluation.alarms import rules
from jaxtsad.pipeline import alarms, saving
from tests.detectors.test_contract import sines


def series(steps: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(steps + 4, 2))
    return (noise[4:] + noise[3:-1] + noise[2:-2] + noise[1:-3] + noise[:-4]) / 2


@pytest.fixture(scope="module")
def detector() -> jaxtsad.TimeSeriesDetector:
    return jaxtsad.TimeSeriesDetector(
        "zscore",
        window=8,
        threshold="budget",
        threshold_options={"alarms_per_1000": 2},
    ).fit(series(4000, 0))


def test_an_anomaly_is_one_event_with_its_chance_and_channel(detector) -> None:
    test = series(600, 1)
    test[300:330, 1] += 9
    table = detector.events(test)
    largest = table.loc[table["severity"].idxmax()]
    assert (largest.start, largest.stop) == (300, 330)
    assert largest.probability < 0.05
    assert largest.channels.split(";")[0] == "channel_1"
    first, second = (float(part) for part in largest.shares.split(";"))
    assert first > 0.8
    assert first + second == pytest.approx(1, abs=1e-5)
    assert len(table) <= 5


def test_live_alarms_are_the_events(detector) -> None:
    test = series(3000, 2)
    scores = detector.decision_function(test)
    made = alarms.rules_of(detector.fitted_, 0)
    state, closed = rules.State(), []
    for block in np.array_split(scores, 37):
        state, _, over = rules.advance(made, state, block)
        closed += over
    closed += rules.finish(made, state)[1]
    table = detector.events(test)
    assert len(table) > 1
    assert table[["start", "stop"]].to_numpy().tolist() == [
        [a.start, a.stop] for a in closed
    ]


def test_events_can_need_a_length_and_a_pause(tmp_path: pathlib.Path) -> None:
    chosen = {"shortest": 3, "cool_down": 100}
    detector = jaxtsad.TimeSeriesDetector("zscore", window=8, **chosen)
    detector.fit(series(2000, 0))
    test = series(600, 1)
    test[100] += 30
    test[[300, 301, 302, 303, 350, 351, 352, 353]] += 30
    detector.save(tmp_path / "model")
    for each in (detector, jaxtsad.load(tmp_path / "model")):
        assert each.events(test)[["start", "stop"]].to_numpy().tolist() == [[300, 304]]
    detector.set_params(shortest=0)
    with pytest.raises(ValueError, match="shortest=0 must be"):
        detector.fit(series(2000, 0))


def test_a_budget_is_set_again_and_saved(detector, tmp_path: pathlib.Path) -> None:
    detector.save(tmp_path / "model")
    other = jaxtsad.load(tmp_path / "model")
    assert other.threshold_ == detector.threshold_
    assert other.threshold_words() == detector.threshold_words()
    test = series(3000, 3)
    pd.testing.assert_frame_equal(other.events(test), detector.events(test))
    few = len(other.set_budget(0.5).events(test))
    refitted = other.threshold_
    many = len(other.set_budget(20).events(test))
    assert few < many
    assert other.set_budget(0.5).threshold_ == refitted
    assert other.get_params()["threshold_options"] == {"alarms_per_1000": 0.5}
    other.save(tmp_path / "again")
    assert jaxtsad.load(tmp_path / "again").threshold_ == refitted


def test_any_threshold_becomes_a_budget_as_if_fitted_with_it(detector) -> None:
    other = jaxtsad.TimeSeriesDetector("zscore", window=8, threshold="quantile")
    other.fit(series(4000, 0))
    assert other.threshold_ != detector.threshold_
    assert other.set_budget(2).threshold_ == detector.threshold_


def test_budgets_by_the_day_need_to_know_a_day() -> None:
    values = series(3000, 0)
    minutes = pd.date_range("2026-01-01", periods=3000, freq="1min")
    frame = pd.DataFrame(values, index=minutes, columns=["a", "b"])
    options = {"alarms_per_day": 3}
    by_day = jaxtsad.TimeSeriesDetector(
        "zscore", window=8, threshold="budget", threshold_options=options
    ).fit(frame)
    same = jaxtsad.TimeSeriesDetector("zscore", window=8).fit(values)
    assert same.set_budget(3 / 1.44).threshold_ == pytest.approx(by_day.threshold_)
    assert "a day" in by_day.threshold_words()
    assert "in 1000 normal steps" in same.threshold_words()
    with pytest.raises(ValueError, match=r"alarms_per_day=3 needs data with time sta"):
        same.set_budget(alarms_per_day=3)
    same.set_budget(alarms_per_day=3, steps_per_day=1440)
    assert same.threshold_ == pytest.approx(by_day.threshold_)
    with pytest.raises(ValueError, match="alarms_per_1000=-1 must be a number above 0"):
        same.set_budget(-1)
    with pytest.raises(ValueError, match=r"alarms_per_day=3 needs data with time sta"):
        jaxtsad.TimeSeriesDetector(
            "zscore", window=8, threshold="budget", threshold_options=options
        ).fit(values)


def test_each_series_has_a_budget_of_its_own() -> None:
    data = {"calm": series(2000, 0), "loud": 5 * series(2000, 1) ** 3}
    detector = jaxtsad.TimeSeriesDetector(
        "zscore", window=8, scaler="none", threshold="budget"
    ).fit(data)
    alone = jaxtsad.TimeSeriesDetector(
        "zscore", window=8, scaler="none", threshold="budget"
    ).fit(data["loud"])
    assert detector.threshold_["loud"] == pytest.approx(alone.threshold_, 1e-5)
    assert set(detector.threshold_words()) == {"calm", "loud"}
    detector.set_budget(3)
    assert detector.threshold_["loud"] < alone.threshold_


def test_probabilities_and_confidence(detector) -> None:
    test = series(500, 4)
    test[100] += 12
    chances = detector.predict_proba(test)
    assert chances.shape == (500, 2)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert chances[100, 1] > 0.9999
    assert 0.3 < np.median(chances[:, 1]) < 0.7
    flags, sure = detector.predict(test, return_confidence=True)
    np.testing.assert_array_equal(flags, detector.predict(test))
    assert sure.shape == (500,)
    assert sure[100] > 0.99
    assert np.median(sure) > 0.99


def test_samples_have_budgets_and_confidence() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(2000, 3)), rng.normal(size=(500, 3))
    test[7] += 9
    detector = jaxtsad.SampleDetector("pca", threshold="budget").fit(train)
    assert "in 1000 normal samples" in detector.threshold_words()
    flags, sure = detector.predict(test, return_confidence=True)
    assert flags[7] == 1
    assert sure[7] > 0.9
    assert flags.sum() <= 4
    assert detector.predict_proba(test)[7, 0] < 1e-3
    assert detector.set_budget(50).predict(test).sum() > flags.sum()


def test_what_older_versions_saved_keeps_its_events(tmp_path: pathlib.Path) -> None:
    detector = jaxtsad.TimeSeriesDetector("zscore", window=8).fit(sines(100, 2))
    older = jaxtsad.TimeSeriesDetector("zscore", window=8)
    empty = {"tails": (), "steps_per_day": ()}
    vars(detector)["fitted_"] = type(detector.fitted_)(
        **{**vars(detector.fitted_), **empty}
    )
    older.fitted_ = detector.fitted_
    older._learned(["a", "b"])
    test = sines(60, 2, seed=5)
    test[20:23] += 9
    found = older.events(test)
    runs = [(a, b) for a, b in zip(found["start"], found["stop"], strict=True)]
    flags = older.predict(test)
    assert sum(b - a for a, b in runs) == flags.sum()
    assert found["probability"].isna().all()
    with pytest.raises(ValueError, match="kept no calibration scores; fit it again"):
        older.set_budget(1)
    with pytest.raises(ValueError, match="kept no calibration scores; fit it again"):
        older.predict_proba(test)


def test_damaged_tails_are_refused(detector, tmp_path: pathlib.Path) -> None:
    arrays, record = alarms.contents(detector.fitted_)
    named = {name.removeprefix("tail/"): array for name, array in arrays.items()}
    tails, days = alarms.read(named, record, 1)
    assert (tails[0].level, days) == (detector.fitted_.tails[0].level, (None,))
    for change in (
        {"0/excesses": -named["0/excesses"]},
        {"0/quantiles": named["0/quantiles"][::-1]},
        {"0/quantiles": named["0/quantiles"] * np.nan},
    ):
        with pytest.raises(ValueError, match="calibration scores are not those"):
            alarms.read(named | change, record, 1)
    with pytest.raises(ValueError, match="calibration scores are not those"):
        alarms.read(named, record | {"steps_per_day": [0]}, 1)
    assert saving.SCHEMA == 5
