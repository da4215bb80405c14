"""Both estimators as scikit-learn's: its own checks, tags, nested options, search."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Self

import numpy as np
import pytest
import sklearn.base
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from jaxtsad import SampleDetector, TimeSeriesDetector
from tests.detectors.test_contract import sines


class WithoutLabels(SampleDetector):
    """Takes no labels: scikit-learn's checks hand over classes, ours are anomalies."""

    def fit(self, X: Any, y: Any = None, *, callbacks: Any = None) -> Self:
        return super().fit(X, callbacks=callbacks)


LABELS = "flags are 1 for an anomaly and 0 for a normal sample, not -1 and 1"
EXPECTED_FAILURES = {
    "check_outliers_fit_predict": LABELS,
    "check_outliers_train": LABELS,
    "check_dtype_object": "what is not numeric is a ValueError like all bad input",
}


@parametrize_with_checks(
    [WithoutLabels("zscore")], expected_failed_checks=lambda _: EXPECTED_FAILURES
)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def rows(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 2)) @ np.random.default_rng(9).normal(size=(2, 5))


def test_both_are_outlier_detectors_that_may_be_asked_after_fit_alone() -> None:
    for detector in (SampleDetector(), TimeSeriesDetector()):
        tags = detector.__sklearn_tags__()
        assert sklearn.base.is_outlier_detector(detector)
        assert tags.requires_fit and not tags.input_tags.sparse
    assert SampleDetector().__sklearn_tags__().input_tags.three_d_array
    assert not SampleDetector().__sklearn_tags__().input_tags.allow_nan
    assert TimeSeriesDetector().__sklearn_tags__().input_tags.allow_nan


def test_score_samples_has_scikit_learns_sign() -> None:
    values = rows(60)
    values[7] += [0, 3, 0, -3, 0]
    samples = SampleDetector("knn")
    flags = samples.fit_predict(values)
    assert flags.shape == (60,) and flags[7] == 1
    assert samples.score_samples(values).argmin() == 7
    np.testing.assert_array_equal(
        samples.score_samples(values), -samples.decision_function(values)
    )
    train = {"a": sines(120, 2), "b": sines(90, 2, seed=1)}
    series = TimeSeriesDetector("zscore", window=8)
    flags_by_name = series.fit_predict(train)
    scores = series.score_samples(train)
    assert {name: one.shape for name, one in scores.items()} == {
        name: one.shape for name, one in flags_by_name.items()
    }
    expected = series.decision_function(train)
    np.testing.assert_array_equal(scores["b"], -expected["b"])


def test_options_are_reachable_by_name() -> None:
    detector = TimeSeriesDetector("pca", options={"variance": 0.8})
    deep = detector.get_params()
    assert deep["options__variance"] == 0.8 and deep["options__rank"] == 128
    assert deep["threshold_options__q"] == 0.99
    given = detector.options
    detector.set_params(options__rank=4, threshold_options__q=0.9, window=12)
    assert detector.options == {"variance": 0.8, "rank": 4}
    assert given == {"variance": 0.8}
    assert detector.threshold_options == {"q": 0.9} and detector.window == 12
    detector.set_params(options__rank=8, options={"variance": 0.7})
    assert detector.options == {"variance": 0.7, "rank": 8}
    with pytest.raises(ValueError, match="Invalid parameter 'width'"):
        detector.set_params(width=3)
    with pytest.raises(ValueError, match="depth=3 is no option of pca"):
        detector.set_params(options__depth=3).fit(sines(100, 2))


def test_options_can_be_searched() -> None:
    values, labels = rows(80), np.zeros(80, int)
    values[::10] += [0, 0.3, 0, -0.3, 0]
    labels[::10] = 1
    search = GridSearchCV(
        SampleDetector("pca"),
        {"options__variance": [0.01, 0.9]},
        scoring="roc_auc",
        cv=2,
        error_score="raise",
    )
    search.fit(values, labels)
    assert search.best_params_ == {"options__variance": 0.9}
    assert search.best_score_ == 1.0


def test_fitted_ones_are_copied_and_pickled() -> None:
    series = TimeSeriesDetector("pca", window=8).fit(sines(100, 2))
    samples = SampleDetector("pca").fit(rows(60))
    for detector, test in ((series, sines(40, 2, seed=3)), (samples, rows(9, 3))):
        expected = detector.decision_function(test)
        for again in (copy.deepcopy(detector), pickle.loads(pickle.dumps(detector))):
            np.testing.assert_array_equal(again.decision_function(test), expected)
            np.testing.assert_array_equal(again.predict(test), detector.predict(test))


def test_batch_size_and_clip_gradients_reach_the_detector() -> None:
    values = sines(100, 2)
    detector = TimeSeriesDetector("pca", window=8, batch_size=16).fit(values)
    assert detector.fitted_.setup.options["batch_size"] == 16
    assert detector.fitted_.setup.scoring_batch_size == 16
    detector = TimeSeriesDetector("zscore", window=8, batch_size=16).fit(values)
    assert detector.fitted_.setup.scoring_batch_size == 16
    with pytest.raises(ValueError, match=r"clip_gradients=1\.0 is no option of pca"):
        TimeSeriesDetector("pca", window=8, clip_gradients=1.0).fit(values)
