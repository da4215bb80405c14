"""The training loop: padding, early stopping, divergence, resuming."""

from __future__ import annotations

import pathlib
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad import types
from jaxtsad.ops import windows
from jaxtsad.training import (
    checkpoints,
    epochs,
    fit,
    fleet,
    optimizers,
    plan,
    programs,
)
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, State

ADAM = optimizers.adam(1e-2)


def error(model: Any, batch: Batch) -> Array:
    reversed_ = batch.values[:, ::-1]
    fitted = batch.values * model["w"][None, None] + model["b"][None, None]
    each = ((fitted - reversed_) ** 2).mean((1, 2))
    return (each * batch.weight).sum() / jnp.maximum(batch.weight.sum(), 1.0)


def step(key: Key, state: State, batch: Batch, scale: Array) -> tuple[State, Metrics]:
    del key
    loss, grads = jax.value_and_grad(error)(state.model, batch)
    model, train = optimizers.apply(ADAM, grads, state.train, state.model, scale)
    return State(model, train), {"loss": loss}


def init(key: Key, source: windows.WindowView) -> State:
    model = {"w": jax.random.normal(key, (source.channels,)), "b": jnp.zeros(3)}
    return State(model, ADAM.init(model))


DETECTOR = Detector(
    steps=lambda source: epochs.steps(source, 32),
    init=init,
    advance=epochs.minibatches(step, 32),
    score=lambda keys, model, batch: batch.values.sum(-1),
    validate=epochs.evaluate(lambda key, model, b: {"loss": error(model, b)}, 64),
)


def views(steps: int, seed: int = 0) -> tuple[windows.WindowView, windows.WindowView]:
    values = np.random.default_rng(seed).normal(size=(steps, 3)).astype(np.float32)
    part, held_out = types.cut_train(values, window=10)
    assert held_out is not None
    return windows.view(part, 10, 1), windows.view(held_out, 10, 1)


def run(lengths: list[int], plan_: plan.Plan, **options: Any) -> fit.Result:
    pairs = [views(steps, seed) for seed, steps in enumerate(lengths)]
    keys = jax.random.split(jax.random.key(3), 3)[: len(lengths)]
    return fit.fit(
        keys,
        DETECTOR,
        fleet.stack([source for source, _ in pairs]),
        validations=fleet.stack([held_out for _, held_out in pairs]),
        plan=plan_,
        **options,
    )


@pytest.mark.parametrize("members", ["vmap", "map"])
def test_a_member_is_trained_as_if_alone(members: str) -> None:
    plan_ = plan.Plan(epochs=4, patience=2, members=members)
    together = run([600, 300, 450], plan_)
    pairs = [views(steps, seed) for seed, steps in enumerate([600, 300, 450])]
    keys = jax.random.split(jax.random.key(3), 3)
    for index, (source, held_out) in enumerate(pairs):
        alone = fit.fit(
            keys[index : index + 1],
            DETECTOR,
            fleet.stack([source]),
            validations=fleet.stack([held_out]),
            plan=plan_,
        )
        chex.assert_trees_all_close(
            fleet.member(together.model, index),
            fleet.member(alone.model, 0),
            atol=1e-6,
        )
        assert together.progress.best_epoch[index] == alone.progress.best_epoch[0]


def test_the_order_of_an_epoch_ignores_padding() -> None:
    key = jax.random.key(0)
    short = epochs.shuffled(key, jnp.ones(2500))
    long = epochs.shuffled(key, jnp.pad(jnp.ones(2500), (0, 1700)))
    np.testing.assert_array_equal(short, long[:2500])
    assert sorted(long.tolist()) == list(range(4200))


def test_the_best_parameters_come_back() -> None:
    seen: list[dict[str, Any]] = []
    models: dict[int, Any] = {}

    def keep(epoch: int, model: Any) -> None:
        models[epoch] = jax.tree.map(np.array, model)

    callbacks = fit.Callbacks(epoch=seen.extend, model=keep)
    result = run([600], plan.Plan(epochs=6, patience=6), callbacks=callbacks)
    losses = [record["validation_loss"] for record in seen]
    chex.assert_trees_all_equal(models[int(np.argmin(losses))], result.model)
    assert result.progress.best_epoch[0] == int(np.argmin(losses))
    assert [record["epoch"] for record in seen] == list(range(6))
    _, held_out = views(600, 0)
    model = fleet.member(result.model, 0)
    again = DETECTOR.validate(jax.random.key(0), model, held_out)  # type: ignore[misc]
    np.testing.assert_allclose(again["loss"], min(losses), rtol=1e-5)


def test_a_step_that_is_not_finite_stops_its_member_at_the_last_good_state() -> None:
    source, _ = views(600, 0)
    other, _ = views(600, 1)
    spoilt = np.asarray(other.values).copy()
    spoilt[100] = np.inf
    pair = fleet.stack([source, other.with_arrays(values=jnp.asarray(spoilt))])
    keys = jax.random.split(jax.random.key(3), 2)
    plan_ = plan.Plan(epochs=3, stop="none")
    result = fit.fit(keys, DETECTOR, pair, plan=plan_)
    assert result.progress.diverged.tolist() == [-1, 0]
    for leaf in jax.tree.leaves(result.model):
        assert np.isfinite(leaf).all()
    alone = fit.fit(keys[:1], DETECTOR, fleet.stack([source]), plan=plan_)
    chex.assert_trees_all_close(
        fleet.member(result.model, 0), fleet.member(alone.model, 0), atol=1e-6
    )


class Stopper:
    """Asks to stop after a number of stretches."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_resume_after_interruptions_is_bit_identical(tmp_path: pathlib.Path) -> None:
    plan_ = plan.Plan(epochs=4, patience=3, checkpoint_seconds=0.0)
    whole = run([600, 450], plan_)
    seen: list[dict[str, Any]] = []
    for after in (1, 2, 3, 1000):
        kept = checkpoints.Checkpoints(tmp_path, {"name": "test"})
        callbacks = fit.Callbacks(epoch=seen.extend, stop=Stopper(after))
        try:
            result = run([600, 450], plan_, checkpoints=kept, callbacks=callbacks)
        except fit.Interrupted:
            continue
        finally:
            kept.close()
        break
    chex.assert_trees_all_equal(whole.model, result.model)
    told = [(record["epoch"], record["member"]) for record in seen]
    assert len(told) == len(set(told))


def test_resume_refuses_a_checkpoint_of_another_model(tmp_path: pathlib.Path) -> None:
    plan_ = plan.Plan(epochs=1, stop="none")
    for name in ("one", "two"):
        kept = checkpoints.Checkpoints(tmp_path, {"name": name})
        try:
            if name == "one":
                run([300], plan_, checkpoints=kept)
                continue
            with pytest.raises(ValueError, match="another model: name was 'one'"):
                run([300], plan_, checkpoints=kept)
        finally:
            kept.close()


def test_resume_names_a_corrupt_checkpoint(tmp_path: pathlib.Path) -> None:
    plan_ = plan.Plan(epochs=1, stop="none")
    kept = checkpoints.Checkpoints(tmp_path, {"name": "one"})
    run([300], plan_, checkpoints=kept)
    kept.close()
    for file in tmp_path.rglob("*"):
        if file.is_file() and "state" in file.parts[-2:][0] + str(file):
            file.write_bytes(b"")
    kept = checkpoints.Checkpoints(tmp_path, {"name": "one"})
    with pytest.raises(ValueError, match="cannot be read"):
        run([300], plan_, checkpoints=kept)
    kept.close()


def test_all_epochs_are_one_program_whose_state_is_given_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []
    build = programs.compiled.__wrapped__

    def watched(*arguments: Any) -> programs.Programs:
        made.append(build(*arguments))
        return made[-1]

    monkeypatch.setattr(programs, "compiled", watched)
    run([300], plan.Plan(epochs=3, stop="none"))
    (own,) = made
    assert own.advance._cache_size() == own.validate._cache_size() == 1
    source = fleet.stack([views(300)[0]])
    keys = jax.random.split(jax.random.key(0), 1)
    state = own.init(keys, source)
    clock = types.Clock(*(jnp.zeros(1, jnp.int32),) * 3, jnp.ones(1))
    own.advance(jnp.ones(1, bool), keys, state, source, clock)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))
