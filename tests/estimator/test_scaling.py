"""Scaling and clipping: fitted on the fit part alone, and applied to every series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jaxtsad.estimator import SampleDetector, TimeSeriesDetector
from tests.detectors.test_contract import sines

TRAINS = [sines(200, 2, seed=1), 5 * sines(250, 2, seed=2) + 3]
TESTS = [sines(60, 2, seed=3), 5 * sines(60, 2, seed=4) + 3]
POOLINGS = ("per_entity", "pooled")


def scores(trains: list[np.ndarray], **parameters: Any) -> list[np.ndarray]:
    """Scores of `TESTS` after fitting, by a detector that does not scale by itself."""
    detector = TimeSeriesDetector("pca", window=8, **parameters).fit(trains)
    tested: list[np.ndarray] = detector.decision_function(TESTS)
    return tested


@pytest.mark.parametrize("scaler", ["zscore", "minmax"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_scores_do_not_depend_on_the_validation_part(pooling: str, scaler: str) -> None:
    before = scores(TRAINS, pooling=pooling, scaler=scaler, clip_values=3.0)
    spoilt = [train.copy() for train in TRAINS]
    for train in spoilt:
        train[int(0.8 * len(train)) :] *= 100.0
    after = scores(spoilt, pooling=pooling, scaler=scaler, clip_values=3.0)
    for ours, theirs in zip(before, after, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_scores_of_samples_depend_on_the_fit_samples_alone() -> None:
    """Of ten samples eight are fitted on: no more may change a score."""
    rows = np.random.default_rng(0).normal(size=(10, 3))
    test = np.random.default_rng(1).normal(size=(5, 3))
    detector = SampleDetector("zscore", scaler="zscore", validation=0.2)
    before = detector.fit(rows).decision_function(test)
    matter = 0
    for index in range(10):
        spoilt = rows.copy()
        spoilt[index] += 100.0
        after = detector.fit(spoilt).decision_function(test)
        matter += not np.array_equal(before, after)
    assert matter == 8


@pytest.mark.parametrize("pooling", POOLINGS)
def test_values_are_clipped_in_every_series(pooling: str) -> None:
    detector = TimeSeriesDetector("zscore", window=8, pooling=pooling, clip_values=4.0)
    detector.fit(TRAINS)
    far, farther = ([test.copy() for test in TESTS] for _ in range(2))
    for nearer, beyond in zip(far, farther, strict=True):
        nearer[30], beyond[30] = 1e3, 1e6
    for ours, theirs in zip(
        detector.decision_function(far),
        detector.decision_function(farther),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.argmax() in range(23, 38)
