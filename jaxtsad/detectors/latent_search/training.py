"""How latent search learns: a GAN's steps, and an encoder's where one is wanted."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.detectors.latent_search import gan as adversarial
from jaxtsad.detectors.latent_search.codes import Reader
from jaxtsad.detectors.latent_search.config import Config
from jaxtsad.detectors.latent_search.gan import Gan
from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.models.strided_encoder import Encoder
from jaxtsad.ops import crops
from jaxtsad.training import epochs
from jaxtsad.types import Array, Batch, Clock, Key, Metrics, PyTree, State


class Model(NamedTuple):
    """What scoring needs: the generator, and the encoder where the search uses one."""

    generator: Network
    encoder: Network | None


class TrainState(NamedTuple):
    """What only training needs."""

    gan: Gan
    encoder_adam: PyTree


def encoder(config: Config) -> Encoder:
    """The architecture that reads codes."""
    return Encoder(config.codes, config.scale, 512, norm="layer")


def reader(config: Config) -> Reader:
    """The encoder and how it learns."""
    return Reader(
        encoder(config),
        config.recipe().generator,
        config.learning_rate,
        config.reconstruction,
    )


def start(config: Config, key: Key, source: Any) -> State:
    """Draws the networks; the encoder only where something reads codes."""
    del source
    gan_key, encoder_key = jax.random.split(key)
    sides = (config.side,) * (2 if config.images else 1)
    x = jnp.zeros((1, *sides, config.channels))
    gan = config.recipe().start(gan_key, x)
    generator = gan.player("generator")
    coder, adam = None, ()
    if config.start == "encoder" or config.reconstruction > 0:
        coder = network.start(encoder_key, encoder(config), x)
        adam = reader(config).start(coder, generator)
    # A copy: training gives its state away, and no buffer can be given twice.
    scored = jax.tree.map(jnp.copy, generator)
    return State(Model(scored, coder), TrainState(gan, adam))


def step(
    config: Config, key: Key, state: State, batch: Batch, scale: Array
) -> tuple[State, Metrics]:
    """A step on a batch, see `training.epochs.minibatches`."""
    crop_key, step_key, code_key = jax.random.split(key, 3)
    x = batch.values
    if not config.images:
        x = crops.drawn(crop_key, x, config.side)
    recipe = config.recipe()
    train: TrainState = state.train
    gan, metrics = recipe.step(step_key, train.gan, x, batch.weight, scale)
    scored = scored_generator(config, state.model.generator, gan)
    coder, adam = state.model.encoder, train.encoder_adam
    if coder is not None:
        codes = recipe.codes(code_key, len(x))
        made = network.run(recipe.generator, scored, codes)
        coder, generator, adam, metrics["encoder"] = reader(config).step(
            coder, gan.player("generator"), adam, codes, made, x, batch.weight, scale
        )
        if config.reconstruction:
            gan = gan._replace(params={**gan.params, "generator": generator.params})
            scored = scored_generator(config, state.model.generator, gan)
    return State(Model(scored, coder), TrainState(gan, adam)), metrics


def scored_generator(config: Config, before: Network, gan: Gan) -> Network:
    """The generator to score with: the last, or its moving average."""
    last = gan.player("generator")
    if config.average:
        return adversarial.averaged(before, last, config.average)
    return last


def advance(
    config: Config, key: Key, state: State, source: Any, clock: Clock
) -> tuple[State, Metrics]:
    """Steps of an epoch, see `types.Detector`."""
    run = epochs.minibatches(functools.partial(step, config), config.batch_size)
    return run(key, state, source, clock)
