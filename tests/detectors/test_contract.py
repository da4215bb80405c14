"""The contract: what every detector promises, tested because it exists."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad import detectors, types
from jaxtsad.estimator import TimeSeriesDetector, load
from jaxtsad.ops import windows
from jaxtsad.training import fit as training
from jaxtsad.training import fleet, plan, scoring
from jaxtsad.types import Clock, Detector, State

NAMES = detectors.available()
# Compiling costs: as a fleet these are tested by the slow command.
DEAR = (
    "anomaly_transformer_headwise",
    "deep_clustering",
    "dplan",
    "ganomaly",
    "latent_search",
    "lstm_attention",
    "lstm_autoencoder",
)
STEPS = 160
each_detector = pytest.mark.parametrize("name", NAMES)


class Trained(NamedTuple):
    config: Any
    detector: Detector
    source: windows.WindowView
    result: training.Result


def sines(steps: int, channels: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6, channels)
    wave = np.sin(np.arange(steps)[:, None] * 2 * np.pi / 12 + phase[None])
    return (wave + 0.05 * rng.normal(size=wave.shape)).astype(np.float32)


def view(config: Any, seed: int = 0, steps: int = STEPS) -> windows.WindowView:
    values = sines(steps, config.channels, seed)
    fit, _ = types.cut_train(values, window=config.window, validation=0)
    return windows.view(fit, config.window, 1)


@functools.cache
def trained(name: str) -> Trained:
    config = detectors.module(name).TINY
    detector = detectors.module(name).build(config)
    source = view(config)
    result = training.fit(
        jax.random.key(7)[None],
        detector,
        fleet.stack([source]),
        plan=plan.Plan(epochs=12, stop="none"),
    )
    return Trained(config, detector, source, result)


def scores(one: Trained, values: np.ndarray) -> np.ndarray:
    """Scores `[N, L]` (or `[N]`) of all windows of a series."""
    test = windows.view(types.cut_test(values), one.config.window, 1)
    found = scoring.run(
        jax.random.key(1)[None],
        one.detector,
        one.result.model,
        fleet.stack([test], bucketed=True),
        batch_size=16,
        counts=np.array([test.size]),
    )
    return np.asarray(found)[0, : test.size]


@each_detector
def test_contract_scores_are_finite_and_shaped(name: str) -> None:
    one = trained(name)
    found = scores(one, sines(STEPS, one.config.channels, seed=3))
    count = STEPS - one.config.window + 1
    assert found.shape in ((count, one.config.window), (count,))
    assert np.isfinite(found).all()


@each_detector
def test_contract_state_is_non_empty_arrays_and_keeps_its_structure(name: str) -> None:
    one = trained(name)
    state = jax.eval_shape(one.detector.init, jax.random.key(0), one.source)
    assert isinstance(state, State)
    for leaf in jax.tree.leaves(state):
        assert leaf.size > 0
    for leaf in jax.tree.leaves(one.result.model):
        assert isinstance(leaf, jax.Array)
    count = min(1, one.detector.steps(one.source))
    clock = Clock(jnp.int32(0), jnp.int32(0), jnp.int32(count), jnp.float32(1))
    key = jax.random.key(0)
    after, _ = jax.eval_shape(one.detector.advance, key, state, one.source, clock)
    chex.assert_trees_all_equal_shapes_and_dtypes(state, after)


@each_detector
def test_contract_training_is_deterministic_in_the_key(name: str) -> None:
    one = trained(name)
    again = training.fit(
        jax.random.key(7)[None],
        one.detector,
        fleet.stack([one.source]),
        plan=plan.Plan(epochs=12, stop="none"),
    )
    chex.assert_trees_all_equal(one.result.model, again.model)


@pytest.mark.parametrize(
    ("name", "members"),
    [
        pytest.param(
            name,
            members,
            marks=[pytest.mark.slow] if members == "vmap" or name in DEAR else [],
        )
        for members in ("map", "vmap")
        for name in NAMES
    ],
)
def test_contract_members_together_equal_members_alone(name: str, members: str) -> None:
    one = trained(name)
    sources = [one.source, view(one.config, seed=5, steps=STEPS + 37)]
    keys = jax.random.split(jax.random.key(2), 2)
    together = training.fit(
        keys,
        one.detector,
        fleet.stack(sources),
        plan=plan.Plan(epochs=2, stop="none", members=members),
    )
    # The first is the shorter one, padded in the fleet; alone it has the shapes that
    # `trained` has compiled.
    alone = training.fit(
        keys[:1],
        one.detector,
        fleet.stack([one.source]),
        plan=plan.Plan(epochs=2, stop="none"),
    )
    chex.assert_trees_all_close(
        fleet.member(together.model, 0),
        fleet.member(alone.model, 0),
        atol=1e-5,
        rtol=1e-4,
    )


@each_detector
def test_contract_rows_are_scored_independently(name: str) -> None:
    one = trained(name)
    model = fleet.member(one.result.model, 0)
    batch = one.source.take(jnp.arange(8, dtype=jnp.int32))
    keys = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(0)))(
        batch.index
    )
    score = jax.jit(one.detector.score)
    together = score(keys, model, batch)
    others = batch.values.at[1:].multiply(-3.0)
    disturbed = score(keys, model, batch._replace(values=others))
    np.testing.assert_allclose(together[0], disturbed[0], rtol=1e-5, atol=1e-6)
    assert not np.allclose(together[1], disturbed[1])


@each_detector
def test_contract_higher_is_more_anomalous(name: str) -> None:
    one = trained(name)
    values = sines(STEPS, one.config.channels, seed=3)
    planted = values.copy()
    planted[80:83] += 9.0
    before, after = scores(one, values), scores(one, planted)
    touched = np.arange(len(before))
    touched = (touched > 80 - one.config.window) & (touched < 83)
    doubled = after[touched].mean() > 2 * before[touched].mean()
    # A score with an upper bound cannot double; it must then peak above all the others.
    peaks = after[touched].reshape(touched.sum(), -1).max(axis=1)
    assert doubled or peaks.min() > before.max()
    np.testing.assert_allclose(after[~touched], before[~touched], rtol=1e-4, atol=1e-6)


@each_detector
def test_contract_explanations_sum_to_the_score(name: str) -> None:
    one = trained(name)
    if one.detector.explain is None:
        pytest.skip(f"{name} offers no explanation")
    model = fleet.member(one.result.model, 0)
    batch = one.source.take(jnp.arange(4, dtype=jnp.int32))
    keys = jax.random.split(jax.random.key(0), 4)
    explained = jax.jit(one.detector.explain)(keys, model, batch)
    assert explained.shape == batch.values.shape
    score = jax.jit(one.detector.score)(keys, model, batch)
    np.testing.assert_allclose(explained.sum(-1), score, rtol=1e-4, atol=1e-6)


@each_detector
def test_contract_bad_options_are_fatal_and_name_the_choices(name: str) -> None:
    sizes = {"window": 8, "channels": 3}
    with pytest.raises(ValueError, match="the choices are window"):
        detectors.load(name, {**sizes, "no_such_option": 1})
    with pytest.raises(ValueError, match="window"):
        detectors.load(name, {"window": 0, "channels": 3})
    hash(detectors.configure(name, sizes))
    assert detectors.load(name, sizes) is detectors.load(name, sizes)


@each_detector
def test_contract_saved_and_loaded_scores_agree(name: str, tmp_path: Any) -> None:
    config = detectors.module(name).TINY
    options = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in ("window", "channels")
    }
    train = sines(STEPS, config.channels)
    detector = TimeSeriesDetector(
        name, window=config.window, options=options, epochs=1, validation=0
    )
    detector.fit(train).save(tmp_path / "saved")
    test = sines(70, config.channels, seed=9)
    first = detector.decision_function(test)
    second = load(tmp_path / "saved").decision_function(test)
    np.testing.assert_array_equal(first, second)


def test_contract_an_empty_batch_changes_nothing() -> None:
    """Batches of total weight 0 leave a model as it was initialised."""
    for name in NAMES:
        one = trained(name)
        if not one.detector.steps(one.source):
            continue
        empty = one.source.with_arrays(weight=jnp.zeros(one.source.size))
        models = [
            training.fit(
                jax.random.key(7)[None],
                one.detector,
                fleet.stack([empty]),
                plan=plan.Plan(epochs=count, stop="none"),
            ).model
            for count in (0, 2)
        ]
        chex.assert_trees_all_equal(*models)
