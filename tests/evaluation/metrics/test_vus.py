from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import point, vus
from tests.evaluation import cases


def test_a_worked_case_of_twenty_steps():
    steps = np.arange(20)
    labels = (steps >= 8) & (steps <= 11)
    found = vus.vus(labels, -np.abs(steps - 10.0), length=4)
    assert found.roc == pytest.approx(0.9958976234, abs=1e-10)
    assert found.pr == pytest.approx(0.9738962877, abs=1e-10)
    assert found.roc_per_buffer.shape == found.pr_per_buffer.shape == (5,)


def test_perfect_and_constant_scores():
    labels = cases.labels_with_events(300, [(20, 71)])
    perfect = vus.vus(labels, labels.astype(float))
    assert perfect.roc == pytest.approx(1) and perfect.pr == pytest.approx(1)
    constant = vus.vus(labels, np.zeros(300), length=0)
    assert constant.roc == pytest.approx(0.5) and constant.pr == pytest.approx(0.17)


def test_a_shift_costs_less_with_a_buffer():
    labels = cases.labels_with_events(400, [(100, 120), (300, 320)])
    scores = np.roll(labels, 5).astype(float)
    found = vus.vus(labels, scores, length=40)
    assert found.pr_per_buffer[40] > found.pr_per_buffer[0] + 0.02
    # A ramp is too wide for a buffer of 1, so 0 and 1 are the same.
    assert found.pr_per_buffer[0] == found.pr_per_buffer[1]


def test_without_a_buffer_pr_is_the_average_precision_and_roc_wants_every_event():
    generator = np.random.default_rng(0)
    one = cases.labels_with_events(200, [(30, 40)])
    scores = generator.random(200) + one
    two = cases.labels_with_events(200, [(30, 40), (150, 153)])
    found = vus.vus(two, scores, length=0, thresholds=200)
    assert found.roc < point.auc_roc(two, scores) - 0.01
    whole = vus.vus(one, scores, length=0, thresholds=200)
    assert whole.pr == pytest.approx(point.auc_pr(one, scores), abs=1e-12)
    assert whole.roc == pytest.approx(point.auc_roc(one, scores), abs=1e-12)


def test_one_class_is_nan_and_bad_options_are_refused():
    for labels in (np.zeros(9), np.ones(9)):
        found = vus.vus(labels, np.arange(9), length=3)
        assert math.isnan(found.roc) and math.isnan(found.pr)
        assert found.pr_per_buffer.shape == (4,)
    with pytest.raises(ValueError, match="length=-1 must be at least 0"):
        vus.vus(np.array([0, 1]), np.array([0.0, 1]), length=-1)
    with pytest.raises(ValueError, match="thresholds=1 must be at least 2"):
        vus.vus(np.array([0, 1]), np.array([0.0, 1]), thresholds=1)
    with pytest.raises(ValueError, match="got nan at step 1"):
        vus.vus(np.array([0, 1]), np.array([0.0, np.nan]))


def by_definition(labels, scores, length, thresholds):
    """The areas per buffer from full arrays, one threshold at a time."""
    steps, known = len(labels), labels > 0
    events = segments.segments(labels)
    ranks = np.linspace(0, steps - 1, thresholds).astype(int)
    falling = np.sort(scores)[::-1][ranks]
    rocs, prs = [], []
    for buffer in range(length + 1):
        half = buffer // 2
        soft = known.astype(float)
        extended = np.zeros(steps, bool)
        for start, stop in events:
            extended[max(start - half, 0) : stop + half] = True
            for distance in range(1, half + 1):
                ramp = math.sqrt(1 - distance / buffer)
                for step in (start - distance, stop - 1 + distance):
                    if 0 <= step < steps:
                        soft[step] += ramp
        soft = np.minimum(soft, 1)
        # Extensions that just touch count as one, as overlapping ones do.
        groups = [[events[0]]]
        for event in events[1:]:
            if groups[-1][-1][1] - 1 + half >= event[0] - half:
                groups[-1].append(event)
            else:
                groups.append([event])
        spans = [(max(g[0][0] - half, 0), g[-1][1] + half) for g in groups]
        tprs, fprs, precisions = [0.0], [0.0], []
        for threshold in falling:
            found = scores >= threshold
            masked = np.where(known, 1.0, soft * found)
            tp, labeled = (masked * found).sum(), masked.sum()
            positives = (known.sum() + labeled) / 2
            existence = np.mean([found[a:b].any() for a, b in spans])
            tprs.append(min(tp / positives, 1) * existence)
            fprs.append((found.sum() - tp) / (steps - positives))
            precisions.append(tp / found.sum())
        prs.append(np.sum(np.diff(tprs) * precisions))
        rocs.append(np.trapezoid([*tprs, 1], [*fprs, 1]))
    return np.array(rocs), np.array(prs)


@hypothesis.given(
    cases.labels_flags_scores(), st.integers(0, 14), st.sampled_from([2, 7, 250])
)
def test_the_definition_with_full_arrays(case, length, thresholds):
    labels, _, scores = case
    found = vus.vus(labels, scores, length=length, thresholds=thresholds)
    roc, pr = by_definition(labels, scores, length, thresholds)
    np.testing.assert_allclose(found.roc_per_buffer, roc, atol=1e-12)
    np.testing.assert_allclose(found.pr_per_buffer, pr, atol=1e-12)
