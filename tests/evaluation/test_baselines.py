from __future__ import annotations

import math

import numpy as np
import pytest

from jaxtsad.evaluation import baselines, measure
from jaxtsad.evaluation.metrics import chance
from tests.evaluation import cases

LABELS = cases.labels_with_events(4000, [(300, 600), (2000, 2100), (3000, 3020)])


def test_a_random_row_has_every_metric_and_its_spread():
    row = baselines.random_rows(LABELS, 0.02, vus_length=20)
    assert set(row) == set(measure.SCORE_KEYS + measure.FLAG_KEYS)
    for key, found in row.items():
        assert found.low < found.mean < found.high, key
        assert found.sd > 0, key
    assert row["auc_roc"].expected == 0.5
    assert row["auc_pr"].expected == pytest.approx(0.105)
    # Noise that flags 2 % of the steps: worthless, and it looks excellent.
    assert row["f1"].mean < 0.06
    assert row["pa_f1"].mean > 0.8
    for key, value in chance.expected(LABELS, 0.02).items():
        assert row[key].expected == value
        assert row[key].mean == pytest.approx(value, abs=4 * row[key].sd)
    assert math.isnan(row["vus_pr"].expected)


def test_rows_are_deterministic_in_their_seeds():
    first = baselines.random_measures(LABELS, 0.1, seeds=2, vus_length=4)
    again = baselines.random_measures(LABELS, 0.1, seeds=2, vus_length=4)
    later = baselines.random_measures(LABELS, 0.1, seeds=1, first_seed=1, vus_length=4)
    assert first == again
    assert later == first[1:]
    assert first[0]["auc_roc"] != first[1]["auc_roc"]


def test_the_share_is_what_is_flagged():
    for share in (0.0, 0.3, 1.0):
        row = baselines.random_rows(LABELS, share, seeds=3, samples=True)
        assert row["recall"].mean == pytest.approx(share, abs=0.05)
        assert set(row) == set(measure.SAMPLE_SCORE_KEYS + measure.SAMPLE_FLAG_KEYS)


def test_all_positive_is_the_floor_of_the_oracle():
    found = baselines.all_positive(LABELS)
    rate = LABELS.mean()
    assert found["f1"] == pytest.approx(2 * rate / (1 + rate))
    assert found["oracle_f1"] == found["f1"] == found["pa_f1"]
    assert found["recall"] == found["affiliation_recall"] == 1
    assert found["event_f1"] == pytest.approx(2 * rate / (1 + rate))
    assert found["delay"] == 0 and found["auc_roc"] == 0.5
    samples = baselines.all_positive(LABELS, samples=True)
    assert samples == {key: found[key] for key in samples}


def test_one_class_stays_undefined():
    row = baselines.random_rows(np.zeros(100), 0.1, seeds=2)
    assert math.isnan(row["pa_f1"].mean) and math.isnan(row["pa_f1"].expected)
    assert math.isnan(baselines.all_positive(np.zeros(100))["f1"])


def test_bad_shares_and_seeds_are_refused():
    with pytest.raises(ValueError, match=r"share=-0.1 must be in \[0, 1\]"):
        baselines.random_rows(LABELS, -0.1)
    with pytest.raises(ValueError, match="seeds=0 must be at least 1"):
        baselines.random_rows(LABELS, 0.1, seeds=0)
