"""Adversarial training: who moves, what is remembered, and the losses' values."""

from __future__ import annotations

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.latent_search import gan as adversarial
from jaxtsad.detectors.latent_search import network as dcgan
from jaxtsad.detectors.latent_search.gan import Gan, Recipe
from jaxtsad.models import adversarial as objectives

each_loss = pytest.mark.parametrize("loss", adversarial.LOSSES)


@functools.cache
def recipe(loss: adversarial.Loss) -> Recipe:
    norm = "batch" if loss == "gan" else "layer"
    generator = dcgan.Generator(side=8, rank=1, channels=2, width=4)
    return Recipe(generator, dcgan.Discriminator(width=4, norm=norm), 3, loss)


@functools.cache
def begun(loss: adversarial.Loss) -> Gan:
    return jax.jit(recipe(loss).start)(jax.random.key(0), jnp.zeros((1, 8, 2)))


def batch() -> tuple[jax.Array, jax.Array]:
    x = jax.random.normal(jax.random.key(5), (6, 8, 2))
    return x, jnp.asarray([1.0, 1, 1, 1, 1, 0])


@functools.cache
def phases(loss: adversarial.Loss) -> tuple[Gan, Gan]:
    """After three turns of the discriminator, and then three of the generator."""
    x, weight = batch()
    one = recipe(loss)

    def turns(gan: Gan) -> tuple[Gan, Gan]:
        keys = jax.random.split(jax.random.key(1), 3)
        judged, _ = jax.lax.scan(
            lambda gan, key: one.judge_phase(key, gan, x, weight), gan, keys
        )
        made, _ = jax.lax.scan(
            lambda gan, key: one.generator_phase(key, gan, weight), judged, keys
        )
        return judged, made

    return jax.jit(turns)(begun(loss))


@each_loss
def test_a_frozen_player_keeps_every_bit(loss: adversarial.Loss) -> None:
    before, (judged, made) = begun(loss), phases(loss)
    for name, old, new in (
        ("generator", before, judged),
        ("discriminator", judged, made),
    ):
        chex.assert_trees_all_equal(old.params[name], new.params[name])
        chex.assert_trees_all_equal(old.stats[name], new.stats[name])
        chex.assert_trees_all_equal(old.optimizers[name], new.optimizers[name])


@each_loss
def test_the_other_player_moves_in_every_leaf(loss: adversarial.Loss) -> None:
    before, (judged, made) = begun(loss), phases(loss)
    for name, old, new in (
        ("discriminator", before, judged),
        ("generator", judged, made),
    ):
        same = jax.tree.map(lambda a, b: bool((a == b).all()), old.params, new.params)
        if loss == "wgan_gp" and name == "discriminator":
            # A bias of the critic's output cancels between real and made samples.
            assert same[name]["Conv_1"].pop("bias")
        assert not any(jax.tree.leaves(same[name]))


@each_loss
def test_rows_of_weight_0_do_not_matter(loss: adversarial.Loss) -> None:
    x, weight = batch()
    step = jax.jit(recipe(loss).step)
    key = jax.random.key(2)
    found, metrics = step(key, begun(loss), x, weight)
    other, _ = step(key, begun(loss), x.at[5].set(1e3), weight)
    chex.assert_trees_all_close(found, other, atol=1e-7)
    assert set(metrics) == {"loss", "discriminator"}
    assert np.isfinite(list(metrics.values())).all()


def test_losses_of_the_undecided_and_of_a_linear_critic() -> None:
    half, row = jnp.zeros(4), jnp.ones(4)
    loss = objectives.discriminator(half, half, row)
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)
    np.testing.assert_allclose(objectives.generator(half, row), np.log(2), rtol=1e-6)
    x = jax.random.normal(jax.random.key(0), (4, 9))
    for norm, expected in ((1.0, 0.0), (3.0, 4.0)):
        slope = jnp.full(9, norm / 3)
        found = objectives.gradient_penalty(
            lambda x, slope=slope: x @ slope, x, -x, jnp.linspace(0, 1, 4), row
        )
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_confident_verdicts_are_cut_as_the_references() -> None:
    found = objectives.cross_entropy(jnp.asarray([-1e4]), True, jnp.ones(1))
    assert float(found) == 100.0


def test_sizes_are_the_originals() -> None:
    maker, judge = dcgan.Generator(), dcgan.Discriminator()
    codes, images = jnp.zeros((2, 100)), jnp.zeros((2, 64, 64, 4))
    for module, x, shape, parameters in (
        (maker, codes, images.shape, 12_660_484),
        (judge, images, (2,), 2_766_657),
    ):
        variables = jax.eval_shape(module.init, jax.random.key(0), x)
        leaves = jax.tree.leaves(variables["params"])
        assert sum(int(np.prod(leaf.shape)) for leaf in leaves) == parameters
        assert jax.eval_shape(module.apply, variables, x).shape == shape
