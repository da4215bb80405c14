"""Thresholds that look at test scores say so, and the papers' POT evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.thresholds import compat, transductive
from tests.evaluation.roles import calibration, unseen

SCORES = np.random.default_rng(0).normal(size=200)


def test_names_say_that_they_are_transductive():
    both = transductive.transductive_quantile(calibration(SCORES), unseen(SCORES), 0.9)
    assert "transductive" in both.kind
    assert both.fitted_on == "fit+test"
    assert not any("transductive" in kind for kind in thresholds.KINDS)


def test_quantile_of_both_parts():
    found = transductive.transductive_quantile(np.arange(6.0), np.arange(6.0, 11), 0.5)
    assert found.value == 5.0


def test_quantile_in_the_precision_of_the_scores():
    single = SCORES.astype(np.float32)
    found = transductive.transductive_quantile(single[:77], single[77:], 0.99)
    assert found.value == float(np.percentile(single, 99.0))
    assert np.float32(found.value) == found.value


@pytest.mark.parametrize("share", [0.0, 1.0, 99.0])
def test_shares_out_of_range(share):
    with pytest.raises(ValueError, match=rf"^q={share} must be in"):
        transductive.transductive_quantile(SCORES, SCORES, share)


def test_static_run_drops_to_the_initial_threshold_for_good():
    scores = np.array([0.0, 1.0, 1.5, 0.0, 9.0])
    found = compat.static_thresholds(scores, initial=1.0, extreme=5.0)
    np.testing.assert_array_equal(found, [5, 5, 1, 1, 1])


def test_pot_eval_by_hand():
    """Two events, the first at index 0, which is never filled in."""
    scores = np.array([0.0, 0, 2, 0, 0, 0, 0, 2, 2, 0])
    labels = np.array([1, 1, 1, 0, 0, 1, 0, 0, 1, 1])
    found = compat.pot_eval(scores, labels, initial=1.0, extreme=1.0)
    np.testing.assert_array_equal(found.flags, [0, 1, 1, 0, 0, 0, 0, 1, 1, 1])
    assert (found.tp, found.fp, found.fn, found.tn) == (4, 1, 2, 3)
    assert found.precision == pytest.approx(4 / 5.00001)
    assert found.recall == pytest.approx(4 / 6.00001)
    assert found.latency == pytest.approx(1 / 2.0001)


def test_pot_eval_needs_labels_of_the_scores():
    with pytest.raises(ValueError, match=r"\(3,\)"):
        compat.pot_eval(SCORES, np.zeros(3), 0.0, 1.0)
