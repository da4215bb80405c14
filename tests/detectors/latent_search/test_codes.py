"""The encoder of codes: who learns, which rows count, and what it is for."""

from __future__ import annotations

import functools
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.latent_search import network as dcgan
from jaxtsad.detectors.latent_search.codes import Reader
from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.models.strided_encoder import Encoder
from jaxtsad.types import Array, PyTree

GENERATOR = dcgan.Generator(side=8, rank=1, channels=2, width=4)
ENCODER = Encoder(3, 4, 16, norm="layer")


class Scene(NamedTuple):
    """Two networks, codes, what is made of them, and other samples."""

    encoder: Network
    generator: Network
    codes: Array
    made: Array
    x: Array


@functools.cache
def begun() -> Scene:
    keys = jax.random.split(jax.random.key(0), 4)
    x = jax.random.uniform(keys[0], (6, 8, 2), minval=-0.5, maxval=0.5)
    codes = jax.random.normal(keys[1], (6, 3))
    encoder = jax.jit(lambda key: network.start(key, ENCODER, x))(keys[2])
    generator = jax.jit(lambda key: network.start(key, GENERATOR, codes))(keys[3])
    # At their start the networks give almost the same for every input.
    encoder, generator = jax.tree.map(lambda leaf: leaf * 4, (encoder, generator))
    made = network.run(GENERATOR, generator, codes)
    return Scene(encoder, generator, codes, made, x)


@functools.partial(jax.jit, static_argnums=(0, 1))
def taught(
    reconstruction: float, steps: int, x: Array, weight: Array
) -> tuple[Network, Network, Array]:
    encoder, generator, codes, made, _ = begun()
    reader = Reader(ENCODER, GENERATOR, 1e-2, reconstruction)

    def step(carry: tuple, _: None) -> tuple[tuple, Array]:
        *new, value = reader.step(*carry, codes, made, x, weight)
        return tuple(new), value

    start = (encoder, generator, reader.start(encoder, generator))
    (encoder, generator, _), losses = jax.lax.scan(step, start, None, length=steps)
    return encoder, generator, losses


def misses(encoder: Network, generator: Network, x: Array) -> float:
    codes, _ = network.run(ENCODER, encoder, x)
    again = network.run(GENERATOR, generator, codes)
    return float(jnp.square(again - x).mean())


def test_without_a_reconstruction_the_generator_keeps_every_bit() -> None:
    encoder, generator, _, _, x = begun()
    first, second, losses = taught(0.0, 60, x, jnp.ones(6))
    chex.assert_trees_all_equal(second, generator)
    chex.assert_trees_all_equal_shapes_and_dtypes(first, encoder)
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.slow
def test_with_one_both_learn_to_make_the_samples_again() -> None:
    encoder, generator, _, _, x = begun()
    first, second, _ = taught(10.0, 60, x, jnp.ones(6))
    assert misses(first, second, x) < 0.5 * misses(encoder, generator, x)
    chex.assert_trees_all_equal(second.stats, generator.stats)


@pytest.mark.slow
def test_rows_without_weight_do_not_count() -> None:
    x = begun()[4]
    weight = jnp.asarray([1.0, 1, 1, 1, 1, 0])
    plain = taught(10.0, 3, x, weight)
    other: PyTree = taught(10.0, 3, x.at[5].set(0.9), weight)
    chex.assert_trees_all_equal(plain, other)
    assert not np.array_equal(plain[2], taught(10.0, 3, x, jnp.ones(6))[2])
