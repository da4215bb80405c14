"""Folding: identities of the specification, and every step at its own index."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxtsad.ops import aggregate, windows


def folded(values: np.ndarray, length: int, stride: int, how: str) -> np.ndarray:
    """Cuts a per-step score into windows and folds it back, padded as in use."""
    starts = windows.starts_of(len(values), length, stride)
    cut = np.stack([values[s : s + length] for s in starts])
    count, steps = 40, 128
    pad = count - len(starts)
    back = aggregate.aggregate(
        jnp.asarray(np.pad(cut, ((0, pad), (0, 0)), constant_values=99.0)),
        jnp.asarray(np.pad(starts, (0, pad))),
        jnp.asarray(np.pad(np.ones(len(starts), np.float32), (0, pad))),
        steps=steps,
        length=length,
        how=how,
    )
    return np.asarray(back)[: len(values)]


@pytest.mark.parametrize("how", ["mean", "max", "last", "center"])
@given(data=st.data())
def test_a_score_that_ignores_the_window_comes_back(
    how: str, data: st.DataObject
) -> None:
    length = data.draw(st.sampled_from([1, 4, 7]))
    stride = data.draw(st.integers(1, length))
    steps = data.draw(st.integers(length, 39))
    values = np.random.default_rng(steps).random(steps).astype(np.float32)
    np.testing.assert_allclose(folded(values, length, stride, how), values, rtol=1e-6)


@pytest.mark.parametrize("how", aggregate.AGGREGATES)
@pytest.mark.parametrize(
    ("length", "stride", "steps"), [(4, 1, 9), (4, 3, 12), (5, 5, 12)]
)
def test_a_constant_stays_constant(
    how: str, length: int, stride: int, steps: int
) -> None:
    values = np.full(steps, 2.5, np.float32)
    np.testing.assert_allclose(folded(values, length, stride, how), values, rtol=1e-6)


def test_spread_smooths_by_a_triangle() -> None:
    values = np.zeros(12, np.float32)
    values[6] = 1
    expected = [0, 0, 0, 0.0625, 0.125, 0.1875, 0.25, 0.1875, 0.125, 0.0833333, 0, 0]
    np.testing.assert_allclose(folded(values, 4, 1, "spread"), expected, atol=1e-6)


def test_last_and_center_take_one_window() -> None:
    starts = jnp.array([0, 2, 4])
    scores = jnp.array([[1.0, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]])
    options = {"steps": 8, "length": 4}
    last = aggregate.aggregate(scores, starts, jnp.ones(3), how="last", **options)
    assert last.tolist() == [1, 1, 1, 1, 2, 2, 3, 3]
    center = aggregate.aggregate(scores, starts, jnp.ones(3), how="center", **options)
    assert center.tolist() == [1, 1, 1, 2, 2, 3, 3, 3]


def test_window_scores_are_spread_and_channels_kept() -> None:
    starts, weight = jnp.array([0, 2]), jnp.ones(2)
    spread = aggregate.aggregate(
        jnp.array([1.0, 3.0]), starts, weight, steps=5, length=3
    )
    assert spread.tolist() == [1, 1, 2, 3, 3]
    per_channel = jnp.stack([jnp.ones((2, 3)), 2 * jnp.ones((2, 3))], axis=-1)
    for how in aggregate.AGGREGATES:
        kept = aggregate.aggregate(
            per_channel, starts, weight, steps=5, length=3, how=how
        )
        np.testing.assert_array_equal(kept, np.tile([1.0, 2.0], (5, 1)))


def test_folding_works_under_vmap_and_refuses_the_unknown() -> None:
    scores = jnp.arange(12.0).reshape(2, 2, 3)
    starts = jnp.array([[0, 2], [0, 1]])
    together = jax.vmap(
        lambda s, b: aggregate.aggregate(
            s, b, jnp.ones(2), steps=5, length=3, how="mean"
        )
    )(scores, starts)
    alone = aggregate.aggregate(scores[1], starts[1], jnp.ones(2), steps=5, length=3)
    np.testing.assert_array_equal(together[1], alone)
    with pytest.raises(ValueError, match="mean, max, last, center, spread"):
        aggregate.aggregate(
            scores[0], starts[0], jnp.ones(2), steps=5, length=3, how="sum"
        )
