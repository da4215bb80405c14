"""Latent search: by hand, in chunks, with and without weights, within its memory."""

from __future__ import annotations

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.latent_search import network as dcgan
from jaxtsad.detectors.latent_search import search as latent_search
from jaxtsad.detectors.latent_search.search import Search, SearchResult
from jaxtsad.models import network
from jaxtsad.types import Array, PyTree

MODULE = dcgan.Generator(side=8, rank=2, channels=1, width=4)
LATENT = 3


def linear(params: PyTree, codes: Array) -> Array:
    return codes @ params["w"]


WEIGHTS = {"w": jax.random.normal(jax.random.key(1), (4, 6))}


@functools.cache
def trained() -> network.Network:
    """A generator whose norms are not at their start."""
    made = network.start(jax.random.key(0), MODULE, jnp.zeros((1, LATENT)))
    grown = jax.tree.map(lambda leaf: leaf * 4, made.params)
    return made._replace(params=grown)


def generate(params: PyTree, codes: Array) -> Array:
    moved = trained()._replace(params=params)
    found: Array = network.run(MODULE, moved, codes)
    return found


@functools.cache
def problem(count: int = 5) -> tuple[Array, Array]:
    """Samples that the generator can make, and random starts."""
    keys = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(3)))(
        jnp.arange(count)
    )
    truth = jax.random.normal(jax.random.key(4), (count, LATENT))
    codes = jax.vmap(lambda key: latent_search.starts(key, 3, LATENT))(keys)
    return generate(trained().params, truth), codes


@functools.cache
def searched(how: Search, chunk: int | None = None) -> SearchResult:
    run = jax.jit(functools.partial(latent_search.search, how, generate, chunk=chunk))
    return run(trained().params, *problem())


def test_first_step_by_hand() -> None:
    code, sample = jnp.asarray([0.5, -1.0, 2.0, 0.0]), jnp.ones(6)
    found = latent_search.restart(Search(steps=1), linear, WEIGHTS, sample, code)
    gradient = 2 / 6 * WEIGHTS["w"] @ (code @ WEIGHTS["w"] - sample)
    expected = code - 5e-2 * jnp.sign(gradient)
    np.testing.assert_allclose(found.codes, expected, atol=1e-6)
    plain = Search(steps=1, optimizer="sgd")
    found = latent_search.restart(plain, linear, WEIGHTS, sample, code)
    np.testing.assert_allclose(found.codes, code - 5e-2 * gradient, atol=1e-6)


def test_no_steps_is_the_error_of_the_start() -> None:
    code, sample = jnp.asarray([0.5, -1.0, 2.0, 0.0]), jnp.ones(6)
    found = latent_search.restart(Search(steps=0), linear, WEIGHTS, sample, code)
    expected = jnp.square(code @ WEIGHTS["w"] - sample).mean()
    np.testing.assert_allclose(found.losses, expected[None], rtol=1e-6)


def test_k_gradients_and_one_more_pass() -> None:
    passes = []

    def counted(params: PyTree, codes: Array) -> Array:
        jax.debug.callback(lambda: passes.append(1))
        return linear(params, codes)

    found = latent_search.restart(
        Search(steps=7), counted, WEIGHTS, jnp.ones(6), jnp.ones(4)
    )
    jax.effects_barrier()
    assert len(passes) == 8 and found.losses.shape == (8,)


def test_a_sample_that_can_be_made_is_found() -> None:
    found = searched(Search(steps=40))
    assert (found.losses[..., -1] < found.losses[..., 0]).mean() >= 0.95
    samples, _ = problem()
    exact = jax.random.normal(jax.random.key(4), (5, LATENT))[:, None]
    run = jax.jit(functools.partial(latent_search.search, Search(), generate))
    stays = run(trained().params, samples, exact)
    assert stays.losses[..., 0].max() < 1e-6 and stays.losses.max() < 1e-3


@pytest.mark.parametrize("chunk", [1, 2])
def test_chunks_do_not_matter(chunk: int) -> None:
    whole, pieces = searched(Search(), None), searched(Search(), chunk)
    chex.assert_trees_all_close(whole, pieces, rtol=1e-4, atol=1e-5)


def test_order_and_restarts_do_not_matter() -> None:
    whole = searched(Search())
    samples, codes = problem()
    run = jax.jit(functools.partial(latent_search.search, Search(), generate))
    backwards = run(trained().params, samples[::-1], codes[::-1])
    np.testing.assert_allclose(
        backwards.losses[::-1], whole.losses, rtol=1e-4, atol=1e-5
    )
    alone = [run(trained().params, samples, codes[:, r : r + 1]) for r in range(3)]
    mean = np.mean([one.score for one in alone], axis=0)
    np.testing.assert_allclose(whole.score, mean, rtol=1e-4, atol=1e-6)
    assert (whole.lowest <= whole.score).all()


def test_weights_move_apart_and_are_dropped() -> None:
    before = jax.tree.map(jnp.copy, trained().params)
    frozen, copied = searched(Search()), searched(Search(theta="per_seed"))
    np.testing.assert_allclose(copied.score, frozen.score, rtol=1e-3)
    loose = searched(Search(theta="per_seed", weight_rate=1e-3))
    assert (loose.score < frozen.score).all()
    latest = latent_search.module_names(trained().params)
    last = Search(theta="delta_last", latest=latest, weight_rate=1e-3)
    assert (searched(last).score != frozen.score).all()
    chex.assert_trees_all_equal(before, trained().params)


def test_what_the_originals_weight_rate_does_in_float32() -> None:
    for start, moved in ((0.126, 0.0), (0.5, 0.0), (1.0, 0.0), (0.01, 1.06e-7)):
        value = np.float32(start)
        for _ in range(19):
            value = value - np.float32(6e-9)
        np.testing.assert_allclose(np.float32(start) - value, moved, atol=1e-9)


def test_a_warm_start_goes_on_where_the_last_window_ended() -> None:
    sample = problem()[0][:1]
    samples = jnp.repeat(sample, 3, axis=0)
    codes = problem()[1][:3]
    run = jax.jit(functools.partial(latent_search.follow, Search(), generate))
    found = run(trained().params, samples, codes)
    for before, after in ((0, 1), (1, 2)):
        np.testing.assert_allclose(
            found.losses[after, 0, 0], found.lowest[before], rtol=1e-4
        )


def test_the_memory_formula_grows_with_the_budget() -> None:
    original = dcgan.Generator()
    params = jax.eval_shape(original.init, jax.random.key(0), jnp.zeros((1, 100)))[
        "params"
    ]
    stats = jax.eval_shape(original.init, jax.random.key(0), jnp.zeros((1, 100)))[
        "stats"
    ]

    def make(params: PyTree, codes: Array) -> Array:
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), stats)
        return original.apply({"params": params, "stats": zeros}, codes)

    sizes = {}
    for theta in ("frozen", "per_seed"):
        sizes[theta] = [
            latent_search.chunk_size(
                Search(theta=theta, max_memory_gb=room), make, params, 100
            )
            for room in (0.1, 8, 24, 80)
        ]
        assert sizes[theta] == sorted(sizes[theta])
    assert sizes["per_seed"][0] == 1 and 8 <= sizes["per_seed"][1] <= 14
    assert sizes["frozen"][1] > 5 * sizes["per_seed"][1]


@pytest.mark.parametrize("theta", ["frozen", "per_seed"])
def test_a_chunk_stays_within_its_budget(theta: latent_search.Theta) -> None:
    how = Search(theta=theta, max_memory_gb=2e-3)
    size = latent_search.chunk_size(how, generate, trained().params, LATENT)
    samples = jnp.zeros((2 * size + 1, 8, 8, 1))
    codes = jnp.zeros((len(samples), 3, LATENT))
    run = jax.jit(functools.partial(latent_search.search, how, generate))
    compiled = run.lower(trained().params, samples, codes).compile()
    used = compiled.memory_analysis()
    assert size > 1
    assert used.temp_size_in_bytes < how.max_memory_gb * 2**30


def test_trajectories_are_as_long_as_the_search() -> None:
    how = dataclasses.replace(Search(), steps=4, restarts=2)
    found = latent_search.search(
        how, linear, WEIGHTS, jnp.ones((5, 6)), jnp.zeros((5, 2, 4))
    )
    assert found.losses.shape == (5, 2, 5) and found.samples.shape == (5, 2, 6)


def test_frames_are_the_searches_own_pictures() -> None:
    how = Search(steps=4)
    sample, code = jnp.ones(6), jnp.ones(4)
    made = latent_search.frames(how, linear, WEIGHTS, sample, code)
    found = latent_search.restart(how, linear, WEIGHTS, sample, code)
    errors = jnp.square(made - sample[None]).mean(1)
    np.testing.assert_allclose(errors, found.losses, rtol=1e-5)
