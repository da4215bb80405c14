"""The Anomaly Transformer, trained by its minimax in one step or in alternation.

Xu, Wu, Wang, Long, "Anomaly Transformer: Time Series Anomaly Detection with Association
Discrepancy", ICLR 2022. The defaults, which are the mode `reference`, are the published
code's; the mode `modified` answers its critics.
"""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp

from jaxtsad.detectors.anomaly_transformer import losses, training
from jaxtsad.detectors.anomaly_transformer.config import Config
from jaxtsad.detectors.anomaly_transformer.losses import KL_DIRECTIONS
from jaxtsad.models.anomaly_attention import Associations, Output
from jaxtsad.ops.attention import association
from jaxtsad.training import epochs
from jaxtsad.types import (
    Array,
    Batch,
    Clock,
    Detector,
    Key,
    Metrics,
    PyTree,
    State,
)


@functools.lru_cache(maxsize=64)
def minimax(config: Config) -> training.Minimax:
    """Initialises the optimizer and takes one step, as `build` uses it."""
    make = training.joint if config.minimax == "joint" else training.alternating
    return make(config)


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    init_train, step = minimax(config)
    training_network = training.network(config, *KL_DIRECTIONS[config.kl_direction])
    network = training.network(config)

    def init(key: Key, source: Any) -> State:
        del source
        windows = jnp.zeros((1, config.window, config.channels))
        params = network.init(key, windows)["params"]
        return State(params, init_train(params))

    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        warm = clock.epoch < config.warmup_epochs
        k = jnp.where(warm, 0.0, config.k) if config.warmup_epochs else config.k

        def step_at_k(
            key: Key, state: State, batch: Batch, scale: Array
        ) -> tuple[State, Metrics]:
            return step(key, state, batch, scale, k)

        run = epochs.minibatches(step_at_k, config.batch_size)
        return run(key, state, source, clock)

    def measure(key: Key, model: PyTree, batch: Batch) -> Metrics:
        del key
        output = training.apply(training_network, model, batch.values)
        terms = losses.terms(batch.values, output, batch.weight)
        return training.metrics(terms, config.k)

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        seen = config.score in ("sp_rows", "sp_cols")
        output = training.apply(network, model, batch.values, seen)
        error = jnp.square(output.reconstruction - batch.values) / config.channels
        return weight(config, output)[..., None] * error

    def score(keys: Array, model: PyTree, batch: Batch) -> Array:
        return explain(keys, model, batch).sum(-1)

    def inspect(keys: Array, model: PyTree, batch: Batch) -> dict[str, Array]:
        del keys
        output = training.apply(network, model, batch.values, True)
        seen = _seen(output)
        error = jnp.square(output.reconstruction - batch.values).mean(-1)
        return {
            "series": seen.series,
            "prior": seen.prior,
            "sigma": seen.sigma,
            "discrepancy": output.series.mean(2),
            "reconstruction": output.reconstruction,
            "error": error,
            "weight": weight(config, output),
        }

    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=init,
        advance=advance,
        validate=epochs.evaluate(measure, config.batch_size),
        score=score,
        explain=explain,
        inspect=inspect,
        rows=0 if config.dropout else config.batch_size,
        continues=True,
    )


def weight(config: Config, output: Output) -> Array:
    """Weight `[B, L]` of each step's error in the score, by `config.score`."""
    if config.score == "reconstruction":
        return jnp.ones(output.reconstruction.shape[:2])
    if config.score == "assdis":
        discrepancy = output.series.sum(1).mean(1)
        return association.discrepancy_weight(discrepancy, config.temperature)
    choose = {
        "sp_rows": association.row_weight,
        "sp_cols": association.column_weight,
    }[config.score]
    series, prior, _ = _seen(output)
    return choose(series, prior, config.temperature)


def _seen(output: Output) -> Associations:
    assert output.associations is not None
    return output.associations
