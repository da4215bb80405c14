"""Point adjustment and its scores against the Anomaly Transformer's own."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.evaluation.metrics import point, point_adjusted
from jaxtsad.evaluation.thresholds import transductive
from tests.golden import loading

STEM = "point_adjust"
CASES = [name for name in loading.cases(STEM) if name != "config"]
ARRAYS = loading.load(STEM)

each_case = pytest.mark.parametrize(
    "name", CASES, ids=[f"{STEM}-{name}" for name in CASES]
)


def test_there_are_cases():
    assert CASES


def metrics(labels: np.ndarray, flags: np.ndarray) -> list[float]:
    return [
        metric(labels, flags)
        for metric in (point.accuracy, point.precision, point.recall, point.f1)
    ]


@each_case
def test_threshold_and_flags(name):
    train, test = ARRAYS[f"{name}/train_energy"], ARRAYS[f"{name}/test_energy"]
    share = 1 - float(ARRAYS["config/anomaly_ratio_percent"]) / 100
    threshold = transductive.transductive_quantile(train, test, share).value
    assert threshold == ARRAYS[f"{name}/threshold"]
    np.testing.assert_array_equal(test > threshold, ARRAYS[f"{name}/pred_before"])


@each_case
def test_adjustment_leaves_index_zero_as_the_reference_does(name):
    labels, flags = ARRAYS[f"{name}/labels"], ARRAYS[f"{name}/pred_before"]
    adjusted = point_adjusted.adjust(flags, labels, compat=True)
    np.testing.assert_array_equal(adjusted, ARRAYS[f"{name}/pred_after"])


@each_case
def test_adjustment_by_event_differs_at_index_zero_only(name):
    labels, flags = ARRAYS[f"{name}/labels"], ARRAYS[f"{name}/pred_before"]
    adjusted = point_adjusted.adjust(flags, labels)
    expected = ARRAYS[f"{name}/pred_after"]
    np.testing.assert_array_equal(adjusted[1:], expected[1:])
    if labels[0] and labels[1] and adjusted[1]:
        assert adjusted[0]


@each_case
def test_metrics_before_and_after(name):
    labels = ARRAYS[f"{name}/labels"]
    for kind, key in (("raw", "pred_before"), ("adjusted", "pred_after")):
        np.testing.assert_allclose(
            metrics(labels, ARRAYS[f"{name}/{key}"]),
            ARRAYS[f"{name}/{kind}/accuracy_precision_recall_f1"],
            rtol=0,
            atol=1e-9,
        )
    flags = ARRAYS[f"{name}/pred_before"]
    adjusted = point_adjusted.adjust(flags, labels, compat=True)
    np.testing.assert_allclose(
        metrics(labels, adjusted),
        ARRAYS[f"{name}/adjusted/accuracy_precision_recall_f1"],
        rtol=0,
        atol=1e-9,
    )
