"""Isolation forest: how few random cuts set a step, or a window, apart.

Trees are grown on the host, in `refresh`; scoring runs in JAX.

Reference:
    Liu, Ting, Zhou: "Isolation Forest", ICDM 2008.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.iforest.config import Config
from jaxtsad.models import isolation_forest
from jaxtsad.ops.windows import WindowView
from jaxtsad.training import closed_form
from jaxtsad.types import Array, Batch, Detector, Key, PyTree, State

MOST_WINDOWS = 10_000
FAR = 10.0
"""So many ranges of the fit rows beyond all of them, size itself begins to count."""


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector: a forest on rows of the fit part, then path lengths.

    The score is that of the paper, in (0, 1): one per step, or one per window. It says
    nothing about channels, so there is no `explain`. The size of a row counts where it
    lies far beyond all fit rows (`with_size`), which the paper's score does not
    see.
    """
    each = config.window if config.on == "step" else 1
    features = config.channels * (config.window // each)

    def init(key: Key, source: WindowView) -> State:
        del key, source
        bounds = {"low": jnp.zeros(features), "high": jnp.zeros(features)}
        empty = isolation_forest.empty(config.trees, config.max_samples)
        return State(empty | bounds, ())

    def refresh(key: Key, state: State, source: WindowView) -> State:
        forest_key, row_key = jax.random.split(key)
        rows = _rows(config, source, _seed(row_key))
        bounds = {"low": jnp.asarray(rows.min(0)), "high": jnp.asarray(rows.max(0))}
        generator = np.random.default_rng(_seed(forest_key))
        trees = isolation_forest.grow(rows, config.trees, config.max_samples, generator)
        grown = {name: jnp.asarray(leaf) for name, leaf in trees.items()}
        return State(grown | bounds, state.train)

    def score(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        rows = batch.values.reshape(len(batch.values) * each, -1)
        paths = isolation_forest.score(model, rows, config.max_samples)
        scores = with_size(paths, rows, model["low"], model["high"])
        return scores.reshape(-1, each) if config.on == "step" else scores

    return Detector(
        steps=lambda source: 0,
        init=init,
        advance=closed_form.advance,
        score=score,
        refresh=refresh,
    )


def with_size(scores: Array, rows: Array, low: Array, high: Array) -> Array:
    """Scores in which the size of rows far beyond all fit rows counts, too.

    A path ends where the outermost fit row's does, however far out a row is. Beyond
    `FAR` ranges (1 where a column is constant), e ranges more add log(1 + e); up to
    there it stays the published score.

    Args:
        scores: `[N]`, in (0, 1).
        rows: `[N, F]`.
        low: `[F]`, the least of the fit rows.
        high: `[F]`, the greatest.

    Returns:
        `[N]`.
    """
    unit = jnp.where(high > low, high - low, 1.0)
    beyond = jnp.maximum(rows - high[None], low[None] - rows) / unit[None]
    excess = jnp.maximum(beyond.max(axis=1) - FAR, 0.0)
    return scores + jnp.log1p(excess)


def _seed(key: Key) -> int:
    return int(jax.random.bits(key, (), jnp.uint32))


def _rows(config: Config, source: WindowView, seed: int) -> np.ndarray:
    """Rows `[N, F]` that windows of weight 1 hold."""
    values = np.asarray(source.values)
    if config.on == "step":
        return values[np.asarray(source.covered()) > 0]
    starts = np.asarray(source.starts)[np.asarray(source.weight) > 0]
    if len(starts) > MOST_WINDOWS:
        drawn = np.random.default_rng(seed).choice(
            starts, MOST_WINDOWS, replace=False, shuffle=False
        )
        starts = np.sort(drawn)
    index = starts[:, None] + np.arange(source.length)[None]
    return values[index].reshape(len(starts), -1)
