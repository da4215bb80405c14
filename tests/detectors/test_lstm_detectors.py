"""The LSTM detectors: options, schedules, fleets, collapse, and learning to fit."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad import detectors, types
from jaxtsad.detectors.lstm_attention import config as lstm_attention_config
from jaxtsad.detectors.lstm_attention import detector as lstm_attention
from jaxtsad.detectors.lstm_vae import config as lstm_vae_config
from jaxtsad.detectors.lstm_vae import detector as lstm_vae
from jaxtsad.detectors.lstm_vae import losses as objectives
from jaxtsad.ops import windows
from jaxtsad.training import fit, fleet, plan
from jaxtsad.types import Batch, Clock, Detector, State

NAMES = ("lstm_autoencoder", "lstm_vae", "lstm_attention")
SLOWER = ("lstm_autoencoder", "lstm_attention")
each_detector = pytest.mark.parametrize("name", NAMES)


def view(values: np.ndarray, length: int, stride: int = 1) -> windows.WindowView:
    part, _ = types.cut_train(values, window=length, validation=0)
    return windows.view(part, length, stride)


def noise(steps: int, channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(steps, channels))


def batch_of(values: jax.Array) -> Batch:
    rows = len(values)
    index = jnp.arange(rows, dtype=jnp.int32)
    return Batch(values, jnp.ones(rows), index, jnp.zeros(rows))


def clock(epoch: int, count: int) -> Clock:
    return Clock(jnp.int32(epoch), jnp.int32(0), jnp.int32(count), jnp.float32(1))


def advanced(detector: Detector, source: Any, epoch: int) -> tuple[State, Any]:
    state = jax.jit(detector.init)(jax.random.key(0), source)
    return jax.jit(detector.advance)(jax.random.key(1), state, source, clock(epoch, 1))


@pytest.mark.parametrize(
    "name", ["lstm_vae", *(pytest.param(n, marks=pytest.mark.slow) for n in SLOWER)]
)
def test_two_members_together_equal_each_alone_after_three_steps(name: str) -> None:
    config = detectors.module(name).TINY
    detector = detectors.module(name).build(config)
    sources = [view(noise(70, config.channels, seed), config.window) for seed in (0, 1)]
    keys = jax.random.split(jax.random.key(2), 2)

    def three(key: jax.Array, source: Any) -> Any:
        return detector.advance(key, detector.init(key, source), source, clock(0, 3))[0]

    together = jax.jit(jax.vmap(three))(keys, fleet.stack(sources))
    alone = [jax.jit(three)(keys[n], sources[n]) for n in range(2)]
    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone)
    chex.assert_trees_all_close(together.model, expected.model, atol=1e-5, rtol=1e-5)


@each_detector
def test_bad_values_are_fatal_and_named(name: str) -> None:
    bad = {
        "batch_size": 0,
        "hidden": 2.5,
        "learning_rate": 0.0,
        "clip_gradients": -1.0,
        "implementation": "fast",
        "window": "ten",
    }
    bad |= {
        "lstm_autoencoder": {"decoder_init": "ones", "reverse_target": 2, "layers": 0},
        "lstm_vae": {"objective": "elbo", "beta": -1, "samples": 1.5, "latent": 0},
        "lstm_attention": {"bottleneck": "max", "dropout": 1, "teaching_epochs": -1},
    }[name]
    for option, value in bad.items():
        with pytest.raises(ValueError, match=f"^{option}={value!r}"):
            detectors.load(name, {"window": 8, "channels": 2, option: value})


def test_vae_scores_the_distance_from_what_a_dead_decoder_says() -> None:
    """A decoder that always says 0 gives the mean squared (scaled) value exactly."""
    config = lstm_vae_config.TINY
    detector = lstm_vae.build(config)
    values = jnp.asarray(noise(5 * config.window, config.channels), jnp.float32)
    values = values.reshape(5, config.window, config.channels)
    model = jax.jit(detector.init)(jax.random.key(0), None).model
    model["readout"] = jax.tree.map(jnp.zeros_like, model["readout"])
    keys = jax.random.split(jax.random.key(1), 5)
    found = jax.jit(detector.score)(keys, model, batch_of(values))
    np.testing.assert_allclose(found, np.mean(values**2, axis=-1), rtol=1e-6)


def test_vae_collapse_shows_in_validation() -> None:
    config = lstm_vae_config.TINY
    detector = lstm_vae.build(config)
    source = view(noise(90, config.channels), config.window)
    model = jax.jit(detector.init)(jax.random.key(0), source).model
    validate = jax.jit(detector.validate)
    alive = validate(jax.random.key(0), model, source)
    assert set(alive) == {"loss", "mse", "kl", "active_latents", "kl_per_latent"}
    posterior = detector.inspect(None, model, source.take(jnp.arange(source.size)))
    variance = np.asarray(posterior["mean"]).var(axis=0)
    np.testing.assert_allclose(alive["active_latents"], (variance > 0.01).mean())
    np.testing.assert_allclose(
        alive["kl_per_latent"], posterior["divergence"].mean(), rtol=1e-5
    )
    for part in ("mean", "log_variance"):
        model[part] = jax.tree.map(jnp.zeros_like, model[part])
    dead = validate(jax.random.key(0), model, source)
    assert objectives.collapsed(jax.device_get(dead)) is not None


def test_vae_warm_up_starts_without_divergence() -> None:
    source = view(noise(30, 3), lstm_vae_config.TINY.window)
    config = dataclasses.replace(lstm_vae_config.TINY, beta=0.5, warmup_epochs=4)
    detector = lstm_vae.build(config)
    for epoch, beta in ((0, 0.0), (2, 0.25), (4, 0.5)):
        _, sums = advanced(detector, source, epoch)
        loss, mse, kl = (float(sums[n] / sums["weight"]) for n in ("loss", "mse", "kl"))
        np.testing.assert_allclose(loss, mse + beta * kl, rtol=1e-5)


def test_vae_may_average_over_drawn_codes() -> None:
    values = jnp.asarray(noise(32, 3), jnp.float32).reshape(4, 8, 3)
    keys = jax.random.split(jax.random.key(1), 4)
    one = lstm_vae.build(dataclasses.replace(lstm_vae_config.TINY, samples=1))
    many = lstm_vae.build(dataclasses.replace(lstm_vae_config.TINY, samples=3))
    model = jax.jit(one.init)(jax.random.key(0), None).model
    first = jax.jit(one.explain)(keys, model, batch_of(values))
    again = jax.jit(one.explain)(keys, model, batch_of(values))
    other = jax.jit(one.explain)(keys[::-1], model, batch_of(values))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-5
    mean = jax.jit(many.explain)(keys, model, batch_of(values))
    assert np.abs(first - mean).max() > 1e-5
    np.testing.assert_allclose(
        jax.jit(many.score)(keys, model, batch_of(values)), mean.sum(-1), rtol=1e-5
    )


def test_attention_is_taught_less_and_less() -> None:
    source = view(noise(30, 3), lstm_attention_config.TINY.window)
    plain = dataclasses.replace(lstm_attention_config.TINY, dropout=0.0)
    taught = lstm_attention.build(dataclasses.replace(plain, teaching_epochs=4))
    free = lstm_attention.build(plain)
    for epoch, same in ((0, False), (4, True)):
        losses = [advanced(one, source, epoch)[1]["loss"] for one in (free, taught)]
        assert np.allclose(*losses, rtol=1e-5) == same


def test_attention_shows_where_it_looks() -> None:
    config = lstm_attention_config.TINY
    detector = lstm_attention.build(config)
    source = view(noise(30, config.channels), config.window)
    model = jax.jit(detector.init)(jax.random.key(0), source).model
    seen = jax.jit(detector.inspect)(None, model, source.take(jnp.arange(3)))
    assert seen["attention"].shape == (3, config.window, config.window)
    np.testing.assert_allclose(seen["attention"].sum(-1), 1.0, rtol=1e-5)
    assert seen["reconstruction"].shape == (3, config.window, config.channels)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "bar"),
    [
        ("lstm_autoencoder", {"batch_size": 16}, 0.01),
        ("lstm_vae", {"beta": 1e-3, "batch_size": 16}, 0.05),
        ("lstm_attention", {"batch_size": 16}, 0.01),
    ],
)
def test_each_fits_a_sine(name: str, options: dict[str, Any], bar: float) -> None:
    """64 windows of a noiseless sine within 300 epochs."""
    length = 10
    wave = np.sin(np.arange(63 + length) * 2 * np.pi / 12)[:, None]
    source = view(wave, length)
    assert source.size == 64
    detector = detectors.load(name, {"window": length, "channels": 1, **options})
    result = fit.fit(
        jax.random.key(0)[None],
        detector,
        fleet.stack([source]),
        plan=plan.Plan(epochs=300, stop="none"),
    )
    keys = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(1)))(
        jnp.arange(64)
    )
    batch = source.take(jnp.arange(64, dtype=jnp.int32))
    score = jax.jit(detector.score)(keys, fleet.member(result.model, 0), batch)
    assert float(score.mean()) < bar
