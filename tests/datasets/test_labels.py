from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxtsad.datasets import labels as labelling
from jaxtsad.ops import windows


def test_starts_cover_every_step():
    assert len(windows.starts_of(100, 10, 5)) == 19
    starts = windows.starts_of(103, 10, 5)
    assert starts[-1] == 93
    covered = np.zeros(103, int)
    for start in starts:
        covered[start : start + 10] += 1
    assert covered.min() >= 1


@given(
    labels=st.lists(st.integers(0, 1), min_size=6, max_size=40),
    length=st.integers(1, 6),
    stride=st.integers(1, 4),
)
def test_rules_match_their_definition(labels, length, stride):
    steps = np.array(labels, np.int8)
    starts = windows.starts_of(len(steps), length, stride)
    cut = [steps[start : start + length] for start in starts]
    expected = {
        "any": [int(window.max()) for window in cut],
        "majority": [int(2 * window.sum() > length) for window in cut],
        "last": [int(window[-1]) for window in cut],
    }
    for rule, wanted in expected.items():
        found = labelling.window_labels(steps, starts, length, rule)
        assert found.dtype == np.int8
        assert found.tolist() == wanted


def test_any_and_majority_differ_at_the_border_of_an_event():
    labels = np.zeros(100, np.int8)
    labels[48:70] = 1
    starts = windows.starts_of(100, 10, 5)
    any_step = labelling.window_labels(labels, starts, 10, "any")
    most = labelling.window_labels(labels, starts, 10, "majority")
    assert starts[any_step == 1].tolist() == [40, 45, 50, 55, 60, 65]
    assert starts[most == 1].tolist() == [45, 50, 55, 60]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rule": "most"}, "any, majority, last"),
        ({"length": 0}, "at least 1"),
        ({"starts": np.array([95])}, "outside a series of 100 steps"),
        ({"starts": np.array([-1])}, "outside a series of 100 steps"),
        ({"labels": np.zeros((100, 2))}, "one label per step"),
    ],
)
def test_bad_input_is_refused(changes, message):
    given = {"labels": np.zeros(100), "starts": np.array([0]), "length": 10}
    with pytest.raises(ValueError, match=message):
        labelling.window_labels(**{**given, **changes})


def test_no_windows_have_no_labels():
    none = labelling.window_labels(np.zeros(5), np.array([], int), 3)
    assert none.shape == (0,)
