"""NAB's score by hand, by its published scorer's formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jaxtsad.evaluation.metrics import nab


def sigmoid(position: float) -> float:
    """As published: 2 / (1 + e^(5 y)) - 1."""
    return 2 / (1 + math.exp(5 * position)) - 1


def at(steps: int, *ones: int) -> np.ndarray:
    made = np.zeros(steps, np.int8)
    made[list(ones)] = 1
    return made


LABELS = at(100, *range(20, 30), *range(60, 70))


@pytest.mark.parametrize(
    ("told", "raw"),
    [
        ((), -2.0),
        ((20, 60), 2.0),
        # The published scorer puts step i of a window that ends at r (inclusive) and
        # is w wide at -(r - i + 1) / w.
        ((25,), sigmoid(-0.5) / sigmoid(-1.0) - 1),
        ((29,), sigmoid(-0.1) / sigmoid(-1.0) - 1),
        # The first detection of a window counts, the others are nothing.
        ((20, 25, 29, 60), 2.0),
        # Before the first window a false positive costs all it can.
        ((5, 20, 60), 2.0 - 0.11),
        # Behind a window by its last step r and width less one: |r - i| / (w - 1).
        ((20, 31, 60), 2.0 + 0.11 * sigmoid(2 / 9)),
        ((20, 60, 99), 2.0 - 0.11),
    ],
)
def test_by_hand(told, raw):
    made = nab.nab_score(LABELS, at(100, *told))
    assert made.raw == pytest.approx(raw, rel=1e-12)
    assert made.score == pytest.approx(100 * (raw + 2) / 4, rel=1e-12)


def test_profiles_weigh_what_they_are_called_by():
    told = at(100, 5, 20)
    by = {p: nab.nab_score(LABELS, told, p) for p in nab.PROFILES}
    assert by["standard"].raw == pytest.approx(1 - 0.11 - 1)
    assert by["low_false_positives"].raw == pytest.approx(1 - 0.22 - 1)
    assert by["low_false_negatives"].raw == pytest.approx(1 - 0.11 - 2)
    assert by["low_false_negatives"].score == pytest.approx(100 * (-1.11 + 4) / 6)
    assert {(s.windows, s.detected, s.false_positives) for s in by.values()} == {
        (2, 1, 1)
    }


def test_earlier_is_never_worse():
    scores = [nab.nab_score(LABELS, at(100, step)).score for step in range(20, 30)]
    assert scores == sorted(scores, reverse=True)


def test_without_labels_there_is_no_score():
    assert math.isnan(nab.nab_score(at(9), at(9, 3)).score)
    with pytest.raises(ValueError, match="profile='other' is unknown"):
        nab.nab_score(LABELS, LABELS, "other")
