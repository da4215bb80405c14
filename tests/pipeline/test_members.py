"""Members: a seed is a key, the same in whatever company."""

from __future__ import annotations

import chex
import jax
import numpy as np
import pytest

from jaxtsad.pipeline import fitting
from jaxtsad.pipeline.members import (
    MOST_SEED,
    PER_MEMBER,
    STACKED,
    Member,
    joined,
    keys_of,
    seed_of,
    subset,
)
from jaxtsad.pipeline.setup import Setup
from tests.detectors.test_contract import sines


def data(*seeds: int) -> list[list[int]]:
    keys = keys_of([Member(None, seed) for seed in seeds])
    return jax.random.key_data(keys).tolist()


def test_small_seeds_are_jax_s_own_keys() -> None:
    seeds = (0, 7, 2**31 - 1)
    assert data(*seeds) == [
        jax.random.key_data(jax.random.key(seed)).tolist() for seed in seeds
    ]


def test_every_bit_of_a_seed_counts_and_company_does_not() -> None:
    seeds = (5, 2**31, 2**32 - 1, 2**32, 2**32 + 5, 2**62 + 5, MOST_SEED)
    together = data(*seeds)
    assert together == [key for seed in seeds for key in data(seed)]
    assert len({tuple(key) for key in together}) == len(seeds)


@pytest.mark.parametrize(
    "bad",
    [-1, MOST_SEED + 1, 10**5000, 1.0, True, None],
    ids=lambda bad: type(bad).__name__,
)
def test_what_is_no_seed_is_refused_in_one_line(bad: object) -> None:
    with pytest.raises(ValueError, match=r"seed=.* from 0 to 2\*\*63 - 1") as error:
        seed_of(bad)
    assert len(str(error.value)) < 120


def test_numpy_s_whole_numbers_are_seeds() -> None:
    for seed in (np.int8(3), np.uint64(2**63 - 1)):
        assert type(seed_of(seed)) is int and seed_of(seed) == int(seed)


def test_what_was_parted_is_joined_again() -> None:
    data = [(f"e{seed}", sines(160 + 20 * seed, 2, seed)) for seed in range(4)]
    whole = fitting.fit(Setup("pca", window=8, head="smooth"), data, seeds=(0, 1))
    parts = [subset(whole, index) for index in ([0, 1], [2, 3, 4], [5, 6, 7])]
    again = joined(parts)
    for name in PER_MEMBER:
        each = zip(getattr(again, name), getattr(whole, name), strict=True)
        assert all(one is other for one, other in each), name
    for name in STACKED:
        chex.assert_trees_all_equal(getattr(again, name), getattr(whole, name))
    assert again.screened == whole.screened
