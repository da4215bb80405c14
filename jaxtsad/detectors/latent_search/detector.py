"""Latent search: a sample is strange that a trained generator cannot make.

Deecke, Vandermeulen, Ruff, Mandt and Kloft, "Image Anomaly Detection with Generative
Adversarial Networks", ECML PKDD 2018, on colour and depth images with the constants of
the search there, and on windows. A DCGAN or WGAN-GP is trained on normal samples; the
score is the squared error that a few restarts of the search are left with.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.detectors.ganomaly.network import Encoder
from jaxtsad.detectors.latent_search import search as latent_search
from jaxtsad.detectors.latent_search import training as adversarial
from jaxtsad.detectors.latent_search.codes import Reader
from jaxtsad.detectors.latent_search.config import Config
from jaxtsad.detectors.latent_search.search import (
    Found,
    Search,
)
from jaxtsad.detectors.latent_search.training import Gan
from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.ops import crops as _crops
from jaxtsad.training import epochs
from jaxtsad.types import Array, Batch, Clock, Detector, Key, Metrics, PyTree, State

LEAST = 1e-6


class Model(NamedTuple):
    """What scoring needs: the generator, and the encoder where the search uses one."""

    generator: Network
    encoder: Network | None


class Rest(NamedTuple):
    """What only training needs."""

    gan: Gan
    encoder_adam: PyTree


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    recipe = config.recipe()
    encoder = Encoder(config.codes, config.scale, 512, norm="layer")
    reader = Reader(
        encoder, recipe.generator, config.learning_rate, config.reconstruction
    )
    learns_codes = config.start == "encoder" or config.reconstruction > 0

    def shape(count: int) -> tuple[int, ...]:
        sides = (config.side,) * (2 if config.images else 1)
        return (count, *sides, config.channels)

    def init(key: Key, source: Any) -> State:
        del source
        gan_key, encoder_key = jax.random.split(key)
        gan = recipe.start(gan_key, jnp.zeros(shape(1)))
        coder, adam = None, ()
        if learns_codes:
            coder = network.start(encoder_key, encoder, jnp.zeros(shape(1)))
            adam = reader.start(coder, gan.player("generator"))
        return State(Model(_copied(gan.player("generator")), coder), Rest(gan, adam))

    def step(
        key: Key, state: State, batch: Batch, scale: Array
    ) -> tuple[State, Metrics]:
        crop_key, step_key, code_key = jax.random.split(key, 3)
        x = batch.values
        if not config.images:
            x = _crops.drawn(crop_key, x, config.side)
        rest: Rest = state.train
        gan, metrics = recipe.step(step_key, rest.gan, x, batch.weight, scale)

        def kept(gan: Gan) -> Network:
            maker = gan.player("generator")
            if config.average:
                old = state.model.generator
                maker = adversarial.averaged(old, maker, config.average)
            return maker

        maker = kept(gan)
        coder, adam = state.model.encoder, rest.encoder_adam
        if coder is not None:
            codes = recipe.codes(code_key, len(x))
            made = network.run(recipe.generator, maker, codes)
            coder, taught, adam, value = reader.step(
                coder,
                gan.player("generator"),
                adam,
                codes,
                made,
                x,
                batch.weight,
                scale,
            )
            metrics["encoder"] = value
            if config.reconstruction:
                gan = gan._replace(params={**gan.params, "generator": taught.params})
                maker = kept(gan)
        return State(Model(maker, coder), Rest(gan, adam)), metrics

    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        return epochs.minibatches(step, config.batch_size)(key, state, source, clock)

    def look(keys: Array, model: Model, x: Array) -> Found:
        """Searches for samples `[B, ...]` of the networks' size."""
        if config.shared_start:
            keys = jnp.broadcast_to(jax.random.key(0), keys.shape)
        begin = functools.partial(
            latent_search.starts, restarts=config.restarts, latent=config.codes
        )
        codes = jax.vmap(begin)(keys)
        if config.start == "encoder" and model.encoder is not None:
            found, _ = network.run(encoder, model.encoder, x)
            codes = codes.at[:, 0].set(found)

        def generate(params: PyTree, codes: Array) -> Array:
            moved = model.generator._replace(params=params)
            made: Array = network.run(recipe.generator, moved, codes)
            return made

        params = model.generator.params
        how = _search(config, params)
        run = latent_search.follow if config.start == "warm" else latent_search.search
        return run(how, generate, params, x, codes)

    def errors(found: Found, x: Array) -> Array:
        """Error of every restart at every step or pixel, `[B, R, S..]`."""
        apart = _apart(found, x)
        if config.error == "relative":
            blank = -1.0 if config.output == "tanh" else 0.0
            whole = taken(jnp.square(x - blank)).reshape(len(x), -1).mean(axis=1)
            whole = jnp.maximum(whole, LEAST)
            apart = apart / whole.reshape(-1, *(1,) * x.ndim)
        return taken(apart).mean(axis=-1)

    def taken(values: Array) -> Array:
        return values[..., jnp.asarray(config.scored)] if config.scored else values

    def score(keys: Array, model: Model, batch: Batch) -> Array:
        def crop(x: Array) -> Array:
            found = look(keys, model, x)
            apart = errors(found, x)
            if config.reduce == "min":
                return _nearest(found, apart)
            return apart.mean(axis=1)

        if config.images:
            return crop(batch.values).mean(axis=(1, 2))
        return _crops.averaged(batch.values, config.side, crop)

    def inspect(keys: Array, model: Model, batch: Batch) -> dict[str, Array]:
        x = batch.values[:, : config.side]
        found = look(keys, model, x)
        return {
            "losses": found.losses,
            "errors": _per_channel(found, x),
            "codes": found.codes,
            "reconstruction": _nearest(found, found.samples),
            "min": found.lowest,
        }

    def validate(key: Key, model: Model, source: Any) -> Metrics:
        index = jnp.arange(min(config.checked, source.size), dtype=jnp.int32)
        batch = source.take(index)
        keys = jax.vmap(functools.partial(jax.random.fold_in, key))(index)
        found = look(keys, model, batch.values[:, : config.side])
        total = jnp.maximum(batch.weight.sum(), 1.0)
        return {"loss": (found.score * batch.weight).sum() / total}

    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=init,
        advance=advance,
        validate=validate,
        score=score,
        inspect=inspect,
    )


def _per_channel(found: Found, x: Array) -> Array:
    """Squared error of every restart in every channel, `[B, R, C]`."""
    apart = _apart(found, x)
    return apart.mean(axis=tuple(range(2, apart.ndim - 1)))


def _apart(found: Found, x: Array) -> Array:
    """Squared error of every restart, `[B, R, S.., C]`."""
    return jnp.square(found.samples - x[:, None])


def _nearest(found: Found, values: Array) -> Array:
    """Of values `[B, R, ...]` those of the restart that ended nearest, `[B, ...]`."""
    best = found.losses[..., -1].argmin(axis=1)
    return jax.vmap(lambda row, r: row[r])(values, best)


def _search(config: Config, params: PyTree) -> Search:
    return Search(
        restarts=config.restarts,
        steps=config.search_steps,
        code_rate=config.code_rate,
        weight_rate=config.weight_rate,
        theta=config.theta,
        optimiser=config.search_optimiser,
        latest=latent_search.module_names(params),
        max_memory_gb=config.max_memory_gb,
    )


def _copied(tree: PyTree) -> PyTree:
    """A copy: training gives its state away, and no buffer can be given twice."""
    return jax.tree.map(jnp.copy, tree)
