"""Both estimators as scikit-learn's: its own checks, tags, nested options, search."""

from __future__ import annotations

import copy
import dataclasses
import io
import pathlib
import pickle
import warnings
from typing import Any, Self

import joblib
import numpy as np
import pytest
import sklearn.base
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.utils.estimator_checks import parametrize_with_checks

from jaxtsad import SampleDetector, TimeSeriesDetector, detectors
from jaxtsad.types import Role
from tests.detectors.test_contract import sines


class WithoutLabels(SampleDetector):
    """Takes no labels: scikit-learn's checks hand over classes, ours are anomalies."""

    def fit(self, X: Any, y: Any = None, *, callbacks: Any = None) -> Self:
        return super().fit(X, callbacks=callbacks)


WINDOW: dict[Any, dict[str, int]] = {
    SampleDetector: {},
    TimeSeriesDetector: {"window": 8},
}
LABELS = "flags are 1 for an anomaly and 0 for a normal sample, not -1 and 1"
EXPECTED_FAILURES = {
    "check_outliers_fit_predict": LABELS,
    "check_outliers_train": LABELS,
    "check_dtype_object": "what is not numeric is a ValueError like all bad input",
}


with warnings.catch_warnings():
    # It has all that scikit-learn's base class gives; importing that takes a second.
    warnings.filterwarnings("ignore", ".* does not inherit from `sklearn.base")
    CHECKED = parametrize_with_checks(
        [WithoutLabels("zscore")], expected_failed_checks=lambda _: EXPECTED_FAILURES
    )


@CHECKED
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
    detector = TimeSeriesDetector(
        "pca", options={"variance": 0.8}, threshold="quantile"
    )
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
    with pytest.raises(ValueError, match="width=3 is no parameter"):
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
            roles = [scores.role for scores in again.fitted_.calibration]
            assert roles == [Role.VALIDATION]


def test_a_pickle_holds_values_and_no_programs() -> None:
    """Whatever is in it is a value of a kind that is listed here."""
    fitted = TimeSeriesDetector("pca", window=8).fit(sines(100, 2))
    fitted.decision_function(sines(40, 2))
    content = pickle.dumps(fitted)
    wanted = set()

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            wanted.add((module, name))
            return super().find_class(module, name)

    Unpickler(io.BytesIO(content)).load()
    modules = {module.split(".")[0] for module, _ in wanted}
    assert modules <= {"jaxtsad", "jax", "numpy", "builtins"}, wanted
    assert not any("jit" in name.lower() for _, name in wanted)
    assert len(content) < 40_000


@pytest.mark.slow  # each of the two processes imports and compiles
def test_joblib_and_other_processes(tmp_path: pathlib.Path) -> None:
    """Fitted ones come back from other processes and go there (pycaret#322)."""
    values, labels = rows(60), np.repeat([0, 1], 30)
    found = cross_validate(
        SampleDetector("pca"),
        values,
        labels,
        cv=StratifiedKFold(2),
        scoring="roc_auc",
        n_jobs=2,
        return_estimator=True,
        error_score="raise",
    )
    for fold, (train, _) in zip(
        found["estimator"], StratifiedKFold(2).split(values, labels), strict=True
    ):
        here = SampleDetector("pca").fit(values[train], labels[train])
        np.testing.assert_allclose(
            fold.decision_function(values), here.decision_function(values), rtol=1e-5
        )
    joblib.dump(found["estimator"][0], tmp_path / "one.joblib")
    again = joblib.load(tmp_path / "one.joblib")
    np.testing.assert_array_equal(
        again.predict(values), found["estimator"][0].predict(values)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", detectors.available())
def test_every_detector_is_copied_and_pickled(name: str) -> None:
    tiny = dataclasses.asdict(detectors.module(name).TINY)
    window = tiny.pop("window")
    values = sines(160, tiny.pop("channels"))
    tiny.pop("layout", None)
    series = TimeSeriesDetector(name, window=window, options=tiny, epochs=1)
    samples = SampleDetector(name, options=tiny, epochs=1)
    windows = np.stack([values[i : i + window] for i in range(0, 120, 2)])
    for detector, data in ((series, values), (samples, windows)):
        expected = detector.fit(data).decision_function(data)
        for again in (copy.deepcopy(detector), pickle.loads(pickle.dumps(detector))):
            np.testing.assert_array_equal(again.decision_function(data), expected)
            np.testing.assert_array_equal(again.predict(data), detector.predict(data))


@pytest.mark.parametrize("kind", [SampleDetector, TimeSeriesDetector])
def test_every_seed_works_or_is_one_line(kind: Any) -> None:
    values, test = rows(60), rows(9, seed=3)
    for seed in (5, 2**31, 2**32 + 5, np.uint64(2**63 - 1)):
        once, twice = (
            kind("zscore", seed=seed, **WINDOW[kind])
            .fit(values)
            .decision_function(test)
            for _ in range(2)
        )
        np.testing.assert_array_equal(once, twice)
    for bad in (-1, 2**63, 10**5000, 1.0, True, None, "x"):
        with pytest.raises(ValueError, match=r"^seed=.* must be a whole number") as one:
            kind("zscore", seed=bad, **WINDOW[kind]).fit(values)
        assert len(str(one.value)) < 120 and "\n" not in str(one.value)


def test_batch_size_and_clip_gradients_reach_the_detector() -> None:
    values = sines(100, 2)
    detector = TimeSeriesDetector("pca", window=8, batch_size=16).fit(values)
    assert detector.fitted_.setup.options["batch_size"] == 16
    assert detector.fitted_.setup.scoring_batch_size == 16
    detector = TimeSeriesDetector("zscore", window=8, batch_size=16).fit(values)
    assert detector.fitted_.setup.scoring_batch_size == 16
    with pytest.raises(ValueError, match=r"clip_gradients=1\.0 is no option of pca"):
        TimeSeriesDetector("pca", window=8, clip_gradients=1.0).fit(values)


def test_a_batch_larger_than_the_memory_is_refused() -> None:
    """XLA would end the process."""
    for kind in WINDOW:
        detector = kind("zscore", batch_size=2**31 - 1, **WINDOW[kind])
        with pytest.raises(ValueError, match=r"batch_size=2147483647 times .* GiB"):
            detector.fit(rows(60))


@pytest.mark.parametrize("name", ["window", "channels"])
def test_what_the_data_decide_is_no_option(name: str) -> None:
    with pytest.raises(ValueError, match="the data and the parameters decide"):
        TimeSeriesDetector("zscore", window=8, options={name: 5}).fit(rows(60))
