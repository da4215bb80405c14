from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest

from jaxtsad.evaluation.metrics import point, point_adjusted
from tests.evaluation import cases


def test_a_hit_fills_its_event_only():
    labels, flags = cases.bits("0111100110"), cases.bits("0100000110")
    adjusted = point_adjusted.adjust(flags, labels)
    np.testing.assert_array_equal(adjusted, cases.bits("0111100110"))
    assert point_adjusted.pa_f1(labels, flags) == 1


def test_false_alarms_stay_and_the_input_is_left_alone():
    labels, flags = cases.bits("0110000011"), cases.bits("1010100000")
    kept = flags.copy()
    adjusted = point_adjusted.adjust(flags, labels)
    np.testing.assert_array_equal(adjusted, cases.bits("1110100000"))
    np.testing.assert_array_equal(flags, kept)


def test_an_event_at_index_zero_is_filled_unless_compat():
    labels, flags = cases.bits("1110"), cases.bits("0010")
    np.testing.assert_array_equal(
        point_adjusted.adjust(flags, labels), cases.bits("1110")
    )
    np.testing.assert_array_equal(
        point_adjusted.adjust(flags, labels, compat=True), cases.bits("0110")
    )


def test_without_events_there_is_no_number():
    assert math.isnan(point_adjusted.pa_f1(np.zeros(4), np.ones(4)))
    assert math.isnan(point_adjusted.best_pa_f1(np.zeros(4), np.arange(4)).value)


@hypothesis.given(cases.labels_flags_scores(both_classes=False))
def test_adjusting_twice_is_adjusting_once_and_never_loses_recall(case):
    labels, flags, _ = case
    for compat in (False, True):
        once = point_adjusted.adjust(flags, labels, compat=compat)
        twice = point_adjusted.adjust(once, labels, compat=compat)
        np.testing.assert_array_equal(once, twice)
        if labels.any():
            assert point.recall(labels, once) >= point.recall(labels, flags)


@hypothesis.given(cases.labels_flags_scores())
def test_the_best_is_the_best_of_all_thresholds(case):
    labels, _, scores = case
    thresholds = np.append(np.unique(scores), scores.min() - 1)
    every = [point_adjusted.pa_f1(labels, scores > value) for value in thresholds]
    best = point_adjusted.best_pa_f1(labels, scores)
    assert best.value == pytest.approx(max(every), abs=1e-12)
    attained = point_adjusted.pa_f1(labels, scores > best.threshold)
    assert attained == pytest.approx(best.value, abs=1e-12)
