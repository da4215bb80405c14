"""DPLAN's rewards and targets by hand."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.dplan import losses as dplan
from jaxtsad.detectors.dplan.losses import INTRINSICS


def test_all_four_rewards() -> None:
    cases = list(itertools.product((0.0, 1.0), (0, 1)))
    known, action = (jnp.array(column) for column in zip(*cases, strict=True))
    np.testing.assert_array_equal(dplan.external(known, action), [0, -1, -1, 1])
    isolation = jnp.array([0.5, 0.25, 1.0, 0.75])
    by_kind = {
        kind: dplan.reward(known, action, isolation, kind).tolist()
        for kind in INTRINSICS
    }
    assert by_kind["always"] == [0.5, -0.75, 0.0, 1.75]
    assert by_kind["a1_unlabelled"] == [0.0, -0.75, -1.0, 1.0]
    assert by_kind["none"] == [0.0, -1.0, -1.0, 1.0]


def test_total_rewards_are_bounded() -> None:
    rng = np.random.default_rng(0)
    known, action = (jnp.asarray(rng.integers(0, 2, 500)) for _ in range(2))
    found = dplan.reward(known, action, jnp.asarray(rng.random(500)))
    assert -1 <= found.min() and found.max() <= 2


def test_rescaling_reaches_both_ends_and_constants_are_zero() -> None:
    scores = jnp.asarray(np.random.default_rng(0).normal(size=50))
    weight = jnp.ones(50).at[40:].set(0)
    found = dplan.rescaled(scores, weight)
    assert found[:40].min() == 0 and found[:40].max() == 1
    np.testing.assert_array_equal(found[40:], 0)
    np.testing.assert_array_equal(dplan.rescaled(jnp.full(5, 3.0), jnp.ones(5)), 0)
    np.testing.assert_array_equal(dplan.rescaled(scores, jnp.zeros(50)), 0)


def test_target_and_loss_by_hand() -> None:
    target = dplan.td_target(
        jnp.array([1.0, -1.0]), jnp.array([[0, 2.0], [0, 0]]), 0.99
    )
    np.testing.assert_allclose(target, [2.98, -1.0], rtol=1e-6)
    q = jnp.array([0.5, -3.0])
    grads = jax.grad(lambda q: 2 * dplan.td_loss(q, jnp.zeros(2)))(q)
    np.testing.assert_allclose(grads, [0.5, -1.0])
    grads = jax.grad(lambda q: 2 * dplan.td_loss(q, jnp.zeros(2), "squared"))(q)
    np.testing.assert_allclose(grads, q)


@pytest.mark.parametrize("action", [0, 1])
def test_always_rewarding_isolation_changes_no_greedy_action(action: int) -> None:
    known = jnp.full(1, float(action))
    both = [dplan.reward(known, jnp.array([a]), jnp.array([0.7]))[0] for a in (0, 1)]
    assert int(np.argmax(both)) == action
