"""Known anomalies of recordings, and the windows that meet them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jaxtsad import TimeSeriesDetector
from jaxtsad.pipeline import inputs, labels

TWO = {"a": np.zeros((6, 1)), "b": np.zeros((5, 1))}


def test_labels_and_events_say_the_same() -> None:
    one = inputs.recordings(np.zeros((6, 2)))
    expected = [[False, True, True, False, False, True]]
    for y in ([0, 1, 1, 0, 0, 1], [(1, 3), (5, 6)]):
        np.testing.assert_array_equal(labels.steps(y, one), expected)
    assert labels.steps(None, one) is None


def test_several_series_as_they_are_given() -> None:
    named = inputs.recordings(TWO)
    listed = inputs.recordings(list(TWO.values()))
    for given, y in ((named, {"b": [(0, 2)]}), (listed, [[], [(0, 2)]])):
        found = labels.steps(y, given)
        assert found is not None
        assert not found[0].any() and found[1].tolist() == [1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros((6, 1)), [0, 0, 2, 0, 0, 0], "holds 2; expected 1"),
        (np.zeros((6, 1)), [(4, 8)], r"event \(4, 8\) of 'series' is not within"),
        (np.zeros((6, 1)), [0, 1], r"expected \(6,\) labels or events"),
        (TWO, {"c": []}, "'c', which is no series"),
        (list(TWO.values()), [[]], "y labels 1 series, 2 were given"),
    ],
)
def test_bad_labels_are_one_clear_line(X: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        labels.steps(y, inputs.recordings(X))


def test_a_detector_that_does_not_learn_from_labels_leaves_them_out() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 1)).astype(np.float32)
    values[100:110] += 40

    def largest(y: Any) -> float:
        options = {"neighbour": 1}
        detector = TimeSeriesDetector(
            "knn", window=5, validation=0, scaler="none", options=options
        )
        return float(detector.fit(values, y).decision_function(values).max())

    assert largest([(100, 110)]) > 5 * largest(None)
