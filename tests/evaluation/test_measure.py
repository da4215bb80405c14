from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest

from jaxtsad.evaluation import measure
from jaxtsad.evaluation.metrics import point_adjusted
from tests.evaluation import cases

RANKING = {"auc_roc", "auc_pr", "vus_roc", "vus_pr", "oracle_f1"}
LABELS = cases.labels_with_events(120, [(0, 10), (60, 64), (110, 120)])
NORMAL_DEFINED = {"accuracy", "alarms_per_1000"}


def noisy(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.random(len(LABELS)) + 0.4 * LABELS


def test_the_keys_of_the_report():
    scores = noisy(0)
    full = measure.measure(LABELS, scores, scores > 1)
    assert tuple(full) == measure.SCORE_KEYS + measure.FLAG_KEYS
    named = (
        "auc_roc auc_pr vus_roc vus_pr precision recall f1 accuracy pa_f1 pa_k20_f1 "
        "pa_k_auc event_f1 range_f1 affiliation_precision affiliation_recall delay "
        "alarms_per_1000 oracle_f1"
    )
    assert set(named.split()) <= set(full)
    assert all(type(value) is float for value in full.values())
    assert tuple(measure.measure(LABELS, scores)) == measure.SCORE_KEYS


def test_perfect_scores():
    found = measure.measure(LABELS, LABELS.astype(float), LABELS)
    assert found.pop("delay") == 0 and found.pop("alarms_per_1000") == 0
    assert found.pop("oracle_threshold") == pytest.approx(1)
    # Three events of which two are long: each range is found by one prediction.
    for key, value in found.items():
        assert value == pytest.approx(1, abs=1e-12), key


def test_a_constant_score_gets_chance():
    found = measure.measure(LABELS, np.zeros(120), np.zeros(120), vus_length=0)
    rate = LABELS.mean()
    assert found["auc_roc"] == found["vus_roc"] == 0.5
    assert found["auc_pr"] == pytest.approx(rate)
    assert found["vus_pr"] == pytest.approx(rate)
    assert found["oracle_f1"] == pytest.approx(2 * rate / (1 + rate))
    assert found["precision"] == found["recall"] == found["pa_f1"] == 0
    assert found["alarms_per_1000"] == 0 and math.isnan(found["delay"])


def test_without_an_event_only_accuracy_and_alarms_remain():
    flags = cases.labels_with_events(100, [(5, 8), (50, 51)])
    found = measure.measure(np.zeros(100), np.arange(100), flags)
    defined = {key for key, value in found.items() if not math.isnan(value)}
    assert defined == NORMAL_DEFINED
    assert found["accuracy"] == 0.96 and found["alarms_per_1000"] == 20


def test_with_events_only_ranking_and_alarms_are_undefined():
    found = measure.measure(np.ones(50), np.arange(50), np.ones(50))
    undefined = {key for key, value in found.items() if math.isnan(value)}
    assert undefined == RANKING - {"oracle_f1"} | {"alarms_per_1000"}


@pytest.mark.parametrize("function", [measure.measure, measure.measure_samples])
def test_nan_scores_are_refused_with_their_step(function):
    scores = noisy(0)
    scores[37] = np.nan
    with pytest.raises(ValueError, match="scores must be finite, got nan at step 37"):
        function(LABELS, scores, LABELS)


def test_compat_reaches_the_adjustment():
    flags = cases.labels_with_events(120, [(4, 5), (60, 64), (110, 120)])
    scores = noisy(0)
    plain = measure.measure(LABELS, scores, flags)
    compat = measure.measure(LABELS, scores, flags, compat=True)
    assert plain["pa_f1"] == 1 and compat["pa_f1"] == pytest.approx(46 / 47)


def test_samples_have_no_events():
    scores = noisy(1)
    whole = measure.measure(LABELS, scores, scores > 1)
    found = measure.measure_samples(LABELS, scores, scores > 1)
    assert tuple(found) == measure.SAMPLE_SCORE_KEYS + measure.SAMPLE_FLAG_KEYS
    assert found == {key: whole[key] for key in found}
    ranked = measure.measure_samples(LABELS, scores)
    assert tuple(ranked) == measure.SAMPLE_SCORE_KEYS


def test_macro_leaves_out_what_is_undefined():
    rows = [{"f1": 0.2, "delay": math.nan}, {"f1": 0.4, "delay": 3.0}, {"f1": 0.9}]
    assert measure.macro(rows) == {"f1": pytest.approx(0.5), "delay": 3.0}
    assert math.isnan(measure.macro([{"f1": math.nan}])["f1"])


@hypothesis.given(cases.labels_flags_scores())
def test_monotone_transforms_change_no_rank_metric(case):
    labels, _, scores = case
    plain = measure.measure(labels, scores, vus_length=7)
    for warped in (3 * scores - 100, np.exp(scores), scores**3, -1 / (scores + 50)):
        found = measure.measure(labels, warped, vus_length=7)
        for key in RANKING:
            assert found[key] == plain[key], key
        best = point_adjusted.best_pa_f1(labels, scores).value
        assert point_adjusted.best_pa_f1(labels, warped).value == best


@hypothesis.given(cases.labels_flags_scores(both_classes=False))
def test_every_value_is_in_its_range_or_nan(case):
    labels, flags, scores = case
    found = measure.measure(labels, scores, flags, vus_length=9)
    found.pop("oracle_threshold")
    for key in measure.LOWER_IS_BETTER:
        value = found.pop(key)
        assert math.isnan(value) or value >= 0
    for key, value in found.items():
        assert math.isnan(value) or -1e-12 <= value <= 1 + 1e-12, key
    if labels.any():
        assert found["oracle_f1"] >= 2 * labels.mean() / (1 + labels.mean()) - 1e-12
        assert found["pa_f1"] >= found["pa_k20_f1"] >= found["f1"]
