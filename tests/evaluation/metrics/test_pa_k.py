from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest

from jaxtsad.evaluation.metrics import pa_k, point, point_adjusted
from tests.evaluation import cases

LABELS = cases.bits("0111100110")
SCORES = np.array([0.1, 0.9, 0.2, 0.1, 0.1, 0.1, 0.1, 0.8, 0.7, 0.1])
FLAGS = SCORES > 0.5


@pytest.mark.parametrize(
    ("k", "expected"),
    [(0, "0111100110"), (20, "0111100110")]
    + [(k, "0100000110") for k in (25, 30, 50, 100)],
)
def test_the_share_must_be_above_k(k, expected):
    adjusted = pa_k.adjust_k(FLAGS, LABELS, k)
    np.testing.assert_array_equal(adjusted, cases.bits(expected))


def test_the_area_is_over_k_as_a_share():
    # F1 is 1 up to K = 20 and 2 * 3 / (3 + 6) from K = 30 on.
    curve = pa_k.pa_k_curve(LABELS, FLAGS)
    np.testing.assert_allclose(curve, [1] * 3 + [2 / 3] * 8)
    assert pa_k.pa_k_auc(LABELS, FLAGS) == pytest.approx(0.25 + 0.75 * 2 / 3)


def test_bad_levels_are_refused_and_no_events_are_nan():
    with pytest.raises(ValueError, match=r"\[0, 100\] percent, got \[120\]"):
        pa_k.adjust_k(FLAGS, LABELS, 120)
    assert math.isnan(pa_k.pa_k_auc(np.zeros(4), np.ones(4)))


@hypothesis.given(cases.labels_flags_scores())
def test_it_runs_from_point_adjustment_down_to_the_raw_flags(case):
    labels, flags, _ = case
    curve = pa_k.pa_k_curve(labels, flags)
    assert curve[0] == pytest.approx(point_adjusted.pa_f1(labels, flags), abs=1e-12)
    assert curve[-1] == pytest.approx(point.f1(labels, flags), abs=1e-12)
    assert (np.diff(curve) <= 1e-12).all()
    for k, value in zip(pa_k.LEVELS, curve, strict=True):
        adjusted = pa_k.adjust_k(flags, labels, k)
        assert value == pytest.approx(point.f1(labels, adjusted), abs=1e-12)
        once_more = pa_k.adjust_k(adjusted, labels, k)
        np.testing.assert_array_equal(adjusted, once_more)
