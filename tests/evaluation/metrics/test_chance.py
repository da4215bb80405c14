from __future__ import annotations

import math

import numpy as np
import pytest

from jaxtsad.evaluation import measure
from jaxtsad.evaluation.metrics import chance, event, pa_k, point_adjusted
from tests.evaluation import cases


@pytest.mark.parametrize(("events", "expected"), [(1, 0.956916), (10, 0.735475)])
def test_the_expected_adjusted_f1_of_long_events(events, expected):
    length = 1000 // events
    starts = np.arange(events) * 900 + 300
    labels = cases.labels_with_events(10_000, [(a, a + length) for a in starts])
    found = chance.expected_pa(labels, 0.01)
    assert found.f1 == pytest.approx(expected, abs=5e-7)
    generator = np.random.default_rng(0)
    simulated = [
        point_adjusted.pa_f1(labels, generator.random(10_000) < 0.01) for _ in range(40)
    ]
    assert np.mean(simulated) == pytest.approx(expected, abs=0.02)


def test_no_share_beats_the_best_one():
    labels = cases.labels_with_events(5000, [(100, 400), (2000, 2050), (4000, 4005)])
    best = chance.best_expected_pa(labels)
    assert 0 < best.share < 0.1
    for share in np.geomspace(1e-5, 1, 50):
        assert chance.expected_pa(labels, share).f1 <= best.f1 + 1e-12
    assert chance.expected_pa(labels, best.share) == best


def test_simulation_gives_the_expectations():
    labels = cases.labels_with_events(1500, [(0, 40), (500, 510), (700, 900)])
    share, repeats = 0.05, 100
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(repeats):
        scores = generator.random(len(labels))
        rows.append(measure.measure(labels, scores, scores > 1 - share, vus_length=0))
    expected = chance.expected(labels, share)
    assert set(expected) <= set(rows[0])
    for key, value in expected.items():
        found = np.array([row[key] for row in rows])
        error = found.std() / math.sqrt(repeats)
        # Expectations of ratios are not ratios of expectations: 2 % is the allowance.
        assert abs(found.mean() - value) < 4 * error + 0.02 * value, key


def test_counts_of_hits_and_false_alarms_are_exact_expectations():
    labels = cases.bits("0001100110111110011100000")
    share, repeats = 0.3, 2000
    chances = np.random.default_rng(0).random((repeats, len(labels))) < share
    tp = [(pa_k.adjust_k(flags, labels, 40) & (labels > 0)).sum() for flags in chances]
    f1 = chance.expected_pa_k_curve(labels, share, [40])[0]
    rest = share * (labels == 0).sum() + labels.sum()
    # F1 = 2 TP / (TP + rest), solved for TP.
    hits = f1 * rest / (2 - f1)
    assert abs(np.mean(tp) - hits) < 4 * np.std(tp) / math.sqrt(repeats)
    alarms = [event.alarms_per_1000(labels, flags) for flags in chances]
    expected = chance.expected(labels, share)["alarms_per_1000"]
    assert abs(np.mean(alarms) - expected) < 4 * np.std(alarms) / math.sqrt(repeats)


def test_k_zero_is_point_adjustment():
    labels = cases.labels_with_events(300, [(10, 40), (100, 103)])
    curve = chance.expected_pa_k_curve(labels, 0.02)
    assert curve[0] == pytest.approx(chance.expected_pa(labels, 0.02).f1, abs=1e-12)
    assert (np.diff(curve) <= 1e-12).all()


def test_the_best_of_random_scores_is_above_the_best_expectation():
    labels = cases.labels_with_events(10_000, [(2000, 3000), (6000, 6040)])
    scores = np.random.default_rng(0).random(10_000)
    best = point_adjusted.best_pa_f1(labels, scores).value
    assert chance.best_expected_pa(labels).f1 < best < 1


def test_one_class_and_bad_shares():
    for labels in (np.zeros(5), np.ones(5)):
        assert all(math.isnan(value) for value in chance.expected(labels, 0.1).values())
    assert math.isnan(chance.best_expected_pa(np.zeros(5)).f1)
    with pytest.raises(ValueError, match=r"share=1.5 must be in \[0, 1\]"):
        chance.expected_pa(np.ones(5), 1.5)
