"""DPLAN: an agent that learns from a few known anomalies which rows are anomalous.

Pang, van den Hengel, Shen and Cao, "Toward Deep Supervised Anomaly Detection:
Reinforcement Learning from Partially Labeled Anomaly Data", KDD 2021. Deep Q-learning
on rows of a table or of features of windows.

Shape letters: N windows, B batch, L window length, C channels, F numbers of a row.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.detectors.dplan import (
    agent,
    encoder,
    environment,
    training,
    window_features,
)
from jaxtsad.detectors.dplan.config import Config
from jaxtsad.detectors.dplan.network import Values
from jaxtsad.detectors.dplan.training import Model
from jaxtsad.types import Array, Batch, Detector, Key, PyTree, State

LABELS = True
READ_AT_ONCE = 512


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    The score is Q(x, anomalous), one number per row or window, which may be negative.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    return Detector(
        steps=lambda source: config.block,
        init=functools.partial(init, config),
        advance=functools.partial(training.advance, config),
        score=functools.partial(score, config),
        refresh=functools.partial(training.refresh, config),
        inspect=functools.partial(inspect, config),
    )


def init(config: Config, key: Key, source: Any) -> State:
    """Reads all rows, adds stand-ins and draws the network, see `types.Detector`."""
    start_key, stand_in_key = jax.random.split(key)
    frozen: PyTree = ()
    if config.encoder is not None:
        encoder_key, stand_in_key = jax.random.split(stand_in_key)
        frozen = encoder.trained(
            encoder_key, config.encoder, source, config.encoder_steps
        )
    raw = read_rows(config, frozen, source)
    low, spread = value_range(raw, source.weight)
    rows = scaled(config, raw, low, spread)
    if config.stand_ins:
        made = environment.stand_ins(
            stand_in_key,
            rows,
            source.weight * (source.known <= 0),
            config.stand_ins,
            config.margin,
        )
        rows = jnp.concatenate([rows, made])
    params, train = training.start(config, start_key, rows)
    return State(Model(params, frozen, low, spread), train)


def score(config: Config, keys: Array, model: Model, batch: Batch) -> Array:
    """Q(x, anomalous) `[B]`."""
    del keys
    return q_values(config, model, batch).q[:, 1]


def inspect(
    config: Config, keys: Array, model: Model, batch: Batch
) -> dict[str, Array]:
    """Values of both actions and the representation."""
    del keys
    return q_values(config, model, batch)._asdict()


def q_values(config: Config, model: Model, batch: Batch) -> Values:
    """What the network gives for windows or rows."""
    raw = features(config, model.encoder, batch.values)
    rows = scaled(config, raw, model.low, model.spread)
    return agent.q_values(config, model.params, rows)


def features(config: Config, frozen: PyTree, values: Array) -> Array:
    """Rows `[B, F]` of windows `[B, L, C]`, not scaled.

    Args:
        config: The options.
        frozen: The frozen autoencoder, if any.
        values: The windows.
    """
    if config.encoder is not None:
        return encoder.codes(config.encoder, frozen, values)
    if config.representation == "flat" or config.window == 1:
        return window_features.flat(values)
    return window_features.statistics(values)


def read_rows(config: Config, frozen: PyTree, source: Any) -> Array:
    """Rows `[N, F]` of a whole source, not scaled."""

    def row(index: Array) -> Array:
        return features(config, frozen, source.take(index[None]).values)[0]

    index = jnp.arange(source.size, dtype=jnp.int32)
    rows: Array = jax.lax.map(row, index, batch_size=min(READ_AT_ONCE, source.size))
    return rows


def value_range(rows: Array, weight: Array) -> tuple[Array, Array]:
    """Least number and spread `[F]` of the rows whose weight is not 0; 0 of none."""
    real = (weight > 0)[:, None]
    low = jnp.where(real, rows, jnp.inf).min(axis=0)
    high = jnp.where(real, rows, -jnp.inf).max(axis=0)
    spread = jnp.where(jnp.isfinite(high - low), high - low, 0.0)
    return jnp.where(jnp.isfinite(low), low, 0.0), spread


def scaled(config: Config, rows: Array, low: Array, spread: Array) -> Array:
    """Rows in [0, 1] where the fit part is, clipped `margin` beyond."""
    varied = jnp.where(spread > 0, spread, 1.0)
    unit = (rows - low[None]) / varied[None]
    return jnp.clip(unit, -config.margin, 1.0 + config.margin)
