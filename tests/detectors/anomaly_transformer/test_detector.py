"""The Anomaly Transformer as a detector: steps, alternation, scores and options."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad import detectors, types
from jaxtsad.detectors.anomaly_transformer import detector as anomaly_transformer
from jaxtsad.detectors.anomaly_transformer import pytorch as interop
from jaxtsad.detectors.anomaly_transformer import training
from jaxtsad.detectors.anomaly_transformer.config import MODES, TINY, Config
from jaxtsad.detectors.anomaly_transformer.detector import build, minimax
from jaxtsad.models.anomaly_attention import PRIOR_PARAMS
from jaxtsad.ops import products, windows
from jaxtsad.types import Clock

ALTERNATING = dataclasses.replace(
    TINY, layers=1, minimax="alternating", kl_direction="sp_ps"
)
ONE_LAYER = dataclasses.replace(TINY, layers=1)
VARIANTS = {
    "alternating": {},
    "unstopped": {"stop_partner": False, "epsilon": "clip", "clip_gradients": 1.0},
    "by_head": {"prior_param": "head", "prior_in_output": True},
}


def source(config=TINY):
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(120)[:, None] / 3 + rng.uniform(0, 6, config.channels))
    values = (wave + 0.1 * rng.normal(size=wave.shape)).astype(np.float32)
    fit, _ = types.cut_train(values, window=config.window, validation=0)
    return windows.view(fit, config.window, 1)


BATCH = source().take(jnp.arange(16, dtype=jnp.int32))
KEYS = jax.random.split(jax.random.key(0), 16)


@functools.cache
def start(config=TINY):
    return jax.jit(build(config).init)(jax.random.key(0), source(config))


@functools.cache
def stepper(config):
    step = minimax(config).step
    return jax.jit(lambda state: step(jax.random.key(0), state, BATCH, 1.0, config.k))


def moved(before, after, group):
    """Whether each leaf of a group changed, by its path."""
    labels = jax.tree.leaves(training.groups(before))
    paths = jax.tree_util.tree_leaves_with_path(before)
    changed = zip(labels, paths, jax.tree.leaves(after), strict=True)
    return {
        jax.tree_util.keystr(path): bool((old != new).any())
        for label, (path, old), new in changed
        if label == group
    }


def moving(changes):
    """Those that moved, and those that did not."""
    return [p for p, m in changes.items() if m], [
        p for p, m in changes.items() if not m
    ]


@pytest.mark.parametrize("name", VARIANTS)
def test_each_phase_moves_its_own_parameters_only(name):
    config = dataclasses.replace(ALTERNATING, **VARIANTS[name])
    state = start(config)
    for half, other in (("series", "prior"), ("prior", "series")):
        alone = dataclasses.replace(config, **{f"{other}_updates": 0})
        after, metrics = stepper(alone)(state)
        prior = moving(moved(state.model, after.model, "prior"))
        rest = [
            moving(moved(state.model, after.model, group))
            for group in ("series", "other")
        ]
        if half == "series":
            assert not prior[0], "the prior stands still in the series phase"
            # A key's bias has no gradient: softmax ignores what is added to a row.
            still = [path for one in rest for path in one[1]]
            assert all("'key']['bias'" in path for path in still)
        else:
            assert not prior[1], "the whole prior moves in the prior phase"
            assert not rest[0][0] and not rest[1][0]
        assert all(np.isfinite(value) for value in metrics.values())


def test_frozen_moments_do_not_advance():
    state = start(ALTERNATING)
    alone = dataclasses.replace(ALTERNATING, prior_updates=0)
    after, _ = stepper(alone)(state)
    jax.tree.map(np.testing.assert_array_equal, after.train[1], state.train[1])
    counts = [leaf for leaf in jax.tree.leaves(after.train[0]) if leaf.ndim == 0]
    assert counts and all(count == 1 for count in counts)


@pytest.mark.parametrize("prior_param", PRIOR_PARAMS)
@pytest.mark.parametrize("mode", MODES)
def test_every_leaf_has_one_group_and_the_prior_is_what_makes_sigma(mode, prior_param):
    sizes = {"window": 8, "channels": 3, "width": 8, "heads": 2, "hidden": 8}
    chosen = {**sizes, "mode": mode, "prior_param": prior_param}
    config = detectors.configure("anomaly_transformer", chosen)
    model = jax.eval_shape(build(config).init, jax.random.key(0), source()).model
    labels = jax.tree.leaves(training.groups(model))
    assert len(labels) == len(jax.tree.leaves(model))
    assert set(labels) == {"prior", "series", "other"}
    per_layer = 1 if prior_param in ("head", "position") else 2
    assert labels.count("prior") == per_layer * config.layers
    assert labels.count("series") == 4 * config.layers


@pytest.mark.slow
def test_each_phase_takes_as_many_steps_as_told():
    config = dataclasses.replace(ALTERNATING, series_updates=2, prior_updates=1)
    after, metrics = stepper(config)(start(ALTERNATING))
    for state, count in zip(after.train, (2, 1), strict=True):
        counts = [leaf for leaf in jax.tree.leaves(state) if leaf.ndim == 0]
        assert counts and all(leaf == count for leaf in counts)
    assert all(np.isfinite(value) for value in metrics.values())


def test_modes_set_what_is_not_given():
    sizes = {"window": 8, "channels": 3}
    reference = detectors.configure("anomaly_transformer", sizes)
    named = detectors.configure("anomaly_transformer", {**sizes, "mode": "reference"})
    assert reference == named
    modified = {**sizes, "mode": "modified"}
    config = detectors.configure("anomaly_transformer", {**modified, "layers": 3})
    assert (config.layers, config.minimax) == (3, "alternating")
    assert config.clip_gradients == 1.0
    with pytest.raises(ValueError, match="mode='new' is unknown; the choices are ref"):
        detectors.configure("anomaly_transformer", {**sizes, "mode": "new"})


@pytest.mark.parametrize(
    "config", [ONE_LAYER, ALTERNATING], ids=["joint", "alternating"]
)
def test_after_a_few_steps_every_leaf_has_moved(config):
    state = before = start(config)
    for _ in range(3):
        state, _ = stepper(config)(state)
    for group in ("prior", "series", "other"):
        _, still = moving(moved(before.model, state.model, group))
        assert all("'key']['bias'" in path for path in still)


def test_joint_and_alternating_prior_steps_agree_where_they_should():
    """A prior's first Adam step depends on the sign of its gradient only."""
    rate = dataclasses.replace(ALTERNATING, kl_direction="symmetric", series_updates=0)
    slow = dataclasses.replace(rate, prior_multiplier=1.0)
    joint, _ = stepper(ONE_LAYER)(start(ONE_LAYER))
    alone, _ = stepper(slow)(start(slow))
    fast, _ = stepper(rate)(start(rate))
    path = ("layer_0", "attention", "sigma", "bias")
    first, second, third, begun = (
        functools.reduce(lambda tree, key: tree[key], path, state.model)
        for state in (joint, alone, fast, start(ONE_LAYER))
    )
    np.testing.assert_allclose(first, second, rtol=0, atol=2e-6)
    np.testing.assert_allclose(third - begun, 10 * (second - begun), rtol=1e-2)


def test_warmup_trains_on_reconstruction_alone():
    config = dataclasses.replace(ONE_LAYER, warmup_epochs=1)
    view, advance = source(), jax.jit(build(config).advance)
    after = {
        epoch: advance(
            jax.random.key(0),
            start(config),
            view,
            Clock(jnp.int32(epoch), jnp.int32(0), jnp.int32(1), jnp.float32(1)),
        )
        for epoch in (0, 1)
    }
    still = moving(moved(start(config).model, after[0][0].model, "prior"))
    assert not still[0]
    metrics = after[0][1]
    np.testing.assert_allclose(metrics["loss1"], metrics["loss"], rtol=1e-6)
    assert moving(moved(start(config).model, after[1][0].model, "prior"))[0]
    assert after[1][1]["loss1"] < after[1][1]["loss"]


def test_padding_changes_neither_step_nor_validation():
    padded = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf]), BATCH)
    weight = padded.weight.at[16:].set(0.0)
    padded = padded._replace(values=padded.values.at[16:].add(7.0), weight=weight)
    step = jax.jit(minimax(ONE_LAYER).step)
    rest = (jnp.float32(1), TINY.k)
    alone, _ = step(jax.random.key(0), start(ONE_LAYER), BATCH, *rest)
    together, _ = step(jax.random.key(0), start(ONE_LAYER), padded, *rest)
    for name, value in interop.from_params(alone.model).items():
        other = interop.from_params(together.model)[name]
        np.testing.assert_allclose(other, value, rtol=0, atol=1e-5, err_msg=name)


def scored(batch=BATCH, **changes):
    detector = build(dataclasses.replace(TINY, **changes))
    return jax.jit(detector.score)(KEYS, start().model, batch)


def test_scores_by_kind():
    error = scored(score="reconstruction")
    shares = scored() / error
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-4)
    uniform = scored(score="sp_rows")
    np.testing.assert_allclose(uniform, error / TINY.window, rtol=1e-4)
    shares = scored(score="sp_cols") / error
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-4)
    assert not np.allclose(shares, 1 / TINY.window, rtol=1e-2)
    np.testing.assert_allclose(scored(temperature=0.0), error / TINY.window, rtol=1e-5)


def test_score_is_the_error_weighted_by_the_associations():
    output = jax.jit(functools.partial(training.apply, training.network(TINY)))(
        start().model, BATCH.values
    )
    weight = anomaly_transformer.weight(TINY, output)
    np.testing.assert_allclose(weight.sum(-1), 1, rtol=1e-5)
    error = jnp.square(output.reconstruction - BATCH.values).mean(-1)
    np.testing.assert_allclose(scored(), weight * error, rtol=1e-5)
    flat = output._replace(series=jnp.full_like(output.series, 3.0))
    constant = anomaly_transformer.weight(TINY, flat) * error
    np.testing.assert_allclose(constant, error / TINY.window, rtol=1e-5)


def test_implementations_score_alike():
    np.testing.assert_allclose(
        scored(implementation="definition"),
        scored(implementation="xla"),
        rtol=2e-3,
        atol=1e-6,
    )


@pytest.mark.parametrize("stored", [jnp.float32, jnp.bfloat16])
def test_bfloat16_is_close_and_keeps_what_it_learns_in_float32(stored, monkeypatch):
    monkeypatch.setattr(products, "stored", lambda precision: stored)
    narrow = dataclasses.replace(ONE_LAYER, precision="bfloat16")
    state = start(ONE_LAYER)
    after, metrics = stepper(narrow)(state)
    _, expected = stepper(ONE_LAYER)(state)
    assert {leaf.dtype for leaf in jax.tree.leaves(after.model)} == {
        np.dtype(np.float32)
    }
    for name, value in metrics.items():
        assert value.dtype == jnp.float32
        np.testing.assert_allclose(value, expected[name], rtol=0.05, atol=0.05)
    assert float(metrics["loss"]) != float(expected["loss"])


def test_inspect_shapes():
    found = jax.jit(build(TINY).inspect)(KEYS, start().model, BATCH)
    length, layers, heads = TINY.window, TINY.layers, TINY.heads
    assert found["series"].shape == (16, layers, heads, length, length)
    assert found["prior"].shape == (16, layers, heads, length, length)
    assert found["sigma"].shape == (16, layers, heads, length)
    assert found["discrepancy"].shape == (16, layers, length)
    assert found["reconstruction"].shape == BATCH.values.shape
    product = found["error"] * found["weight"]
    np.testing.assert_allclose(product, scored(), rtol=1e-4)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("score", "best", "is unknown; the choices are assdis, reconstruction"),
        ("minimax", "both", "is unknown; the choices are joint, alternating"),
        ("kl_direction", "up", "is unknown; the choices are symmetric, sp_ps"),
        ("epsilon", "tiny", "is unknown; the choices are additive, clip, none"),
        ("prior_param", "flat", "is unknown; the choices are dynamic"),
        ("implementation", "fast", "is unknown; the choices are auto"),
        ("precision", "half", "is unknown; the choices are float32, default"),
        ("width", 9, "must be a multiple of heads=2"),
        ("layers", 0, "must be a whole number of at least 1"),
        ("dropout", 1.0, "must be in"),
        ("k", -1.0, "must be a number of at least 0"),
        ("learning_rate", 0.0, "must be a number above 0"),
    ],
)
def test_bad_options_are_named(option, value, message):
    with pytest.raises(ValueError, match=f"^{option}={value!r} {message}"):
        dataclasses.replace(TINY, **{option: value})


def test_equal_configs_are_built_once():
    assert build(TINY) is build(dataclasses.replace(TINY))
    assert hash(TINY) == hash(dataclasses.replace(TINY))


@pytest.mark.slow
def test_a_training_step_of_a_long_window_needs_a_tenth_of_the_memory():
    """Window 2048, batch 1, width 512, beside the arrays of the definition."""

    def used(implementation):
        config = Config(
            window=2048, channels=25, batch_size=1, implementation=implementation
        )
        step = minimax(config).step
        key = jax.random.key(0)
        state = jax.eval_shape(build(config).init, key, None)
        batch = types.Batch(
            jax.ShapeDtypeStruct((1, config.window, config.channels), jnp.float32),
            jax.ShapeDtypeStruct((1,), jnp.float32),
            jax.ShapeDtypeStruct((1,), jnp.int32),
            jax.ShapeDtypeStruct((1,), jnp.float32),
        )
        run = jax.jit(lambda state, batch: step(key, state, batch, 1.0, config.k))
        compiled = run.lower(state, batch).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert 10 * used("auto") < used("definition")
