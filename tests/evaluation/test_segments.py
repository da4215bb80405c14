from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxtsad.evaluation import segments


def test_runs_at_both_ends_and_of_one_step():
    found = segments.segments(np.array([1, 1, 0, 1, 0, 0, 1]))
    assert found.tolist() == [[0, 2], [3, 4], [6, 7]]


def test_nothing_everything_and_an_empty_series():
    assert segments.segments(np.zeros(5)).shape == (0, 2)
    assert segments.segments(np.ones(5, bool)).tolist() == [[0, 5]]
    assert segments.segments(np.zeros(0)).shape == (0, 2)


def test_two_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"flags.shape=\(2, 3\)"):
        segments.segments(np.zeros((2, 3)))


@hypothesis.given(st.lists(st.booleans(), max_size=40))
def test_flags_of_inverts_segments(flags):
    flags = np.array(flags, bool)
    found = segments.segments(flags)
    assert (found[1:, 0] > found[:-1, 1]).all()
    np.testing.assert_array_equal(segments.flags_of(found, len(flags)), flags)
