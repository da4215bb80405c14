from __future__ import annotations

import itertools

import hypothesis
import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np

from jaxtsad.datasets.reading import spans

pairs = st.tuples(st.integers(0, 20), st.integers(1, 9), st.sampled_from(["a", "b"]))
bits = st.integers(0, 1)
some_spans = st.lists(pairs.map(lambda p: (p[0], p[0] + p[1], p[2])), max_size=6)


@hypothesis.given(
    arrays.arrays(np.int8, st.integers(0, 30), elements=st.integers(0, 1))
)
def test_runs_and_mark_are_inverse(labels: np.ndarray) -> None:
    np.testing.assert_array_equal(spans.mark(spans.runs(labels), len(labels)), labels)


@hypothesis.given(some_spans)
def test_merging_keeps_the_marked_steps_and_is_sorted(given: list[spans.Span]) -> None:
    merged = spans.merged(given)
    np.testing.assert_array_equal(spans.mark(merged, 40), spans.mark(given, 40))
    for (_, stop, _), (start, _, _) in itertools.pairwise(merged):
        assert stop <= start


def test_kinds_of_overlapping_spans() -> None:
    assert spans.merged([(0, 4, "point"), (2, 6, "point")]) == ((0, 6, "point"),)
    assert spans.merged([(0, 4, "point"), (2, 3, "contextual")]) == ((0, 4, "mixed"),)
    touching = ((0, 4, "point"), (4, 6, "contextual"))
    assert spans.merged(touching[::-1]) == touching
    assert spans.merged([]) == ()
