"""Latent search as a detector: its scores' unit, and its encoder."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from jaxtsad.detectors.latent_search import detector as latent_search
from jaxtsad.detectors.latent_search.config import TINY, Config
from jaxtsad.detectors.latent_search.detector import Model
from jaxtsad.models import network
from jaxtsad.types import Array, Batch, Clock
from tests.detectors import views

STEADY = dataclasses.replace(TINY, search_steps=2)


def rows(config: Config) -> Batch:
    sides = (8, 8) if config.images else (8,)
    shape = (3, *sides, config.channels)
    values = jax.random.uniform(jax.random.key(1), shape, minval=-0.9, maxval=0.9)
    return Batch(values, jnp.ones(3), jnp.arange(3, dtype=jnp.int32), jnp.zeros(3))


@functools.cache
def begun(config: Config) -> Model:
    model: Model = jax.jit(latent_search.build(config).init)(
        jax.random.key(0), None
    ).model
    return model


def scores(config: Config, batch: Batch) -> Array:
    """Scores by a generator that is the same whatever the score's options are."""
    plain = dataclasses.replace(config, error="mse", scored=())
    return views.run(latent_search.build(config), "score", begun(plain), batch)


@pytest.mark.parametrize(
    ("layout", "empty"),
    [("window", 0.0), pytest.param("image", -1.0, marks=pytest.mark.slow)],
    ids=["window", "image"],
)
def test_a_relative_error_is_a_share_of_the_empty_samples(
    layout: str, empty: float
) -> None:
    config = dataclasses.replace(STEADY, layout=layout)
    batch = rows(config)
    plain = scores(config, batch)
    share = scores(dataclasses.replace(config, error="relative"), batch)
    axes = tuple(range(1, batch.values.ndim))
    whole = jnp.square(batch.values - empty).mean(axes)
    expected = plain / whole.reshape(-1, *(1,) * (plain.ndim - 1))
    np.testing.assert_allclose(share, expected, rtol=1e-5)


@pytest.mark.slow
def test_channels_that_are_scored_have_the_whole_score_as_their_mean() -> None:
    batch = rows(STEADY)
    parts = [
        scores(dataclasses.replace(STEADY, scored=(one,)), batch)
        for one in range(STEADY.channels)
    ]
    np.testing.assert_allclose(np.mean(parts, axis=0), scores(STEADY, batch), rtol=1e-5)
    assert not np.allclose(parts[0], parts[1])


def test_a_sample_that_is_itself_empty_has_a_finite_score() -> None:
    config = dataclasses.replace(STEADY, error="relative")
    batch = rows(config)
    blank = batch._replace(values=jnp.zeros_like(batch.values))
    assert np.isfinite(scores(config, blank)).all()


def test_norms_may_go_by_the_one_sample_that_is_made() -> None:
    config = dataclasses.replace(STEADY, search_steps=0, bn_eval="sample")
    model, batch = begun(STEADY), rows(config)
    found = views.run(latent_search.build(config), "inspect", model, batch)
    generator = config.recipe().generator
    for row, losses, codes in zip(
        found["reconstruction"], found["losses"], found["codes"], strict=True
    ):
        code = codes[losses[:, -1].argmin()][None]
        made, _ = network.train(generator, model.generator, code, jnp.ones(1))
        np.testing.assert_allclose(row, made[0], rtol=1e-4, atol=1e-5)
        running = network.run(generator, model.generator, code)[0]
        assert np.abs(np.asarray(row - running)).max() > 1e-2


@pytest.mark.slow
def test_an_encoder_is_taught_and_gives_the_first_start() -> None:
    config = dataclasses.replace(
        STEADY, start="encoder", reconstruction=10.0, average=0.5, search_steps=0
    )
    detector = latent_search.build(config)
    values = np.asarray(rows(config).values).reshape(-1, config.channels)
    source = views.fit_view(values, 8)
    state = jax.jit(detector.init)(jax.random.key(0), source)
    clock = Clock(jnp.int32(0), jnp.int32(0), jnp.int32(1), jnp.float32(1))
    after, metrics = jax.jit(detector.advance)(jax.random.key(2), state, source, clock)
    assert np.isfinite(metrics["encoder"])
    for before, later in (
        (state.model.encoder, after.model.encoder),
        (state.model.generator, after.model.generator),
    ):
        moved = jax.tree.map(lambda a, b: bool((a != b).any()), before, later)
        assert all(jax.tree.leaves(moved.params))
    # The mean of the last weights and the first, which are given with it.
    last = after.train.gan.params["generator"]["Conv_0"]["kernel"]
    first = state.model.generator.params["Conv_0"]["kernel"]
    kept = after.model.generator.params["Conv_0"]["kernel"]
    np.testing.assert_allclose(kept, (last + first) / 2, rtol=1e-5, atol=1e-7)

    batch, keys = rows(config), jax.random.split(jax.random.key(0), 3)
    seen = jax.jit(detector.inspect)(keys, after.model, batch)["codes"]
    other = jax.tree.map(lambda leaf: leaf * 1.5, after.model.encoder)
    moved = after.model._replace(encoder=other)
    again = jax.jit(detector.inspect)(keys, moved, batch)["codes"]
    assert (seen[:, 0] != again[:, 0]).any()
    np.testing.assert_array_equal(seen[:, 1:], again[:, 1:])


@pytest.mark.parametrize(
    ("name", "value"), [("error", "absolute"), ("reconstruction", -1.0)]
)
def test_bad_options_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        dataclasses.replace(TINY, **{name: value})


def test_kernels_are_made_ready_before_the_steps(monkeypatch) -> None:
    config = dataclasses.replace(STEADY, layout="image")
    assert config.theta == "frozen" and config.bn_eval == "running"
    model, keys = begun(config), jax.random.split(jax.random.key(2), 3)
    kernels = [x for x in jax.tree.leaves(model.generator.params) if x.ndim == 4]
    largest = max(kernel.size for kernel in kernels)

    def search(values: Array) -> Any:
        return latent_search.search_codes(config, keys, model, values)

    values = rows(config).values
    assert largest not in turned_in_loops(jax.make_jaxpr(search)(values).jaxpr)
    found = jax.jit(search)(values)
    monkeypatch.setattr(network, "matrices", lambda *given: None)
    jax.clear_caches()
    assert largest in turned_in_loops(jax.make_jaxpr(search)(values).jaxpr)
    chex.assert_trees_all_close(found, jax.jit(search)(values), rtol=1e-6)


def turned_in_loops(jaxpr: Any, inside: bool = False) -> set[int]:
    """Sizes of the arrays that are transposed in loops."""
    found = set()
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if inside and name == "transpose":
            found.add(equation.outvars[0].aval.size)
        for inner in jaxprs_in_params(equation.params):
            found |= turned_in_loops(inner, inside or name == "scan")
    return found
