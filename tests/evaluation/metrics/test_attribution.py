"""HitRate and NDCG of channels: by hand, with ties, and what must not matter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxtsad.evaluation.metrics import attribution


def test_hit_rate_by_hand() -> None:
    values = np.array([0.1, 0.9, 0.5, 0.3, 0.0])
    assert attribution.hit_rate(values, [1, 2]) == 1.0
    assert attribution.hit_rate(values, [1, 3]) == 0.5
    assert attribution.hit_rate(values, [1, 3], percent=150) == 1.0
    assert attribution.hit_rate(values, [4]) == 0.0
    # One and a half of one channel is one.
    assert attribution.hit_rate(values, [2], percent=150) == 0.0


def test_ndcg_by_hand() -> None:
    values = np.array([0.1, 0.9, 0.5])
    assert attribution.ndcg(values, [1]) == 1.0
    assert attribution.ndcg(values, [0]) == pytest.approx(0.5)
    expected = (1 + 1 / 2) / (1 + 1 / np.log2(3))
    assert attribution.ndcg(values, [0, 1]) == pytest.approx(expected)


def test_ties_count_as_the_mean_over_their_orders() -> None:
    values = np.array([1.0, 1.0, 1.0, 0.0])
    orders = [np.array([*order, -1.0]) for order in itertools.permutations([1, 2, 3])]
    for metric in (attribution.hit_rate, attribution.ndcg):
        mean = np.mean([metric(order, [0, 3]) for order in orders])
        assert metric(values, [0, 3]) == pytest.approx(mean)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=8), st.data())
def test_the_order_of_channels_does_not_matter(values: list[int], data: st.DataObject):
    places = st.sampled_from(range(len(values)))
    responsible = data.draw(st.sets(places, min_size=1))
    order = np.array(data.draw(st.permutations(range(len(values)))))
    given_ = np.array(values, float)
    where = [int(np.flatnonzero(order == place)[0]) for place in responsible]
    for metric in (attribution.hit_rate, attribution.ndcg):
        one, other = metric(given_, responsible), metric(given_[order], where)
        assert one == pytest.approx(other) and 0 <= one <= 1 + 1e-12


@pytest.mark.parametrize("responsible", [[], [3], [-1]])
def test_bad_channels_are_one_line(responsible: list[int]) -> None:
    with pytest.raises(ValueError, match="must be places among 3"):
        attribution.ndcg(np.arange(3.0), responsible)
    with pytest.raises(ValueError, match="all finite"):
        attribution.ndcg(np.array([np.nan, 1.0]), [0])
    with pytest.raises(ValueError, match="percent=0 must be at least 1"):
        attribution.hit_rate(np.arange(3.0), [0], percent=0)
