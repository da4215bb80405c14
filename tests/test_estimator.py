"""The estimator: every length scored, frames and lists, bad input in one line."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.base

import jaxtsad
from jaxtsad.estimator import TimeSeriesDetector
from tests.detectors.test_contract import sines


@pytest.mark.parametrize("aggregate", ["mean", "max", "last", "center", "spread"])
@pytest.mark.parametrize("stride", [1, 3, 8])
def test_a_plant_is_found_whatever_stride_and_aggregate(
    aggregate: str, stride: int
) -> None:
    detector = TimeSeriesDetector(
        "pca", window=8, aggregate=aggregate, score_stride=stride
    )
    detector.fit(sines(160, 2))
    for steps in (5, 8, 9, 61):
        values = sines(steps, 2, seed=4)
        values[steps // 2] += 12.0
        scores = detector.decision_function(values)
        assert scores.shape == (steps,) and np.isfinite(scores).all()
        assert abs(int(scores.argmax()) - steps // 2) <= 8


def test_the_default_is_the_pretrained_detector_and_finds_a_plant() -> None:
    detector = TimeSeriesDetector().fit(sines(400, 3))
    assert (detector.detector, detector.window) == ("pretrained_tcn", 40)
    values = sines(200, 3, seed=4)
    values[120, 1] += 3.0
    assert abs(int(detector.decision_function(values).argmax()) - 120) <= 40


def test_parameters_follow_scikit_learn() -> None:
    options = {"variance": 0.8}
    detector = TimeSeriesDetector("pca", window=8, options=options)
    assert detector.get_params()["options"] is options
    copy = sklearn.base.clone(detector)
    assert copy.get_params() == detector.get_params()
    copy.set_params(window=12, threshold="mad").fit(sines(100, 2))
    assert copy.window == 12 and copy.n_features_in_ == 2
    assert not hasattr(detector, "fitted_")


def test_frames_keep_their_names_and_refuse_others() -> None:
    train = pd.DataFrame(sines(160, 2), columns=["flow", "heat"])
    detector = TimeSeriesDetector("zscore", window=8).fit(train)
    assert detector.feature_names_in_.tolist() == ["flow", "heat"]
    test = sines(40, 2, seed=3)
    test[20, 1] += 9
    from_polars = detector.decision_function(
        pl.DataFrame(test, schema=["flow", "heat"])
    )
    np.testing.assert_array_equal(from_polars, detector.decision_function(test))
    events = detector.events(test)
    assert events.iloc[events.severity.argmax()].channels.startswith("heat")
    turned = pd.DataFrame(test[:, ::-1], columns=["heat", "flow"])
    np.testing.assert_array_equal(from_polars, detector.decision_function(turned))
    with pytest.raises(ValueError, match="lacks the channel heat and has flux besides"):
        detector.predict(pd.DataFrame(test, columns=["flow", "flux"]))


def test_a_list_is_a_fleet_and_each_model_is_as_if_alone() -> None:
    trains = [sines(160, 2, seed=1), sines(230, 2, seed=2)]
    tests = [sines(50, 2, seed=3), sines(20, 2, seed=4)]
    fleet = TimeSeriesDetector("pca", window=8).fit(trains)
    together = fleet.decision_function(tests)
    for train, test, scores in zip(trains, tests, together, strict=True):
        alone = TimeSeriesDetector("pca", window=8).fit(train)
        np.testing.assert_allclose(alone.decision_function(test), scores, atol=1e-5)
    by_name = fleet.decision_function({"series_1": tests[1]})
    np.testing.assert_array_equal(by_name["series_1"], together[1])
    assert set(fleet.threshold_) == {"series_0", "series_1"}
    pooled = TimeSeriesDetector("pca", window=8, pooling="pooled").fit(trains)
    assert len(pooled.decision_function([*tests, tests[0]])) == 3


def test_explanations_sum_to_the_score_over_channels() -> None:
    detector = TimeSeriesDetector("pca", window=8).fit(sines(160, 3))
    test = sines(30, 3, seed=5)
    np.testing.assert_allclose(
        detector.explain(test).sum(1), detector.decision_function(test), rtol=1e-4
    )


def test_saving_replaces_and_a_corrupt_file_is_named(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "deep" / "saved"
    detector = TimeSeriesDetector("pca", window=8).fit(sines(160, 2))
    detector.save(folder)
    detector.save(folder)
    assert sorted(p.name for p in folder.parent.iterdir()) == ["saved"]
    again = jaxtsad.load(folder)
    test = sines(30, 2, seed=5)
    np.testing.assert_array_equal(
        again.decision_function(test), detector.decision_function(test)
    )
    pd.testing.assert_frame_equal(again.events(test), detector.events(test))
    assert again.get_params() == detector.get_params()
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ValueError, match="cannot be read"):
        jaxtsad.load(folder)
    with pytest.raises(ValueError, match="holds no saved detector"):
        jaxtsad.load(tmp_path)
    record = folder / "estimator.json"
    tree = json.loads(record.read_text())
    tree["setup"]["options"]["rank"] = 0
    record.write_text(json.dumps(tree))
    with pytest.raises(ValueError, match="cannot be read"):
        jaxtsad.load(folder)


def test_saving_never_replaces_what_is_no_detector(tmp_path: pathlib.Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    detector = TimeSeriesDetector("zscore", window=8).fit(sines(160, 2))
    with pytest.raises(ValueError, match="no saved detector; name another"):
        detector.save(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


GOOD = sines(160, 2)
NAN = np.where(np.arange(160)[:, None] == 3, np.nan, GOOD)


@pytest.mark.parametrize(
    ("parameters", "data", "message"),
    [
        ({}, np.zeros((3, 4, 5)), r"expected \[steps, channels\]"),
        ({}, np.zeros((0, 2)), "is empty"),
        ({}, [], "empty list"),
        ({}, np.array([["a", "b"]] * 99), "not numeric"),
        ({}, np.full((160, 2), np.nan), "no finite value"),
        ({}, [GOOD, sines(160, 3)], "channel"),
        ({"window": 200}, GOOD, "shorter than one window of 200"),
        ({"window": 0}, GOOD, "window=0 must be a whole number of at least 1"),
        ({"score_stride": 9}, GOOD, "score_stride=9 must be between 1 and window=8"),
        ({"aggregate": "sum"}, GOOD, "aggregate='sum'"),
        ({"scaler": "robust"}, GOOD, "zscore"),
        ({"validation": 1.0}, GOOD, "validation=1.0"),
        ({"threshold": "guess"}, GOOD, "quantile"),
        ({"threshold_options": {"p": 1}}, GOOD, "p=1 is no option of threshold"),
        ({"options": {"depth": 3}}, GOOD, "depth=3 is no option of zscore"),
        ({"detector": "oracle"}, GOOD, "the choices are"),
        ({"stop": "never"}, GOOD, "stop='never'"),
        ({"pooling": "mixed"}, GOOD, "per_entity, pooled"),
    ],
)
def test_bad_input_is_one_clear_line(parameters: dict, data: Any, message: str) -> None:
    detector = TimeSeriesDetector(**{"detector": "zscore", "window": 8, **parameters})
    with pytest.raises(ValueError, match=message) as raised:
        detector.fit(data)
    assert "\n" not in str(raised.value)
    assert not hasattr(detector, "fitted_")


def test_missing_cells_take_the_value_before_them() -> None:
    detector = TimeSeriesDetector("zscore", window=8).fit(NAN)
    assert np.isfinite(detector.decision_function(NAN)).all()
    with pytest.raises(ValueError, match="was trained on 2"):
        detector.predict(sines(30, 3))
    with pytest.raises(ValueError, match="not fitted yet"):
        TimeSeriesDetector("zscore").predict(GOOD)


def test_looking_inside_needs_something_to_look_at() -> None:
    detector = TimeSeriesDetector("zscore", window=8).fit(sines(100, 2))
    with pytest.raises(ValueError, match="zscore has nothing to look into"):
        detector.inspect(sines(40, 2), step=3)
