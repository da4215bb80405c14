from __future__ import annotations

import itertools
import math

import hypothesis
import numpy as np
import pytest

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import affiliation
from tests.evaluation import cases


def test_a_worked_case_of_ten_steps():
    found = affiliation.affiliation(cases.bits("0001000111"), cases.bits("0000100010"))
    np.testing.assert_allclose(found.precision_per_event, [7 / 11, 1], atol=1e-12)
    np.testing.assert_allclose(found.recall_per_event, [0.818182, 0.870370], atol=1e-6)
    assert found.precision == pytest.approx(0.818182, abs=1e-6)
    assert found.recall == pytest.approx(0.844276, abs=1e-6)


def test_a_zone_without_a_prediction_counts_for_recall_only():
    labels = cases.labels_with_events(1000, [(100, 150), (700, 720)])
    found = affiliation.affiliation(
        labels, cases.labels_with_events(1000, [(160, 165)])
    )
    assert found.precision == pytest.approx(0.823529, abs=1e-6)
    assert found.recall == pytest.approx(0.417647, abs=1e-6)
    np.testing.assert_allclose(found.recall_per_event, [0.835294, 0], atol=1e-6)
    assert math.isnan(found.precision_per_event[1])


def test_perfect_everything_and_nothing():
    labels = cases.labels_with_events(1000, [(400, 450)])
    assert affiliation.affiliation(labels, labels)[:3] == (1, 1, 1)
    everything = affiliation.affiliation(labels, np.ones(1000))
    assert everything.recall == 1
    assert everything.precision == pytest.approx(0.50125, abs=1e-9)
    nothing = affiliation.affiliation(labels, np.zeros(1000))
    assert nothing[:4] == (0, 0, 0, False)
    assert math.isnan(affiliation.affiliation(np.zeros(9), np.ones(9)).f1)


def test_sparse_noise_has_precision_near_one_half_and_recall_near_one():
    labels = cases.labels_with_events(1000, [(200, 250), (700, 720)])
    generator = np.random.default_rng(0)
    rows = [
        affiliation.affiliation(labels, generator.random(1000) < 0.05)[:2]
        for _ in range(200)
    ]
    precision, recall = np.mean(rows, axis=0)
    assert precision == pytest.approx(0.50, abs=0.01)
    assert recall == pytest.approx(0.963, abs=0.01)


def by_sampling(labels, flags, parts):
    """The definition at midpoints of `parts` sub-steps, zone by zone."""
    events = segments.segments(labels)
    middles = [(a[1] + b[0]) / 2 for a, b in itertools.pairwise(events)]
    borders = [0.0, *middles, float(len(labels))]
    grid = (np.arange(len(labels) * parts) + 0.5) / parts
    precisions, recalls = [], []
    for (a, b), low, high in zip(events, borders[:-1], borders[1:], strict=True):
        size = high - low
        cut = np.clip(segments.segments(flags), low, high)
        cut = cut[cut[:, 1] > cut[:, 0]]
        if len(cut) == 0:
            precisions.append(math.nan)
            recalls.append(0.0)
            continue
        inside = (grid[None, :] > cut[:, :1]) & (grid[None, :] < cut[:, 1:])
        x = grid[inside.any(axis=0)]
        d = np.maximum(np.maximum(a - x, x - b), 0)
        nearer = (b - a) + np.minimum(d, a - low) + np.minimum(d, high - b)
        precisions.append(np.mean(np.where(d == 0, 1, 1 - nearer / size)))
        y = grid[(grid > a) & (grid < b)]
        gaps = np.maximum(cut[:, :1] - y[None, :], y[None, :] - cut[:, 1:])
        d = np.maximum(gaps, 0).min(axis=0)
        nearer = np.minimum(d, y - low) + np.minimum(d, high - y)
        recalls.append(np.mean(np.where(d == 0, 1, 1 - nearer / size)))
    return np.array(precisions), np.array(recalls)


@hypothesis.given(cases.labels_flags_scores())
def test_exact_integrals_are_the_limit_of_sampling(case):
    labels, flags, _ = case
    found = affiliation.affiliation(labels, flags)
    precision, recall = by_sampling(labels, flags, parts=64)
    np.testing.assert_allclose(found.precision_per_event, precision, atol=4e-3)
    np.testing.assert_allclose(found.recall_per_event, recall, atol=4e-3)


def test_agreement_with_the_authors_package():
    metrics = pytest.importorskip("affiliation.metrics")
    generator = np.random.default_rng(0)
    for _ in range(50):
        labels = generator.random(80) < 0.3
        flags = generator.random(80) < 0.3
        theirs = metrics.pr_from_events(
            [tuple(pair) for pair in segments.segments(flags).tolist()],
            [tuple(pair) for pair in segments.segments(labels).tolist()],
            Trange=(0, 80),
        )
        ours = affiliation.affiliation(labels, flags)
        assert ours.precision == pytest.approx(theirs["precision"], abs=1e-9)
        assert ours.recall == pytest.approx(theirs["recall"], abs=1e-9)
