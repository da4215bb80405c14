from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import range_based
from tests.evaluation import cases

REAL, FOUND = cases.bits("001111000110"), cases.bits("011010000011")
WEIGHTS = {
    "flat": lambda i, n: 1,
    "front": lambda i, n: n - i + 1,
    "back": lambda i, n: i,
    "middle": lambda i, n: min(i, n - i + 1),
}


@pytest.mark.parametrize(
    ("alpha", "cardinality", "bias", "expected"),
    [
        (0, "one", "flat", 0.5),
        (0, "reciprocal", "flat", 0.375),
        (0, "reciprocal", "front", 0.316667),
        (0, "reciprocal", "back", 0.433333),
        (0, "one", "front", 0.466667),
        (0, "one", "back", 0.533333),
        (0.5, "one", "flat", 0.75),
        (0.5, "reciprocal", "flat", 0.6875),
    ],
)
def test_recall_of_a_worked_case(alpha, cardinality, bias, expected):
    found = range_based.range_recall(
        REAL, FOUND, alpha=alpha, cardinality=cardinality, bias=bias
    )
    assert found == pytest.approx(expected, abs=5e-7)


def test_precision_of_a_worked_case():
    found = range_based.range_precision(REAL, FOUND)
    assert found == pytest.approx(0.666667, abs=5e-7)


def test_a_perfect_prediction_and_none():
    assert range_based.range_f1(REAL, REAL) == 1
    assert range_based.range_precision(REAL, np.zeros(12)) == 0
    assert range_based.range_f1(REAL, np.zeros(12)) == 0
    assert math.isnan(range_based.range_f1(np.zeros(12), FOUND))


def test_unknown_options_name_the_choices():
    with pytest.raises(
        ValueError, match="bias='up' is unknown; the choices are flat, front, back"
    ):
        range_based.range_recall(REAL, FOUND, bias="up")
    with pytest.raises(
        ValueError, match="cardinality='two' is unknown; the choices are one, rec"
    ):
        range_based.range_recall(REAL, FOUND, cardinality="two")
    with pytest.raises(ValueError, match=r"alpha=2 must be in \[0, 1\]"):
        range_based.range_recall(REAL, FOUND, alpha=2)


def by_definition(labels, flags, alpha, bias, cardinality):
    """The published definition, position by position."""
    rewards = []
    for start, stop in segments.segments(labels):
        n = stop - start
        weight = [WEIGHTS[bias](i, n) for i in range(1, n + 1)]
        shared, reward = 0, 0.0
        for first, last in segments.segments(flags):
            common = set(range(first, last)) & set(range(start, stop))
            shared += bool(common)
            reward += sum(weight[step - start] for step in common) / sum(weight)
        factor = 1 / shared if cardinality == "reciprocal" and shared > 1 else 1
        rewards.append(alpha * (shared > 0) + (1 - alpha) * factor * reward)
    return np.mean(rewards) if rewards else 0.0


@hypothesis.given(
    cases.labels_flags_scores(),
    st.sampled_from(list(WEIGHTS)),
    st.sampled_from(range_based.CARDINALITIES),
)
def test_the_definition_position_by_position(case, bias, cardinality):
    labels, flags, _ = case
    options = {"bias": bias, "cardinality": cardinality}
    assert range_based.range_recall(labels, flags, alpha=0.2, **options) == (
        pytest.approx(by_definition(labels, flags, 0.2, bias, cardinality), abs=1e-12)
    )
    assert range_based.range_precision(labels, flags, **options) == (
        pytest.approx(by_definition(flags, labels, 0.0, bias, cardinality), abs=1e-12)
    )


def test_agreement_with_prts():
    prts = pytest.importorskip("prts")
    generator = np.random.default_rng(0)
    for _ in range(50):
        labels = (generator.random(60) < 0.4).astype(int)
        flags = (generator.random(60) < 0.4).astype(int)
        for alpha in (0.0, 0.2):
            theirs = prts.ts_recall(
                labels, flags, alpha=alpha, cardinality="reciprocal", bias="flat"
            )
            ours = range_based.range_recall(labels, flags, alpha=alpha)
            assert ours == pytest.approx(theirs, abs=1e-9)
