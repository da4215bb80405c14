from __future__ import annotations

import math

import numpy as np
import pytest

from jaxtsad.evaluation.metrics import compat, event, vus
from tests.evaluation import cases


def test_a_perfect_score_is_not_quite_perfect():
    labels = cases.bits("0001110010")
    assert compat.oracle_f1(labels, labels) == pytest.approx(2 / (2 + 1e-5), abs=1e-12)


def test_the_grid_moves_under_a_monotone_transform():
    generator = np.random.default_rng(0)
    labels = cases.labels_with_events(300, [(50, 70), (200, 205)])
    scores = generator.random(300) + 0.5 * labels
    plain = compat.tsb_ad(labels, scores, length=10)
    warped = compat.tsb_ad(labels, np.exp(20 * scores), length=10)
    assert plain["VUS-PR"] == pytest.approx(warped["VUS-PR"], abs=1e-12)
    assert abs(plain["R-based-F1"] - warped["R-based-F1"]) > 1e-3


def test_an_event_hit_on_the_last_step_only_is_missed():
    labels, flags = cases.bits("0110000011"), cases.bits("0100000001")
    assert event.composite_f1(labels, flags) == 1
    assert compat.event_f1(labels, flags) == pytest.approx(2 / 3)


def test_nothing_flagged():
    labels = cases.bits("0011000")
    found = compat.of_flags(labels, np.zeros(7))
    assert math.isnan(found.pop("Affiliation-F"))
    assert set(found.values()) == {0.0}
    assert compat.range_f1_of_booleans(labels, np.zeros(7)) == 0


def test_soft_labels_of_flags_pile_up():
    labels = cases.labels_with_events(100, [(40, 50)])
    flags = cases.labels_with_events(100, [(37, 45)])
    found = compat.vus_of_flags(labels, flags, length=8)
    # At buffer 2 one neighbor is flagged; at 4 its first ramp is still there.
    once = compat.vus_of_flags(labels, flags, length=0)
    assert once == (0.5, 5 / 8, pytest.approx(2 * 5 / 18))
    assert found.recall > once.recall and found.precision > once.precision
    step, distance = vus.ramp_pairs(labels, np.array([[40, 50]]), 1)
    assert (step.tolist(), distance.tolist()) == ([50, 39], [1, 1])
