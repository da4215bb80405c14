"""Scores of several channels made one."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from jaxtsad import types
from jaxtsad.evaluation import channels
from tests.evaluation.roles import calibration, unseen

SCORES = np.random.default_rng(0).gamma(2, size=60)


def test_combinations_by_hand():
    parts = [unseen(np.array([0.0, 2.0])), unseen(np.array([30.0, 10.0]))]
    before = [calibration(np.arange(4.0)), calibration(np.array([5.0, 15, 25, 35]))]
    for how, expected in {
        "mean": [15.0, 6.0],
        "max": [30.0, 10.0],
        "rank": [(0.25 + 0.75) / 2, (0.75 + 0.25) / 2],
    }.items():
        found = channels.combine(parts, how, before)
        assert found.role == types.Role.TEST
        np.testing.assert_allclose(found.values, expected, err_msg=how)


@hypothesis.given(strategies.floats(0.01, 100), strategies.floats(-10, 10))
def test_ranks_do_not_mind_the_scale(scale, shift):
    before, after = calibration(SCORES), calibration(scale * SCORES + shift)
    # Half way between calibration scores no rounding can swap the order.
    ordered = np.sort(SCORES)
    tested = (ordered[:-1] + ordered[1:]) / 2
    hypothesis.assume(np.diff(ordered).min() * scale > 1e-9)
    np.testing.assert_array_equal(
        channels.ranks(tested, before), channels.ranks(scale * tested + shift, after)
    )


@pytest.mark.parametrize(
    ("parts", "how", "before", "message"),
    [
        ([unseen(SCORES)], "median", None, r"how='median'.*rank"),
        ([unseen(SCORES), calibration(SCORES)], "mean", None, "length and role"),
        ([unseen(SCORES), unseen(SCORES[1:])], "mean", None, "length and role"),
        ([], "mean", None, "0 channels"),
        ([unseen(SCORES)], "rank", None, "needs calibration scores"),
        ([unseen(SCORES)], "rank", [unseen(SCORES)], "role fit or validation"),
    ],
)
def test_bad_combinations(parts, how, before, message):
    with pytest.raises(ValueError, match=message):
        channels.combine(parts, how, before)
