"""GANomaly as a detector: sizes, who teaches whom, resets, batches, learning."""

from __future__ import annotations

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.ganomaly import detector as ganomaly
from jaxtsad.detectors.ganomaly import losses as objectives
from jaxtsad.detectors.ganomaly import training as _ganomaly
from jaxtsad.detectors.ganomaly.config import Config
from jaxtsad.detectors.ganomaly.network import Output
from jaxtsad.detectors.ganomaly.training import GanTrainer, Networks
from jaxtsad.evaluation.metrics import point
from jaxtsad.training import fit, fleet, plan
from jaxtsad.types import Batch, Clock
from tests.detectors import views

SMALL = Config(window=8, channels=2, latent=3, width=4, batch_size=8)


@functools.cache
def begun() -> tuple[GanTrainer, Networks, jax.Array, jax.Array]:
    trainer = SMALL.trainer()
    x = jax.random.normal(jax.random.key(1), (6, 8, 2))
    players = jax.jit(lambda key: trainer.start(key, x[:1]))(jax.random.key(0))
    return trainer, players, x, jnp.ones(6)


def rows(values: jax.Array) -> Batch:
    index = jnp.arange(len(values), dtype=jnp.int32)
    return Batch(values, jnp.ones(len(values)), index, jnp.zeros(len(values)))


@pytest.mark.parametrize(
    ("side", "channels", "sizes"),
    [
        (32, 1, (1_066_752, 1_066_880, 3_200_384, 661_248)),
        (32, 3, (1_068_800, 1_068_928, 3_206_528, 663_296)),
        (64, 3, (3_576_576, 3_576_704, 10_729_856, 2_765_568)),
    ],
)
def test_sizes_and_shapes_of_the_published_networks(
    side: int, channels: int, sizes: tuple[int, ...]
) -> None:
    config = Config(window=side, channels=channels, layout="image")
    x = jnp.zeros((2, side, side, channels))
    players = jax.eval_shape(lambda: config.trainer().start(jax.random.key(0), x))
    generator = players.generator.params
    parts = (generator["encoder"], generator["decoder"], generator)
    for tree, size in zip((*parts, players.discriminator.params), sizes, strict=True):
        assert sum(leaf.size for leaf in jax.tree.leaves(tree)) == size
    module = config.trainer().generator
    output = jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), x)[0])
    assert output.latent.shape == (2, 100) and output.reconstruction.shape == x.shape
    judge = config.trainer().discriminator
    verdict = jax.eval_shape(lambda: judge.init_with_output(jax.random.key(0), x)[0])
    assert verdict.logit.shape == (2,)
    assert verdict.features.shape == (2, 4, 4, 64 * side // 8)


@pytest.mark.parametrize(
    ("window", "layout"), [(48, "image"), (20, "image"), (7, "window")]
)
def test_sizes_that_cannot_be_halved_are_refused(window: int, layout: str) -> None:
    with pytest.raises(ValueError, match=f"window={window} must be"):
        Config(window=window, channels=1, layout=layout)  # type: ignore[arg-type]


def test_values_of_the_losses() -> None:
    x, code = jnp.zeros((3, 8, 2)), jnp.ones((3, 4))
    features = jnp.ones((3, 4, 5))
    same = objectives.terms(x, Output(code, x, code), features, features, jnp.ones(3))
    assert float(objectives.generator(same, objectives.Weights())) == 0.0
    off = objectives.terms(
        x, Output(code, x + 1, code), features, features, jnp.ones(3)
    )
    assert float(off.contextual) == 1.0
    assert float(objectives.generator(off, objectives.Weights())) == 50.0
    assert objectives.rescaled(jnp.full(3, 2.0)).tolist() == [0.0, 0.0, 0.0]


def test_who_teaches_whom() -> None:
    trainer, players, x, weight = begun()

    def judged(params: object) -> jax.Array:
        own = players._replace(generator=players.generator._replace(params=params))
        made = trainer.generator_loss(params, own, x, weight)[1].output.reconstruction
        return trainer.discriminator_loss(
            players.discriminator.params, players, x, made, weight
        )

    def encoded(params: object) -> jax.Array:
        return trainer.generator_loss(params, players, x, weight)[1].terms.encoder

    both = jax.jit(lambda p: (jax.grad(judged)(p), jax.grad(encoded)(p)))
    from_judge, from_codes = both(players.generator.params)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(from_judge))
    for name in ("encoder", "encoder_again"):
        kernels = [leaf for leaf in jax.tree.leaves(from_codes[name]) if leaf.ndim > 1]
        assert all((leaf != 0).any() for leaf in kernels)


def test_the_winner_is_drawn_anew_and_nobody_else() -> None:
    trainer, players, x, weight = begun()
    lesson = jax.jit(trainer.learn)(players, x, weight)
    move = jax.jit(trainer.move)
    key = jax.random.key(5)
    kept = move(key, players, lesson)
    drawn = move(key, players, lesson._replace(judge_loss=jnp.float32(9e-6)))
    assert (int(kept.resets), int(drawn.resets)) == (0, 1)
    wide = dataclasses.replace(SMALL, width=64).trainer()
    fresh = _ganomaly.start(key, wide.discriminator, x[:1]).params
    kernels = [leaf for leaf in jax.tree.leaves(fresh) if leaf.ndim > 1]
    assert abs(np.concatenate([k.ravel() for k in kernels]).std() / 0.02 - 1) < 0.05
    anew = _ganomaly.start(key, trainer.discriminator, x[:1]).params
    chex.assert_trees_all_close(drawn.discriminator.params, anew, rtol=1e-6)
    for one, other in (
        (kept.generator, drawn.generator),
        (kept.discriminator.stats, drawn.discriminator.stats),
        (kept.discriminator_adam, drawn.discriminator_adam),
    ):
        chex.assert_trees_all_equal(one, other)


def test_scores_depend_on_their_batch_only_where_asked() -> None:
    _, players, x, _ = begun()
    spread = {"mean": jnp.zeros(2), "square": jnp.ones(2)}
    model = ganomaly.Model(players.generator, spread)
    keys = jax.random.split(jax.random.key(0), len(x))
    for bn_eval, same in (("running", True), ("batch", False)):
        config = dataclasses.replace(SMALL, bn_eval=bn_eval)
        score = jax.jit(ganomaly.build(config).score)
        alone = score(keys, model, rows(x.at[1:].multiply(5.0)))[0]
        assert np.allclose(score(keys, model, rows(x))[0], alone, rtol=1e-5) == same


def test_a_longer_window_is_covered_by_its_two_ends() -> None:
    _, players, _, _ = begun()
    model = ganomaly.Model(
        players.generator, {"mean": jnp.zeros(2), "square": jnp.ones(2)}
    )
    longer = jax.random.normal(jax.random.key(3), (2, 11, 2))
    keys = jax.random.split(jax.random.key(0), 2)
    score = ganomaly.build(dataclasses.replace(SMALL, window=11)).score
    exact = ganomaly.build(SMALL).score
    found = score(keys, model, rows(longer))
    head = exact(keys, model, rows(longer[:, :8]))
    tail = exact(keys, model, rows(longer[:, 3:]))
    np.testing.assert_allclose(found[:, :3], head[:, :3], rtol=1e-5)
    np.testing.assert_allclose(found[:, 8:], tail[:, 5:], rtol=1e-5)
    middle = (head[:, 3:] + tail[:, :5]) / 2
    np.testing.assert_allclose(found[:, 3:8], middle, rtol=1e-5)


def test_the_last_batch_is_dropped_where_it_is_not_full() -> None:
    source = views.fit_view(np.zeros((26, 2)), 8)
    assert source.size == 19
    detector = ganomaly.build(SMALL)
    key = jax.random.key(0)
    state = jax.eval_shape(detector.init, key, source)
    state = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), state)
    clock = Clock(jnp.int32(0), jnp.int32(0), jnp.int32(3), jnp.float32(1))
    _, metrics = jax.jit(detector.advance)(key, state, source, clock)
    assert float(metrics["weight"]) == 16.0


@pytest.mark.slow
def test_learns_waves_and_finds_outliers() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(1500)[:, None]
    wave = np.sin(time * 2 * np.pi / np.array([[24.0, 16.0]]))
    wave = wave + 0.05 * rng.normal(size=wave.shape)
    config = Config(window=32, channels=2, width=8, latent=8, batch_size=64)
    config = dataclasses.replace(config, learning_rate=1e-3, norm="layer")
    source = views.fit_view(wave, 32)
    first, last = (
        fit.fit(
            jax.random.key(0)[None],
            ganomaly.build(config),
            fleet.stack([source]),
            plan=plan.Plan(epochs=epochs, stop="none"),
        ).model
        for epochs in (0, 9)
    )
    detector = ganomaly.build(config)
    clean = views.batch(wave[:600], 32)
    assert detector.validate is not None
    losses = [
        jax.jit(detector.validate)(jax.random.key(0), fleet.member(model, 0), source)[
            "contextual"
        ]
        for model in (first, last)
    ]
    assert losses[1] < 0.6 * losses[0]
    marked = rng.random(len(clean.values)) < 0.5
    spiked = np.array(clean.values)
    for index in np.flatnonzero(marked):
        spiked[index, rng.integers(32), rng.integers(2)] += 5.0
    keys = jax.random.split(jax.random.key(0), len(spiked))
    scores = jax.jit(detector.score)(
        keys, fleet.member(last, 0), clean._replace(values=jnp.asarray(spiked))
    ).mean(1)
    assert point.auc_roc(marked.astype(int), np.asarray(scores)) > 0.8
