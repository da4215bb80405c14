"""Latent search: a sample is anomalous that a trained generator cannot make.

Deecke, Vandermeulen, Ruff, Mandt and Kloft, "Image Anomaly Detection with Generative
Adversarial Networks", ECML PKDD 2018, on colour and depth images with the constants of
the search there, and on windows. A DCGAN or WGAN-GP is trained on normal samples; the
score is the squared error that a few restarts of the search are left with.

Shape letters: B batch, R restarts, S side of an image or steps of a window, C channels,
Z latent width.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.detectors.latent_search import search, training
from jaxtsad.detectors.latent_search.config import Config
from jaxtsad.detectors.latent_search.search import Search, SearchResult
from jaxtsad.detectors.latent_search.training import Model
from jaxtsad.models import network
from jaxtsad.ops import crops
from jaxtsad.training import epochs
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, PyTree

LEAST = 1e-6


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=functools.partial(training.start, config),
        advance=functools.partial(training.advance, config),
        validate=functools.partial(validate, config),
        score=functools.partial(score, config),
        inspect=functools.partial(inspect, config),
    )


def score(config: Config, keys: Array, model: Model, batch: Batch) -> Array:
    """Score `[B]` of images, `[B, L]` of windows."""

    def of_crops(x: Array) -> Array:
        result = search_codes(config, keys, model, x)
        by_place = errors(config, result, x)
        if config.reduce == "min":
            return of_nearest(result, by_place)
        return by_place.mean(axis=1)

    if config.images:
        return of_crops(batch.values).mean(axis=(1, 2))
    return crops.averaged(batch.values, config.side, of_crops)


def inspect(
    config: Config, keys: Array, model: Model, batch: Batch
) -> dict[str, Array]:
    """How the search went and what it ended with, of windows for their first crop."""
    x = batch.values[:, : config.side]
    result = search_codes(config, keys, model, x)
    squared = squared_errors(result, x)
    return {
        "losses": result.losses,
        "errors": squared.mean(axis=tuple(range(2, squared.ndim - 1))),
        "codes": result.codes,
        "reconstruction": of_nearest(result, result.samples),
        "min": result.lowest,
    }


def validate(config: Config, key: Key, model: Model, source: Any) -> Metrics:
    """The search's mean score on the first samples of a source."""
    index = jnp.arange(min(config.checked, source.size), dtype=jnp.int32)
    batch = source.take(index)
    keys = jax.vmap(functools.partial(jax.random.fold_in, key))(index)
    result = search_codes(config, keys, model, batch.values[:, : config.side])
    total = jnp.maximum(batch.weight.sum(), 1.0)
    return {"loss": (result.score * batch.weight).sum() / total}


def search_codes(config: Config, keys: Array, model: Model, x: Array) -> SearchResult:
    """Searches for samples `[B, S.., C]` of the networks' size."""
    if config.shared_start:
        keys = jnp.broadcast_to(jax.random.key(0), keys.shape)
    begin = functools.partial(
        search.starts, restarts=config.restarts, latent=config.codes
    )
    codes = jax.vmap(begin)(keys)
    if config.start == "encoder" and model.encoder is not None:
        read, _ = network.run(training.encoder(config), model.encoder, x)
        codes = codes.at[:, 0].set(read)
    generator = config.recipe().generator
    fixed = None
    if config.theta == "frozen":  # the same kernels in every step
        fixed = network.matrices(generator, model.generator, codes[:1, 0])

    def generate(params: PyTree, codes: Array) -> Array:
        values = model.generator._replace(params=params)
        if config.bn_eval == "running":
            made: Array = network.run(generator, values, codes, fixed)
            return made
        # `search` makes one sample at a time, so each is a batch of its own.
        made, _ = network.train(generator, values, codes, jnp.ones(len(codes)))
        return made

    params = model.generator.params
    run = search.follow if config.start == "warm" else search.search
    return run(search_of(config, params), generate, params, x, codes)


def search_of(config: Config, params: PyTree) -> Search:
    """How codes of a generator with these parameters are searched for."""
    return Search(
        restarts=config.restarts,
        steps=config.search_steps,
        code_rate=config.code_rate,
        weight_rate=config.weight_rate,
        theta=config.theta,
        optimizer=config.search_optimizer,
        latest=search.module_names(params),
        max_memory_gb=config.max_memory_gb,
    )


def errors(config: Config, result: SearchResult, x: Array) -> Array:
    """Error of every restart at every step or pixel, `[B, R, S..]`."""
    squared = squared_errors(result, x)
    if config.error == "relative":
        blank = -1.0 if config.output == "tanh" else 0.0
        whole = scored_channels(config, jnp.square(x - blank))
        whole = jnp.maximum(whole.reshape(len(x), -1).mean(axis=1), LEAST)
        squared = squared / whole.reshape(-1, *(1,) * x.ndim)
    return scored_channels(config, squared).mean(axis=-1)


def scored_channels(config: Config, values: Array) -> Array:
    """Of values `[..., C]` the channels that count."""
    return values[..., jnp.asarray(config.scored)] if config.scored else values


def squared_errors(result: SearchResult, x: Array) -> Array:
    """Squared error of every restart, `[B, R, S.., C]`."""
    return jnp.square(result.samples - x[:, None])


def of_nearest(result: SearchResult, values: Array) -> Array:
    """Of values `[B, R, ...]` those of the restart that ended nearest, `[B, ...]`."""
    best = result.losses[..., -1].argmin(axis=1)
    return jax.vmap(lambda row, r: row[r])(values, best)
