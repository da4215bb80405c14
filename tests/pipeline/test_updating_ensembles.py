"""Updates of ensembles: each member, how they are joined, one guard, one way back."""

from __future__ import annotations

import copy
import functools
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxtsad import cli, load
from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.evaluation.scoring import tail
from jaxtsad.pipeline import members
from jaxtsad.streaming import causal
from tests.pipeline.test_updating import NEW, OLD, poisoned, waves

MEMBERS: tuple[Any, ...] = (
    "pca",
    {"detector": "knn", "window": 12, "score_stride": 1},
    {"detector": "zscore", "scaler": "minmax", "head": "smooth"},
)
STEPWISE = ("zscore", {"detector": "zscore", "window": 20})
"""Members whose score of a step is the same, calibrated from other steps on."""


def of(each: tuple[Any, ...], **more: Any) -> TimeSeriesDetector:
    options = {"members": list(each)}
    return TimeSeriesDetector("ensemble", window=8, options=options, **more)


@functools.cache
def fitted() -> TimeSeriesDetector:
    return of(MEMBERS).fit(waves(400, 3, OLD))


def test_every_member_is_updated_and_both_data_are_normal() -> None:
    # Without a head: summed over 200 steps, what normal data of the one level score
    # above those of the other is more than 73 held-out steps of each can show.
    headless = {"detector": "zscore", "scaler": "minmax"}
    before_all = of((*MEMBERS[:2], headless)).fit(waves(400, 3, OLD))
    after = copy.deepcopy(before_all)
    after.partial_fit(waves(400, 3, NEW, 1), tolerance=None)
    pairs = zip(before_all.fitted_.components, after.fitted_.components, strict=True)
    for before, now in pairs:
        assert before.thresholds != now.thresholds
        assert before.setup == now.setup
    new, old = waves(200, 3, NEW, 3), waves(200, 3, OLD, 3)
    assert before_all.predict(new).mean() > 0.5
    assert after.predict(new).mean() < 0.1
    assert after.predict(old).mean() < 0.1
    # The member of the longest windows is as if it were updated alone.
    alone = TimeSeriesDetector("knn", window=12, score_stride=1)
    alone.fit(waves(400, 3, OLD)).partial_fit(waves(400, 3, NEW, 1), tolerance=None)
    component = after.fitted_.components[1]
    np.testing.assert_array_equal(
        component.calibration[0].values, alone.fitted_.calibration[0].values
    )
    assert component.thresholds == alone.fitted_.thresholds


@pytest.mark.parametrize("pooling", ["per_entity", "pooled"])
def test_members_are_joined_at_the_same_steps(pooling: str) -> None:
    detector = of(STEPWISE, pooling=pooling)
    data = waves(400, 2, OLD) if pooling == "per_entity" else [waves(400, 2, OLD)] * 2
    detector.fit(data)
    detector.partial_fit(waves(300, 2, NEW, 1), tolerance=None)
    detector.partial_fit(waves(200, 2, OLD, 2), tolerance=None)
    first, widest = detector.fitted_.components
    scores = widest.calibration[0].values
    assert len(scores) < len(first.calibration[0])
    levels = [
        tail.calibrated(tail.calibrate(own, len(own)), scores)
        for own in (first.calibration[0].values, scores)
    ]
    np.testing.assert_allclose(
        detector.fitted_.calibration[0].values, np.mean(levels, axis=0), rtol=1e-5
    )


def test_causal_calibration_is_joined_at_the_same_steps(tmp_path: pathlib.Path) -> None:
    detector = of(STEPWISE).fit(waves(400, 2, OLD))
    detector.partial_fit(waves(300, 2, NEW, 1), tolerance=None)
    first, widest = (one.calibration_steps[0] for one in detector.fitted_.components)
    places, common = np.unique(widest.places), np.isin(first.places, widest.places)
    assert len(places) == len(widest.values) == common.sum() < len(common)
    np.testing.assert_array_equal(first.values[common], widest.values)
    detector.save(tmp_path / "saved")
    again = load(tmp_path / "saved")
    for one, other in zip(
        detector.fitted_.components, again.fitted_.components, strict=True
    ):
        for own, restored in zip(
            one.calibration_steps[0], other.calibration_steps[0], strict=True
        ):
            np.testing.assert_array_equal(own, restored)
    known = [causal.causal(each.fitted_).thresholds for each in (detector, again)]
    assert known[0] == known[1]


def test_one_guard_over_the_whole(tmp_path: pathlib.Path) -> None:
    detector = copy.deepcopy(fitted())
    test = waves(100, 3, OLD, 2)
    before = detector.decision_function(test)
    with pytest.raises(ValueError, match=r"^the update is refused, it is worse on"):
        detector.partial_fit(poisoned(3))
    np.testing.assert_array_equal(detector.decision_function(test), before)
    detector.partial_fit(waves(600, 3, OLD, 6))
    assert len(detector.updates_) == 1
    detector.save(tmp_path / "model")
    again = load(tmp_path / "model")
    after = detector.decision_function(test)
    assert not np.array_equal(after, before)
    np.testing.assert_array_equal(again.decision_function(test), after)
    again.partial_fit(waves(300, 3, OLD, 7), tolerance=None)
    np.testing.assert_array_equal(again.rollback().decision_function(test), after)
    np.testing.assert_array_equal(detector.rollback().decision_function(test), before)


def test_entities_that_are_not_given_stay_as_they_are() -> None:
    names = ["a", "b", "c"]
    data = {name: waves(400, 2, OLD, seed) for seed, name in enumerate(names)}
    detector = of(MEMBERS[:2]).fit(data)
    test = {name: waves(80, 2, OLD, 9) for name in names}
    old, causally = (
        detector.decision_function(test),
        detector.decision_function(test, causal=True),
    )
    detector.partial_fit({"b": waves(400, 2, NEW, 7)}, tolerance=None)
    new, later = (
        detector.decision_function(test),
        detector.decision_function(test, causal=True),
    )
    for name in "ac":
        np.testing.assert_array_equal(old[name], new[name])
        np.testing.assert_array_equal(causally[name], later[name])
    assert not np.array_equal(old["b"], new["b"])
    alone = of(MEMBERS[:2]).fit({"b": data["b"]})
    alone.partial_fit({"b": waves(400, 2, NEW, 7)}, tolerance=None)
    np.testing.assert_allclose(
        alone.decision_function({"b": test["b"]})["b"], new["b"], rtol=1e-3
    )


def test_members_without_held_out_steps_remember_the_same_ones() -> None:
    detector = of(STEPWISE, validation=0.0).fit(waves(300, 2, OLD))
    detector.partial_fit(waves(200, 2, NEW, 1), tolerance=None)
    first, widest = detector.fitted_.components
    # But for the last bit: the programs are of windows of another length.
    np.testing.assert_allclose(
        first.calibration[0].values, widest.calibration[0].values, rtol=2e-7
    )
    assert detector.predict(waves(100, 2, NEW, 3)).mean() < 0.1


def test_a_stream_of_an_updated_ensemble_equals_its_causal_scores() -> None:
    after = copy.deepcopy(fitted())
    after.partial_fit(waves(400, 3, NEW, 1), tolerance=None)
    test = waves(60, 3, NEW, 8)
    stream = after.stream()
    made = np.concatenate([stream.update(row[None]).scores for row in test])
    offline = after.decision_function(test, causal=True)
    np.testing.assert_array_equal(made, offline)


def test_drift_is_watched_for_by_what_the_widest_remembers() -> None:
    pytest.importorskip("river", reason="river of jaxtsad[drift] is not installed")
    monitor = fitted().drift_monitor()
    values = waves(400, 3, OLD, 5)
    scores = fitted().decision_function(values, causal=True)
    assert monitor.update(values, scores) == []


def test_too_short_data_are_refused_before_any_member_is_updated() -> None:
    detector = copy.deepcopy(fitted())
    before = members.as_calibrated(detector.fitted_)
    with pytest.raises(ValueError, match="an update needs about"):
        detector.partial_fit(waves(30, 3, OLD))
    assert detector.fitted_.components == before.components
    assert detector.fitted_.previous is None


def test_the_commands_update_replay_and_take_back(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = of(MEMBERS[:2]).fit(pd.DataFrame(waves(400, 2, OLD), columns=list("ab")))
    model, data = str(tmp_path / "model"), str(tmp_path / "x.csv")
    detector.save(model)
    frame = pd.DataFrame(waves(900, 2, OLD, 4), columns=list("ab"))
    frame.to_csv(data, index=False)
    assert cli.main(["replay", model, data, "--refit", "every=400"]) == 0
    assert "step 800: " in capsys.readouterr().out
    assert cli.main(["update", model, data]) == 0
    assert "on earlier data: VUS-PR" in capsys.readouterr().out
    assert load(model).threshold_ != detector.threshold_
    assert cli.main(["rollback", model]) == 0
    assert load(model).threshold_ == detector.threshold_
