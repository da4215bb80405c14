from __future__ import annotations

import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxtsad.datasets import labels as labeling
from jaxtsad.datasets import smap_msl
from jaxtsad.ops import windows

KEPT = """A-7 A-8 A-9 D-1 D-2 D-3 D-4 D-7 D-9 D-12 D-15 D-16 E-1 E-2 E-3 E-4 E-8 E-12
F-2 F-8 M-1 M-2 P-1 P-2 P-3 P-7 T-1 T-2"""


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
        found = labeling.window_labels(steps, starts, length, rule)
        assert found.dtype == np.int8
        assert found.tolist() == wanted


def test_any_and_majority_differ_at_the_border_of_an_event():
    labels = np.zeros(100, np.int8)
    labels[48:70] = 1
    starts = windows.starts_of(100, 10, 5)
    any_step = labeling.window_labels(labels, starts, 10, "any")
    most = labeling.window_labels(labels, starts, 10, "majority")
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
        labeling.window_labels(**{**given, **changes})


def test_no_windows_have_no_labels():
    none = labeling.window_labels(np.zeros(5), np.array([], int), 3)
    assert none.shape == (0,)


def test_a_window_counts_if_one_step_is_anomalous() -> None:
    steps = np.zeros(30, np.int8)
    steps[12] = 1
    # Windows of 10 at stride 5 that hold step 12 begin at 5 and 10.
    assert labeling.with_anomalies({"a": steps}, least=2) == ["a"]
    assert labeling.with_anomalies({"a": steps}, least=3) == []
    assert labeling.with_anomalies({"short": steps[:9]}, least=1) == []


def test_the_28_channels_of_the_public_archive(data_root: pathlib.Path) -> None:
    if not (data_root / "smap_msl").is_dir():
        pytest.skip("the public SMAP/MSL archive is not below JAXTSAD_DATA")
    labels = smap_msl.labels(data_root)
    assert set(labeling.with_anomalies(labels)) == set(KEPT.split())
    assert labeling.with_anomalies(labels, window=200, stride=50) == []
