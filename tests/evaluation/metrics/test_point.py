from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from jaxtsad.evaluation.metrics import point
from tests.evaluation import cases

LABELS = np.array([0, 0, 1, 1])
SCORES = np.array([0.1, 0.4, 0.35, 0.8])


def test_areas_and_the_oracle_of_four_steps():
    assert point.auc_pr(LABELS, SCORES) == pytest.approx(0.833333, abs=1e-6)
    assert point.auc_roc(LABELS, SCORES) == 0.75
    best = point.oracle_f1(LABELS, SCORES)
    assert best.value == pytest.approx(0.8)
    assert 0.1 < best.threshold < 0.35
    assert best.threshold == pytest.approx(0.35)


def test_a_constant_score_gets_chance():
    labels = cases.labels_with_events(50, [(3, 9), (30, 34)])
    scores = np.full(50, 2.5)
    assert point.auc_roc(labels, scores) == 0.5
    assert point.auc_pr(labels, scores) == pytest.approx(0.2)
    assert point.oracle_f1(labels, scores).value == pytest.approx(2 * 0.2 / 1.2)


def test_counts_and_their_ratios():
    labels, flags = cases.bits("0110100000"), cases.bits("0100110001")
    assert point.confusion(labels, flags) == (2, 2, 1, 5)
    assert point.precision(labels, flags) == 0.5
    assert point.recall(labels, flags) == pytest.approx(2 / 3)
    assert point.f1(labels, flags) == pytest.approx(4 / 7)
    assert point.accuracy(labels, flags) == 0.7
    assert point.f_beta(labels, flags, 2) == pytest.approx(5 * 2 / (5 * 2 + 4 + 2))


def test_nothing_flagged_is_precision_zero():
    assert point.precision(LABELS, np.zeros(4)) == 0
    assert point.f1(LABELS, np.zeros(4)) == 0


def test_one_class_is_nan_and_not_a_number_in_disguise():
    for labels in (np.zeros(4), np.ones(4)):
        assert math.isnan(point.auc_roc(labels, SCORES))
        assert math.isnan(point.auc_pr(labels, SCORES))
    assert math.isnan(point.recall(np.zeros(4), np.ones(4)))
    assert math.isnan(point.f1(np.zeros(4), np.ones(4)))
    assert math.isnan(point.oracle_f1(np.zeros(4), SCORES).value)
    assert point.oracle_f1(np.ones(4), SCORES).value == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_refused_with_its_step(bad):
    scores = np.array([0.1, 0.2, bad, 0.3])
    for metric in (point.auc_roc, point.auc_pr, point.oracle_f1):
        with pytest.raises(ValueError, match=r"must be finite, got .* at step 2"):
            metric(LABELS, scores)


def test_bad_labels_flags_and_shapes_are_refused():
    with pytest.raises(ValueError, match="labels must be 0 or 1, got 2 at step 1"):
        point.confusion(np.array([0, 2]), np.array([0, 1]))
    with pytest.raises(ValueError, match="flags must be 0 or 1, got nan at step 0"):
        point.confusion(np.array([0, 1]), np.array([np.nan, 1]))
    with pytest.raises(ValueError, match=r"len\(flags\)=3 must equal len\(labels\)=2"):
        point.confusion(np.array([0, 1]), np.array([0, 1, 1]))
    with pytest.raises(ValueError, match=r"len\(scores\)=3 must equal"):
        point.auc_roc(np.array([0, 1]), np.array([0.0, 1, 1]))
    with pytest.raises(ValueError, match=r"expected \(T,\)"):
        point.auc_roc(np.zeros(0), np.zeros(0))


def test_the_oracle_threshold_reproduces_its_f1_in_float32():
    generator = np.random.default_rng(0)
    labels = generator.random(400) < 0.2
    # Neighboring float32 numbers: a threshold between two of them would round.
    scores = np.float32(1) + np.float32(2**-23) * generator.integers(0, 50, 400)
    scores = (scores + np.float32(2**-18) * labels).astype(np.float32)
    best = point.oracle_f1(labels, scores)
    assert point.f1(labels, scores > best.threshold) == best.value
    assert point.f1(labels, scores.astype(np.float64) > best.threshold) == best.value


@hypothesis.given(cases.labels_flags_scores())
def test_agreement_with_scikit_learn(case):
    labels, flags, scores = case
    for ours, theirs in (
        (point.auc_roc, sklearn_metrics.roc_auc_score),
        (point.auc_pr, sklearn_metrics.average_precision_score),
    ):
        assert ours(labels, scores) == pytest.approx(theirs(labels, scores), abs=1e-12)
    f2 = sklearn_metrics.fbeta_score(labels, flags, beta=2, zero_division=0)
    assert point.f_beta(labels, flags, 2) == pytest.approx(f2, abs=1e-12)


@hypothesis.given(cases.labels_flags_scores())
def test_the_oracle_is_the_best_of_all_thresholds(case):
    labels, _, scores = case
    thresholds = np.append(np.unique(scores), scores.min() - 1)
    every = [point.f1(labels, scores > threshold) for threshold in thresholds]
    best = point.oracle_f1(labels, scores)
    assert best.value == pytest.approx(max(every), abs=1e-12)
    assert point.f1(labels, scores > best.threshold) == best.value
    rate = labels.mean()
    assert best.value >= 2 * rate / (1 + rate) - 1e-12
