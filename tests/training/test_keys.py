"""Keys: every use of randomness has one of its own, wherever a row lies in a batch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad import types
from jaxtsad.ops import windows
from jaxtsad.training import epochs, fit, fleet, plan, scoring
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, PyTree, State

BATCH, EPOCHS, STEPS = 8, 3, 5


def bits(key: Key) -> Array:
    return jax.random.bits(key, (2,), jnp.uint32)


def view(steps: int = 40) -> windows.WindowView:
    values = np.random.default_rng(0).normal(size=(steps, 2)).astype(np.float32)
    part, _ = types.cut_train(values, window=4, validation=0)
    return windows.view(part, 4, 1)


def init(key: Key, source: Any) -> State:
    """A model that writes down the keys it is given, one row per step."""
    del source
    rows = jnp.zeros((EPOCHS * STEPS, 2), jnp.uint32)
    model = {"init": bits(key), "train": jnp.zeros_like(bits(key)), "steps": rows}
    model["weight"] = jnp.zeros(1)
    return State(model, {"taken": jnp.zeros((), jnp.int32)})


def step(key: Key, state: State, batch: Batch, scale: Array) -> tuple[State, Metrics]:
    del batch, scale
    taken = state.train["taken"]
    rows = state.model["steps"].at[taken].set(bits(key))
    return State(state.model | {"steps": rows}, {"taken": taken + 1}), {
        "loss": jnp.float32(1)
    }


def advance(key: Key, state: State, source: Any, clock: types.Clock) -> Any:
    take = epochs.minibatches(step, BATCH)
    state, metrics = take(key, state, source, clock)
    return State(state.model | {"train": bits(key)}, state.train), metrics


WRITER = Detector(
    steps=lambda source: STEPS,
    init=init,
    advance=advance,
    score=lambda keys, model, batch: jax.vmap(jax.random.uniform)(keys),
)


@pytest.fixture(scope="module")
def written() -> dict[str, np.ndarray]:
    """The keys of two members that were trained together."""
    keys = jax.random.split(jax.random.key(3), 2)
    result = fit.fit(
        keys, WRITER, fleet.stack([view(), view()]), plan=plan.Plan(epochs=EPOCHS)
    )
    return {name: np.asarray(leaf) for name, leaf in result.model.items()}


def rows_of(*arrays: np.ndarray) -> list[tuple[int, ...]]:
    """Keys as tuples, so that equal ones can be counted."""
    return [tuple(row) for array in arrays for row in array.reshape(-1, 2).tolist()]


def test_the_key_of_init_is_not_that_of_training(written: dict) -> None:
    keys = rows_of(written["init"], written["train"])
    assert len(set(keys)) == len(keys) == 4


def test_every_minibatch_of_every_epoch_has_a_key_of_its_own(written: dict) -> None:
    keys = rows_of(written["steps"], written["init"], written["train"])
    assert len(set(keys)) == len(keys) == 2 * (EPOCHS * STEPS + 2)


def test_every_batch_of_a_validation_has_a_key_of_its_own() -> None:
    draws: list[float] = []

    def measure(key: Key, model: PyTree, batch: Batch) -> Metrics:
        del model, batch
        drawn = jax.random.uniform(key)
        jax.debug.callback(lambda value: draws.append(float(value)), drawn)
        return {"loss": drawn}

    source = view()
    epochs.evaluate(measure, BATCH)(jax.random.key(0), {}, source)
    jax.effects_barrier()
    assert len(set(draws)) == len(draws) == epochs.steps(source, BATCH)


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_a_random_score_does_not_depend_on_its_place_in_the_batch(
    batch_size: int,
) -> None:
    source, keys = fleet.stack([view()]), jax.random.split(jax.random.key(1), 1)
    model = {"nothing": jnp.zeros((1, 1))}
    whole = scoring.run(keys, WRITER, model, source, batch_size=source.weight.size)
    some = scoring.run(keys, WRITER, model, source, batch_size=batch_size)
    np.testing.assert_array_equal(np.asarray(some), np.asarray(whole))
    assert len(np.unique(np.asarray(whole))) == source.weight.size
