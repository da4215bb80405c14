from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest

from jaxtsad.evaluation.metrics import event
from tests.evaluation import cases


def test_an_event_counts_once_however_often_it_is_hit():
    labels, flags = cases.bits("0111110000"), cases.bits("0101010010")
    assert event.overlap_counts(labels, flags) == (1, 1, 0)


def test_one_alarm_over_two_events_detects_both_unless_compat():
    labels, flags = cases.bits("0110110010"), cases.bits("0011100000")
    assert event.overlap_counts(labels, flags) == (2, 0, 1)
    assert event.overlap_counts(labels, flags, compat=True) == (1, 0, 2)


def test_two_alarms_on_one_event_and_one_on_the_next_under_compat():
    labels, flags = cases.bits("0111001110"), cases.bits("0101111100")
    assert event.overlap_counts(labels, flags, compat=True) == (1, 0, 1)
    assert event.overlap_counts(labels, flags) == (2, 0, 0)


def test_composite_f1_is_not_won_by_flagging_everything():
    labels = cases.labels_with_events(100, [(10, 15), (50, 55)])
    assert event.event_recall(labels, np.ones(100)) == 1
    assert event.composite_f1(labels, np.ones(100)) == pytest.approx(0.2 / 1.1)
    assert event.composite_f1(labels, labels) == 1
    assert event.composite_f1(labels, np.zeros(100)) == 0


def test_delay_is_counted_from_the_start_of_detected_events():
    labels = cases.bits("0111100111000110")
    assert event.delay(labels, labels) == 0
    assert event.delay(labels, cases.bits("1001100001000000")) == 2
    assert math.isnan(event.delay(labels, cases.bits("1000000000000001")))


def test_alarms_are_counted_as_events_per_normal_step():
    labels, flags = cases.bits("0011000000"), cases.bits("0111001101")
    assert event.alarms_per_1000(labels, flags) == pytest.approx(1000 * 2 / 8)
    assert math.isnan(event.alarms_per_1000(np.ones(3), np.ones(3)))


def test_without_events_there_is_no_number():
    for metric in (event.composite_f1, event.event_recall):
        assert math.isnan(metric(np.zeros(4), np.ones(4)))


@hypothesis.given(cases.labels_flags_scores())
def test_bounds_and_an_event_by_event_count(case):
    labels, flags, _ = case
    assert 0 <= event.composite_f1(labels, flags) <= 1
    pieces = np.flatnonzero(np.diff(labels)) + 1
    detected = 0
    for part in np.split(np.arange(len(labels)), pieces):
        detected += bool(labels[part[0]] and flags[part].any())
    assert event.overlap_counts(labels, flags).tp == detected
