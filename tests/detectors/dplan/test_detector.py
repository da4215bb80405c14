"""DPLAN: the environment by hand, what learning does, and known anomalies found."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from jaxtsad import types
from jaxtsad.detectors.dplan import detector as dplan
from jaxtsad.detectors.dplan import encoder, environment, window_features
from jaxtsad.detectors.dplan.config import Config
from jaxtsad.detectors.dplan.network import QNetwork
from jaxtsad.evaluation.metrics import point
from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.ops import samples
from jaxtsad.pipeline import fitting, members, scoring
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan
from jaxtsad.types import Clock, State
from tests.detectors import views

PRESET = {
    "block": 400,
    "warm_up": 500,
    "epsilon_steps": 800,
    "target_every": 500,
    "subset": 200,
    "trees": 20,
}
PLAN = Plan(epochs=7, stop="none", members="vmap")


def env(known: list[float], weight: list[float] | None = None) -> environment.Rows:
    values = jnp.arange(len(known), dtype=jnp.float32)[:, None]
    mass = jnp.ones(len(known)) if weight is None else jnp.asarray(weight)
    return environment.rows(jax.random.key(0), values, mass, jnp.asarray(known), 4)


def test_rows_are_sorted_by_what_is_known_of_them() -> None:
    found = env([0, 1, 0, 0, 1, 0], [1, 1, 1, 1, 1, 0])
    assert int(found.anomaly_count) == 2 and int(found.unlabelled_count) == 3
    uniform = jnp.linspace(0, 0.999, 30)
    drawn = {int(environment.anomaly(found, one)) for one in uniform}
    begun = {int(environment.begin(found, one)) for one in uniform}
    assert drawn == {1, 4} and begun == {0, 2, 3}
    for one in uniform:
        chosen, values = environment.subset(found, one, 4)
        np.testing.assert_array_equal(values[0], chosen)
        assert set(chosen.tolist()) == {0, 2, 3}


def test_what_comes_next_by_hand() -> None:
    subset, origin = jnp.array([[1.0, 2.0, 5.0, 0.0]]), jnp.zeros(1)
    itself = jnp.array([False, False, False, True])
    for action, exclude, expected in ((1, True, 0), (1, False, 3), (0, True, 2)):
        found = environment.towards(origin, subset, itself, jnp.int32(action), exclude)
        assert int(found) == expected


@pytest.mark.parametrize(("features", "count"), [(3, 10), (20, 1000), (128, 64)])
def test_what_comes_next_is_nearest_or_farthest_in_a_compiled_step(
    features: int, count: int
) -> None:
    # Distances that a compiler computes twice, rounded otherwise, would equal none.
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(features, features)).astype(np.float32)
    phi = rng.normal(size=(40, features)).astype(np.float32)
    subset = rng.normal(size=(40, features, count)).astype(np.float32)
    action = np.arange(40) % 2

    def chosen(phi: Any, subset: Any, action: Any) -> Any:
        seen, others = jax.nn.relu(kernel @ phi), jax.nn.relu(kernel @ subset)
        none = jnp.zeros(count, bool)
        return environment.towards(seen, others, none, action, True)

    one_by_one = jax.jit(lambda *all_of: jax.lax.map(lambda one: chosen(*one), all_of))
    together = jax.jit(jax.vmap(chosen))
    seen = np.maximum(phi.astype(float) @ kernel.T, 0)
    others = np.maximum(np.einsum("hk,nks->nhs", kernel.astype(float), subset), 0)
    distance = np.square(others - seen[:, :, None]).sum(1)
    for program in (one_by_one, together):
        found = distance[np.arange(40), program(phi, subset, action)]
        expected = np.where(action == 1, distance.min(1), distance.max(1))
        np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_epsilon_at_the_published_steps() -> None:
    at = jnp.array([0, 5_000, 10_000, 20_000])
    found = environment.epsilon(at, 0, 10_000, 0.1, True)
    np.testing.assert_allclose(found, [1, 0.55, 0.1, 0.1], rtol=1e-6)
    later = environment.epsilon(at, 10_000, 10_000, 0.1, False)
    np.testing.assert_allclose(later, [1, 1, 1, 0.1], rtol=1e-6)


def source(count: int = 60, labelled: int = 6, far: tuple[int, ...] = ()) -> Any:
    rng = np.random.default_rng(0)
    values = rng.random((count, 3)).astype(np.float32)
    values[:labelled] += 1
    values[list(far)] += 5
    part, _ = types.cut_train(values, window=1, validation=0)
    known = np.arange(count) < labelled
    return samples.view(part, jnp.asarray(known, jnp.float32))


SMALL = Config(
    1,
    3,
    width=5,
    subset=10,
    trees=5,
    block=50,
    warm_up=20,
    capacity=64,
    batch_size=4,
    epsilon_steps=10,
    target_every=30,
    learning_rate=1e-2,
)


@functools.cache
def start(config: Config = SMALL) -> State:
    return jax.jit(dplan.build(config).init)(jax.random.key(0), source())


@functools.cache
def program() -> Any:
    return jax.jit(dplan.build(SMALL).advance)


def moved(state: State, first: int, count: int) -> State:
    clock = Clock(jnp.int32(0), jnp.int32(first), jnp.int32(count), jnp.float32(1))
    return program()(jax.random.key(1), state, source(), clock)[0]


def test_nothing_is_learnt_in_the_warm_up() -> None:
    warm = moved(start(), 0, 20)
    chex.assert_trees_all_equal(warm.model, start().model)
    after = moved(warm, 20, 1)
    changed = jax.tree.map(jnp.array_equal, after.model.params, warm.model.params)
    assert not all(jax.tree.leaves(changed))


def test_the_target_is_zero_then_a_copy_that_stays() -> None:
    assert all(not leaf.any() for leaf in jax.tree.leaves(start().train.target))
    before = moved(start(), 0, 29)
    chex.assert_trees_all_equal(before.train.target, start().train.target)
    copied = moved(before, 29, 1)
    chex.assert_trees_all_equal(copied.train.target, copied.model.params)
    later = moved(copied, 30, 10)
    chex.assert_trees_all_equal(later.train.target, copied.model.params)


def test_transitions_follow_each_other_and_are_rewarded_for_where_they_start() -> None:
    state = moved(start(), 0, 50)
    past = jax.tree.map(lambda leaf: np.asarray(leaf[:50]), state.train.replay)
    np.testing.assert_array_equal(past.following[:-1], past.state[1:])
    assert int(state.train.state) == past.following[-1]
    known = past.state < 6
    expected = np.where(
        past.action == 1, np.where(known, 1, -1), np.where(known, -1, 0)
    )
    np.testing.assert_allclose(past.reward, expected)


def test_stretches_do_not_matter() -> None:
    whole = moved(start(), 0, 50)
    parts = moved(moved(start(), 0, 13), 13, 37)
    chex.assert_trees_all_equal(whole, parts)


def test_a_representation_of_before_is_kept_for_its_steps() -> None:
    """Whatever the stretches; where nothing is learnt it is as good as a new one."""

    def after(every: int, rate: float, *counts: int) -> State:
        config = dataclasses.replace(SMALL, phi_every=every, learning_rate=rate)
        advance = jax.jit(dplan.build(config).advance)
        state, first = start(config), 0
        for count in counts:
            span = jnp.int32(first), jnp.int32(count)
            clock = Clock(jnp.int32(0), *span, jnp.float32(1))
            state = advance(jax.random.key(1), state, source(), clock)[0]
            first += count
        return state

    chex.assert_trees_all_equal(after(7, 1e-2, 50), after(7, 1e-2, 23, 4, 23))
    still = after(7, 1e-20, 50), after(1, 1e-20, 50)
    chex.assert_trees_all_equal(*(one.train.replay for one in still))
    learnt = after(50, 1.0, 50), after(1, 1.0, 50)
    paths = [one.train.replay.following.tolist() for one in learnt]
    assert paths[0] != paths[1]


def test_refresh_rewards_between_zero_and_one() -> None:
    refresh = dplan.build(SMALL).refresh
    assert refresh is not None
    state = refresh(jax.random.key(3), start(), source())
    isolation = np.asarray(state.train.isolation)
    assert isolation[:60].min() == 0 and isolation[:60].max() == 1
    np.testing.assert_array_equal(isolation[60:], 0)


def test_the_most_isolated_unlabelled_rows_are_never_met() -> None:
    config = dataclasses.replace(SMALL, ignored=0.1, p=0.2)
    detector = dplan.build(config)
    assert detector.refresh is not None
    rows_ = source(far=(20, 30))
    state = jax.jit(detector.init)(jax.random.key(0), rows_)
    state = detector.refresh(jax.random.key(3), state, rows_)
    left_out = np.flatnonzero(state.train.left_out)
    assert len(left_out) == 5 and {20, 30} < set(left_out) and left_out.min() >= 6
    again = detector.refresh(jax.random.key(4), state, rows_)
    chex.assert_trees_all_equal(again.train.left_out, state.train.left_out)
    clock = Clock(jnp.int32(0), jnp.int32(0), jnp.int32(50), jnp.float32(1))
    advance = jax.jit(detector.advance)

    def met(state: State) -> set[int]:
        past = advance(jax.random.key(1), state, rows_, clock)[0].train.replay
        return set(np.asarray(past.state[:50]).tolist())

    assert not met(state) & set(left_out) and met(state) & set(range(6))
    whole = state.train._replace(left_out=jnp.zeros_like(state.train.left_out))
    assert met(state._replace(train=whole)) & set(left_out)


def test_nothing_ends_so_values_grow_to_the_horizon() -> None:
    """Reward 1 in both states, for ever, is worth 1 / (1 - discount)."""
    from jaxtsad.detectors.dplan import losses

    rows, q = jnp.eye(2), jnp.zeros((2, 2))
    for _ in range(900):
        goal = losses.td_target(jnp.ones(2), rows[::-1] @ q, 0.99)
        q = q + (goal[:, None] - q)
    np.testing.assert_allclose(q, 100.0, rtol=0.05)


def test_p_is_the_share_of_known_anomalies() -> None:
    config = dataclasses.replace(
        SMALL, p=0.2, block=4_000, warm_up=9_000, capacity=4_000
    )
    detector = dplan.build(config)
    state = jax.jit(detector.init)(jax.random.key(0), source())
    clock = Clock(jnp.int32(0), jnp.int32(0), jnp.int32(4_000), jnp.float32(1))
    state, _ = jax.jit(detector.advance)(jax.random.key(1), state, source(), clock)
    share = float((state.train.replay.following < 6).mean())
    assert abs(share - 0.2) < 3 * (0.2 * 0.8 / 4_000) ** 0.5


def test_the_score_is_the_value_of_calling_it_anomalous() -> None:
    rng = np.random.default_rng(0)
    state = start()
    params = jax.tree.map(
        lambda leaf: leaf + 0.1 * rng.random(leaf.shape, np.float32),
        jax.device_get(state.model.params),
    )
    model = state.model._replace(params=params)
    x = jnp.asarray(rng.random((4, 3)), jnp.float32)
    layer, out = params["hidden"], params["out"]
    hidden = np.maximum(np.asarray(x) @ layer["kernel"] + layer["bias"], 0)
    q = hidden @ out["kernel"] + out["bias"]
    found = network.run(QNetwork(5), Network(params, {}), x)
    np.testing.assert_allclose(found.q, q, rtol=1e-5)
    raw = x * model.spread[None] + model.low[None]
    batch = types.Batch(raw[:, None], jnp.ones(4), jnp.arange(4), jnp.zeros(4))
    keys = jax.random.split(jax.random.key(0), 4)
    scores = dplan.build(SMALL).score(keys, model, batch)
    np.testing.assert_allclose(scores, q[:, 1], rtol=1e-4)


def table(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two normal clusters and known anomalies half way between them."""
    rng = np.random.default_rng(seed)
    ends = rng.uniform(0.2, 0.8, (2, 10))
    centres = np.stack([*ends, ends.mean(axis=0)])

    def drawn(count: int, which: np.ndarray) -> np.ndarray:
        return centres[which] + 0.05 * rng.normal(size=(count, 10))

    train = drawn(1060, np.repeat([0, 1, 2], [500, 500, 60]))
    test = drawn(460, np.repeat([0, 1, 2], [200, 200, 60]))
    return train, np.repeat([0, 1], [1000, 60]), test, np.repeat([0, 1], [400, 60])


def test_known_anomalies_are_found_alone_and_together() -> None:
    train, known, test, labels = table()
    setup = Setup(
        "dplan", PRESET, kind="samples", scaler="none", validation=0.1, plan=PLAN
    )

    def aucs(seeds: tuple[int, ...]) -> list[float]:
        fitted = fitting.fit(setup, [("table", train)], known=[known], seeds=seeds)
        parts = [members.test_part(fitted, i, "test", test) for i in range(len(seeds))]
        found = scoring.aggregated(fitted, parts)
        return [float(point.auc_roc(labels, one)) for one in found]

    together = aucs((0, 1))
    forest = IsolationForest(random_state=0).fit(train[known == 0])
    baseline = float(point.auc_roc(labels, -forest.score_samples(test)))
    assert min(together) > max(0.9, baseline)


def test_statistics_of_a_window_by_hand() -> None:
    wave = np.sin(2 * np.pi * np.arange(8) / 4)
    ramp = np.arange(8.0)
    values = jnp.asarray(np.stack([wave, ramp], axis=1)[None], jnp.float32)
    found = np.asarray(window_features.statistics(values)).reshape(10, 2)
    named = dict(zip(window_features.STATISTICS, found, strict=True))
    np.testing.assert_allclose(named["mean"], [0, 3.5], atol=1e-6)
    np.testing.assert_allclose(named["sd"], [wave.std(), ramp.std()], rtol=1e-5)
    np.testing.assert_allclose(named["min"], [-1, 0], atol=1e-6)
    np.testing.assert_allclose(named["max"], [1, 7], atol=1e-6)
    np.testing.assert_allclose(named["slope"][1], 1, rtol=1e-5)
    np.testing.assert_allclose(named["change"], [1, 1], rtol=1e-5)
    np.testing.assert_allclose(named["peak_1"][0], 0.5, rtol=1e-5)
    np.testing.assert_allclose(named["peak_2"][0], 0, atol=1e-6)


@pytest.mark.slow
def test_codes_of_a_frozen_autoencoder_are_rows() -> None:
    time = np.arange(300)[:, None]
    values = np.sin(time / np.array([[3.0, 5.0]])).astype(np.float32)
    windows = views.fit_view(values, 8, 4)
    config = dataclasses.replace(
        SMALL, window=8, channels=2, representation="encoder", latent=3, stand_ins=0
    )

    def start(steps: int) -> State:
        own = dataclasses.replace(config, encoder_steps=steps)
        return jax.jit(dplan.build(own).init)(jax.random.key(0), windows)

    state = start(60)
    assert state.train.rows.shape == (windows.size, 3)
    batch = windows.take(jnp.arange(4, dtype=jnp.int32))
    found = encoder.codes(config.encoder, state.model.encoder, batch.values)
    unit = (found - state.model.low[None]) / state.model.spread[None]
    np.testing.assert_allclose(unit, state.train.rows[:4], atol=1e-4)

    def error(state: State) -> float:
        made = network.run(config.encoder, state.model.encoder, batch.values)
        return float(jnp.square(made.reconstruction - batch.values).mean())

    assert error(state) < 0.8 * error(start(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p": 1.5}, "p=1.5 must be in"),
        ({"discount": 1.0}, "discount=1.0 must be in"),
        ({"intrinsic": "often"}, "always, a1_unlabelled, none"),
        ({"representation": "fourier"}, "stats, flat, encoder"),
        ({"target_start": "random"}, "zero, online"),
        ({"subset": 0}, "subset=0"),
        ({"ignored": 1.0}, "ignored=1.0 must be in"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(1, 3, **options)
