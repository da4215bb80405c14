"""Federated rounds: what is averaged, held near, clipped, noised and refused."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import sys
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad import detectors
from jaxtsad.detectors import lstm_autoencoder
from jaxtsad.training import (
    checkpoints,
    descent,
    epochs,
    federated,
    fit,
    fleet,
    optimizers,
)
from jaxtsad.training.federated import Federated
from jaxtsad.training.plan import Plan
from jaxtsad.types import Array, Batch, Clock, Detector, Key, Metrics, State
from tests.training.test_fit import DETECTOR, error, views

LENGTHS = [600, 300, 450]
WINDOWS = np.array([views(n)[0].size for n in LENGTHS])


@dataclasses.dataclass(frozen=True)
class Rates:
    learning_rate: float = 1e-2
    clip_gradients: float = 0.0
    batch_size: int = 64


def objective(
    params: Any, key: Key, batch: Batch, epoch: Array
) -> tuple[Array, Metrics]:
    del key, epoch
    loss = error(params, batch)
    return loss, {"loss": loss}


SGD = descent.descent(objective, Rates(), optimizers.sgd(1e-2))
NEAR = DETECTOR._replace(
    steps=lambda source: epochs.steps(source, 64),
    init=lambda key, source: SGD.start(
        {"w": jax.random.normal(key, (source.channels,)), "b": jnp.zeros(3)}
    ),
    advance=SGD.advance,
    advance_near=SGD.advance_near,
)


def keys(count: int) -> Key:
    return jnp.repeat(jax.random.key(3)[None], count)


def run(
    options: Federated, detector: Detector = NEAR, seeds: int = 1, **more: Any
) -> fit.Result:
    pairs = [views(steps, seed) for seed, steps in enumerate(LENGTHS)]
    own = {"plan": Plan(stop="none"), "keys": keys(len(LENGTHS))} | more
    return federated.fit(
        own.pop("keys"),
        detector,
        fleet.stack([source for source, _ in pairs]),
        federations=[0] * len(LENGTHS),
        federated=options,
        validations=fleet.stack([held_out for _, held_out in pairs]),
        **own,
    )


def start() -> State:
    by_use = fleet.keys_by_use(keys(1))
    return NEAR.init(by_use.init[0], views(100)[0])


def locally(index: int, model: Any, passes: int, pull: float = 0.0) -> Any:
    """Plain gradient descent of one member from a model, a batch at a time."""
    source, _ = views(LENGTHS[index], index)
    key = fleet.keys_by_use(keys(1)).train[0]
    anchor, state = model, State(model, SGD.start(model).train)
    for number in range(passes):
        order = epochs.shuffled(
            jax.random.split(jax.random.fold_in(key, number))[0], source.weight
        )
        for first in range(0, source.size, 64):
            batch = source.take(order[first : first + 64])
            grads = jax.grad(error)(state.model, batch)
            grads = jax.tree.map(
                lambda g, here, there: g + pull * (here - there),
                grads,
                state.model,
                anchor,
            )
            moved = jax.tree.map(lambda w, g: w - 1e-2 * g, state.model, grads)
            state = state._replace(model=moved)
    return state.model


@pytest.mark.parametrize("pull", [0.0, 5.0])
def test_a_round_is_the_mean_of_what_members_train(pull: float) -> None:
    result = run(Federated(rounds=1, local_epochs=2, proximal=pull))
    ends = [locally(index, start().model, 2, pull) for index in range(3)]
    share = WINDOWS / WINDOWS.sum()
    mean = jax.tree.map(lambda *leaves: np.tensordot(share, leaves, 1), *ends)
    for index in range(3):
        chex.assert_trees_all_close(fleet.member(result.model, index), mean, atol=1e-5)


def test_members_are_held_the_nearer_the_stronger_the_pull() -> None:
    distances = []
    for pull in (0.0, 10.0, 60.0):
        result = run(Federated(rounds=1, local_epochs=4, proximal=pull))
        after = fleet.member(result.model, 0)
        distances.append(float(jnp.linalg.norm(after["w"] - start().model["w"])))
    assert distances[0] > 2 * distances[1] > 4 * distances[2] > 0


def test_no_update_is_longer_than_the_clip() -> None:
    free = run(Federated(rounds=1))
    clipped = run(Federated(rounds=1, clip_updates=1e-3))
    before = start().model
    norms = [
        float(optimizer_norm(fleet.member(result.model, 0), before))
        for result in (free, clipped)
    ]
    assert norms[0] > 0.01 and 0 < norms[1] <= 1e-3 * (1 + 1e-4)


def optimizer_norm(after: Any, before: Any) -> Array:
    parts = jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), after, before)
    return jnp.sqrt(sum(jax.tree.leaves(parts)))


def wide(key: Key, source: Any) -> State:
    del key, source
    return SGD.start({"w": jnp.zeros(3), "b": jnp.zeros(3), "idle": jnp.zeros(20_000)})


def test_noise_is_as_wide_as_told_and_another_in_every_round() -> None:
    detector = NEAR._replace(init=wide)
    noisy = Federated(rounds=1, clip_updates=0.5, noise=2.0)
    drawn = []
    for seed in (3, 4):
        own = jnp.repeat(jax.random.key(seed)[None], 3)
        drawn.append(np.asarray(run(noisy, detector, keys=own).model["idle"]))
        assert np.all(drawn[-1] == drawn[-1][0])  # one model
    told = 2.0 * 0.5 * WINDOWS.max() / WINDOWS.sum()
    for one in drawn:
        assert np.std(one[0]) == pytest.approx(told, rel=0.03)
        assert abs(np.mean(one[0])) < 0.05 * told
    assert abs(np.corrcoef(drawn[0][0], drawn[1][0])[0, 1]) < 0.05
    twice = np.asarray(
        run(dataclasses.replace(noisy, rounds=2), detector).model["idle"]
    )
    second = twice[0] - drawn[0][0]
    assert np.std(second) == pytest.approx(told, rel=0.03)
    assert abs(np.corrcoef(drawn[0][0], second)[0, 1]) < 0.05


def test_the_mean_validation_loss_of_all_decides_when_to_stop() -> None:
    records: list[dict[str, Any]] = []
    result = run(
        Federated(rounds=30),
        DETECTOR,
        plan=Plan(patience=2),
        callbacks=fit.Callbacks(epoch=records.extend),
    )
    assert len(set(result.progress.best_epoch.tolist())) == 1
    by_round: dict[int, set[float]] = {}
    for record in records:
        by_round.setdefault(record["epoch"], set()).add(record["validation_loss"])
        assert record["update"] > 0 and record["lost"] == 0
    assert all(len(losses) == 1 for losses in by_round.values())
    losses = [by_round[number].pop() for number in sorted(by_round)]
    assert losses[-1] < 0.9 * losses[0]
    assert result.progress.best_epoch[0] == int(np.argmin(losses))


def test_a_member_that_diverges_moves_nothing() -> None:
    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        short = source.weight.sum() < WINDOWS.min() + 1
        new, metrics = SGD.advance(key, state, source, clock)
        bad = jax.tree.map(lambda leaf: jnp.where(short, jnp.nan, leaf), new.model)
        return State(bad, new.train), metrics

    records: list[dict[str, Any]] = []
    told = fit.Callbacks(epoch=records.extend)
    result = run(Federated(rounds=1), NEAR._replace(advance=advance), callbacks=told)
    assert [record["lost"] for record in records] == [0, 1, 0]
    share = WINDOWS * [1, 0, 1] / WINDOWS.sum()
    before = start().model
    ends = [locally(index, before, 1) for index in range(3)]
    moved = jax.tree.map(
        lambda old, *new: old + np.tensordot(share, np.stack(new) - np.asarray(old), 1),
        before,
        *ends,
    )
    chex.assert_trees_all_close(fleet.member(result.model, 0), moved, atol=1e-5)
    assert not (result.progress.diverged >= 0).any()


def test_an_interrupted_federation_ends_as_if_it_had_not_been(
    tmp_path: pathlib.Path,
) -> None:
    options = Federated(rounds=5, clip_updates=1.0, noise=0.1)
    whole = run(options, plan=Plan(checkpoint_seconds=0.0))
    rounds = 0

    def stop() -> bool:
        nonlocal rounds
        rounds += 1
        return rounds == 3

    kept = checkpoints.Checkpoints(tmp_path, {})
    with pytest.raises(fit.Interrupted):
        run(options, checkpoints=kept, callbacks=fit.Callbacks(stop=stop))
    again = run(options, checkpoints=kept)
    kept.close()
    chex.assert_trees_all_equal(whole.model, again.model)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_one_of_several_hosts_makes_the_same_model(noise: float) -> None:
    """Of one alone the sum over hosts is its own."""
    options = Federated(rounds=3, local_epochs=2, clip_updates=1.0, noise=noise)
    more = {"validated": np.array([True, False, True]), "plan": Plan(patience=2)}
    alone = run(options, **more)
    with fleet.on_hosts("federated"):
        shared = run(options, **more)
    chex.assert_trees_all_close(shared.model, alone.model, atol=1e-6)
    chex.assert_trees_all_close(shared.progress, alone.progress, atol=1e-6)


def test_seeds_are_federations_of_their_own() -> None:
    own = jnp.stack([jax.random.key(n) for n in (3, 4) * 3])
    pairs = [views(steps, seed) for seed, steps in enumerate(LENGTHS) for _ in range(2)]
    both = federated.fit(
        own,
        NEAR,
        fleet.stack([source for source, _ in pairs]),
        federations=[0, 1] * 3,
        federated=Federated(rounds=2),
        plan=Plan(stop="none"),
    )
    alone = run(Federated(rounds=2))
    for place in (0, 2, 4):
        chex.assert_trees_all_close(
            fleet.member(both.model, place), fleet.member(alone.model, 0), atol=1e-6
        )
    assert not np.allclose(both.model["w"][0], both.model["w"][1])


def test_what_cannot_be_averaged_is_refused_in_a_line() -> None:
    options, sizes = Federated(), {"window": 8, "channels": 2}
    pca = detectors.load("pca", sizes)
    with pytest.raises(ValueError, match="pca is solved in closed form"):
        federated.check("pca", pca, 0, options)
    prox = Federated(proximal=0.1)
    with pytest.raises(ValueError, match=r"proximal=0.1 is not offered by mine"):
        federated.check("mine", DETECTOR, 4, prox)
    federated.check(
        "lstm_autoencoder", lstm_autoencoder.build(lstm_autoencoder.TINY), 4, prox
    )
    with pytest.raises(ValueError, match=r"noise=1.0 needs clip_updates above 0"):
        Federated(noise=1.0)


DEVICES = """
import jax, numpy as np
from jaxtsad.training.federated import Federated
from tests.training.test_federated import run
assert jax.device_count() == 2
np.save("w.npy", run(Federated(rounds=3, local_epochs=2, clip_updates=1.0)).model["w"])
"""


def test_members_over_devices_make_the_same_model(tmp_path: pathlib.Path) -> None:
    root = str(pathlib.Path(__file__).parents[2])
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "2", "PYTHONPATH": root}
    command = [sys.executable, "-W", "error", "-c", DEVICES]
    subprocess.run(command, check=True, env=environment, cwd=tmp_path, timeout=300)
    alone = run(Federated(rounds=3, local_epochs=2, clip_updates=1.0)).model["w"]
    np.testing.assert_allclose(np.load(tmp_path / "w.npy"), alone, atol=1e-5)
