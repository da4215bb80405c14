"""Replay: the oldest is overwritten first, and only what was added is drawn."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.dplan import replay, unbatched
from jaxtsad.detectors.dplan.replay import Replay


def filled(capacity: int, count: int) -> Replay:
    past = replay.empty(capacity)
    for number in range(count):
        one = Replay(number, number % 2, 0.5 * number, number + 1)
        past = replay.add(past, jnp.int32(number), one)
    return past


def test_it_wraps_around() -> None:
    past = filled(4, 6)
    np.testing.assert_array_equal(past.state, [4, 5, 2, 3])
    np.testing.assert_array_equal(past.following, [5, 6, 3, 4])
    np.testing.assert_allclose(past.reward, [2.0, 2.5, 1.0, 1.5])


def test_only_what_was_added_is_drawn() -> None:
    uniform = jax.random.uniform(jax.random.key(0), (500,))
    some = replay.sample(filled(8, 3), jnp.int32(3), uniform)
    assert set(some.state.tolist()) == {0, 1, 2}
    np.testing.assert_array_equal(some.following, some.state + 1)
    everything = replay.sample(filled(4, 6), jnp.int32(6), uniform)
    assert set(everything.state.tolist()) == {2, 3, 4, 5}


def test_a_shared_number_leaves_a_loop_unbatched() -> None:
    def count(stop: jax.Array, start: jax.Array) -> jax.Array:
        stop = unbatched.shared(stop)
        return jax.lax.fori_loop(0, stop, lambda i, x: x + i, start)

    stops, starts = jnp.array([4, 4]), jnp.array([0, 10])
    batched = jax.vmap(count)
    np.testing.assert_array_equal(batched(stops, starts), [6, 16])
    text = str(jax.make_jaxpr(batched)(stops, starts))
    assert "reduce_or" not in text and "while" in text
