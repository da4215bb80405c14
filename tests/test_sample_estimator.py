"""Samples: images, rows and windows, with labels, saved, and bad input in one line."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn.base

import jaxtsad
from jaxtsad import SampleDetector
from jaxtsad.pipeline import fitting, members, parts, scoring
from jaxtsad.pipeline import setup as pipeline_setup
from jaxtsad.pipeline.setup import Setup

OPTIONS = {"latent": 4, "width": 4, "batch_size": 16, "learning_rate": 2e-3}


def images(count: int, seed: int = 0, channels: int = 1) -> np.ndarray:
    """Bytes `[N, 8, 8, C]`: one bright bar at a random height."""
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 20, (count, 8, 8, channels))
    for picture, row in zip(found, rng.integers(2, 5, count), strict=True):
        picture[row : row + 2] += 200
    return found.astype(np.uint8)


def rows(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 2)) @ rng.normal(size=(2, 5))


@functools.cache
def on_images() -> SampleDetector:
    detector = SampleDetector("ganomaly", options=OPTIONS, epochs=2, stop="none")
    return detector.fit(images(80))


def test_images_as_they_are() -> None:
    detector = on_images()
    assert detector.n_features_in_ == 64
    assert detector.fitted_.scalers[0].kind == "pixels"
    test = images(9, seed=1)
    scores = detector.decision_function(test)
    assert scores.shape == (9,) and np.isfinite(scores).all()
    np.testing.assert_allclose(
        detector.decision_function(test[4:5]), scores[4:5], rtol=1e-5
    )
    seen = detector.inspect(test)
    assert seen["reconstruction"].shape == test.shape
    assert seen["latent"].shape == (9, 4)
    flags = detector.predict(test)
    np.testing.assert_array_equal(flags, scores > detector.threshold_)


def test_images_of_another_detector_are_rows_of_pixels() -> None:
    detector = SampleDetector("pca").fit(images(80))
    test = images(20, seed=1)
    test[3] = test[3].transpose(1, 0, 2)
    assert detector.decision_function(test).argmax() == 3
    explained = detector.explain(test)
    assert explained.shape == test.shape
    np.testing.assert_allclose(
        explained.sum((1, 2, 3)), detector.decision_function(test), rtol=1e-4
    )


def test_windows_and_rows() -> None:
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(8)[None, :, None] + rng.uniform(0, 6, (60, 1, 3)))
    test = waves[:6].copy()
    test[2, 5] += 4.0
    scores = SampleDetector("pca").fit(waves).decision_function(test)
    assert scores.shape == (6,) and scores.argmax() == 2
    odd = rows(10, seed=0)
    odd[7] += [0, 3, 0, -3, 0]
    assert SampleDetector("knn").fit(rows(200)).decision_function(odd).argmax() == 7


def test_the_default_takes_rows_images_and_windows() -> None:
    rng = np.random.default_rng(0)
    table, odd = rows(200), rows(10, seed=0)
    odd[7] += 6
    detector = SampleDetector().fit(table)
    assert detector.detector_ == "iforest"
    assert detector.decision_function(odd).argmax() == 7
    pictures = images(20, seed=1)
    pictures[3] = pictures[3].transpose(1, 0, 2)
    detector = SampleDetector().fit(images(80))
    assert detector.detector_ == "pca"
    assert detector.decision_function(pictures).argmax() == 3
    waves = np.sin(np.arange(8)[None, :, None] + rng.uniform(0, 6, (60, 1, 3)))
    test = waves[:6].copy()
    test[2, 5] += 4.0
    assert SampleDetector().fit(waves).decision_function(test).argmax() == 2


def test_a_detector_that_cannot_take_a_kind_says_which_can() -> None:
    with pytest.raises(ValueError, match="cannot take samples of shape") as raised:
        SampleDetector("ganomaly").fit(rows(40))
    message = str(raised.value)
    able = message.split("detectors that can: ")[1].split(", ")
    assert {"iforest", "knn", "pca", "zscore"} <= set(able)
    assert not {"ganomaly", "deep_clustering"} & set(able)
    assert "window=1" in message and "\n" not in message


def test_known_anomalies_are_left_out_where_nobody_learns_from_them() -> None:
    normal = rows(100)
    strange = normal[:20] + 50.0
    both, y = np.concatenate([strange, normal]), np.repeat([1, 0], [20, 100])
    with_labels = SampleDetector("zscore").fit(both, y)
    alone = SampleDetector("zscore").fit(normal)
    for found, expected in (
        (with_labels.threshold_, alone.threshold_),
        (with_labels.decision_function(both), alone.decision_function(both)),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_known_anomalies_reach_a_detector_that_learns_from_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "uses_labels", lambda name: True)
    values, y = rows(50), np.zeros(50)
    values[:4], y[:4] = 9.0, 1
    setup = Setup("zscore", kind="samples")
    [part] = parts.prepare(setup, [("rows", values)], [y])
    assert part.validation is not None and len(part.validation) == 10
    assert part.known.sum() == 4 and len(part.fit) == 40
    shape = pipeline_setup.layout_of(setup, (5,))
    view = pipeline_setup.view(setup, shape, [part.fit], known=part.known)
    marked = np.asarray(view.known) == 1
    raw = part.fit.values * part.scaler.scale + part.scaler.shift
    np.testing.assert_allclose(raw[marked], 9.0, rtol=1e-5)
    assert np.abs(raw[~marked]).max() < 9.0


def test_seeds_are_a_fleet_as_if_alone() -> None:
    setup = Setup("pca", kind="samples", validation=0.1)
    values, test = rows(100), rows(7, seed=3)
    together = fitting.fit(setup, [("rows", values)], seeds=(0, 1))
    tests = [members.test_part(together, i, "test", test) for i in range(2)]
    for seed, scores in enumerate(scoring.aggregated(together, tests)):
        alone = SampleDetector("pca", validation=0.1, seed=seed).fit(values)
        np.testing.assert_allclose(
            alone.decision_function(test), scores, rtol=1e-4, atol=1e-6
        )


def test_saved_and_loaded(tmp_path: pathlib.Path) -> None:
    frame = pd.DataFrame(rows(60), columns=list("abcde"))
    tables = SampleDetector("pca").fit(frame)
    for detector, test in ((on_images(), images(5)), (tables, frame[:5])):
        detector.save(tmp_path / "saved")
        again = jaxtsad.load(tmp_path / "saved")
        assert isinstance(again, SampleDetector)
        assert again.get_params() == detector.get_params()
        np.testing.assert_array_equal(
            again.decision_function(test), detector.decision_function(test)
        )
        np.testing.assert_array_equal(again.predict(test), detector.predict(test))
    again = jaxtsad.load(tmp_path / "saved")
    turned = again.decision_function(frame[list("edcba")])
    np.testing.assert_array_equal(turned, tables.decision_function(frame))
    with pytest.raises(ValueError, match="columns e, d, c, b, x differ"):
        again.predict(frame.set_axis(list("edcbx"), axis=1))


def test_parameters_follow_scikit_learn() -> None:
    detector = SampleDetector("pca", options={"variance": 0.8})
    assert sklearn.base.clone(detector).get_params() == detector.get_params()
    flags = detector.fit_predict(rows(60))
    assert set(np.unique(flags)) <= {0, 1}


@pytest.mark.parametrize(
    ("parameters", "X", "y", "message"),
    [
        ({}, np.zeros(5), None, r"expected rows \[N, D\]"),
        ({}, np.zeros((0, 5)), None, r"expected rows \[N, D\]"),
        ({}, [["a", "b"]], None, "not numeric"),
        ({}, [[1.0, np.nan], [0.0, 0.0]], None, "sample 0 holds a number"),
        ({}, rows(9)[:1], None, "X holds 1 sample"),
        ({}, np.zeros((9, 0)), None, "0 feature"),
        ({}, rows(9) + 1j, None, "Complex data not supported"),
        ({}, scipy.sparse.csr_array(np.eye(9)), None, "X is sparse"),
        ({}, rows(9), np.zeros(8), r"expected \(9,\)"),
        ({}, rows(9), np.full(9, -1), "y holds -1"),
        ({}, rows(9), np.ones(9), "all 9 samples are known anomalies"),
        ({"scaler": "robust"}, rows(9), None, "auto, pixels"),
        ({"threshold": "guess"}, rows(9), None, "quantile"),
        ({"detector": "oracle"}, rows(9), None, "the choices are"),
        ({"options": {"depth": 1}}, rows(9), None, "depth=1 is no option of pca"),
        (
            {"detector": "ganomaly"},
            np.zeros((9, 48, 48, 1)),
            None,
            "window=48 must be 4 times a power of two",
        ),
        ({"detector": "ganomaly"}, np.zeros((9, 16, 8, 1)), None, "square images"),
    ],
)
def test_bad_input_is_one_clear_line(
    parameters: dict, X: Any, y: Any, message: str
) -> None:
    detector = SampleDetector(**{"detector": "pca", **parameters})
    with pytest.raises(ValueError, match=message) as raised:
        detector.fit(X, y)
    assert "\n" not in str(raised.value)
    assert not hasattr(detector, "fitted_")


def test_other_shapes_and_unfitted_are_refused() -> None:
    detector = SampleDetector("pca").fit(rows(60))
    with pytest.raises(ValueError, match="the model was trained on"):
        detector.predict(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="not fitted yet"):
        SampleDetector("pca").predict(rows(3))
