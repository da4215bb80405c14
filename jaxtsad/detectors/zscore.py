"""Mean squared z-score per step: the baseline that is hard to beat once smoothed."""

from __future__ import annotations

import functools

import jax.numpy as jnp

from jaxtsad import validation
from jaxtsad.ops.windows import WindowView
from jaxtsad.training import closed_form
from jaxtsad.types import Array, Batch, Detector, Key, PyTree, State
from jaxtsad.validation import Size


@validation.config
class Config:
    """Options of `zscore`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        average: Gives every step its window's mean, so that it is smoothed in time.

    Raises:
        ValueError: If a size is below 1.
    """

    window: Size
    channels: Size
    average: bool = False


TINY = Config(window=8, channels=3)


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector: statistics of the fit part, then the mean of z squared."""

    def init(key: Key, source: WindowView) -> State:
        del key
        total = jnp.maximum(source.covered().sum(), 1.0)
        mean = source.sums(lambda rows, w: (w[:, None] * rows).sum(0)) / total

        def squares(rows: Array, weight: Array) -> Array:
            return (weight[:, None] * (rows - mean[None]) ** 2).sum(0)

        variance = source.sums(squares) / total
        # Rounding alone gives a constant channel far from 0 some variance.
        varies = jnp.sqrt(variance) > 1e-8 + 1e-6 * jnp.abs(mean)
        sd = jnp.where(varies, jnp.sqrt(variance), 1.0)
        return State({"mean": mean, "sd": sd}, ())

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        mean, sd = model["mean"][None, None], model["sd"][None, None]
        squared = ((batch.values - mean) / sd) ** 2 / config.channels
        if config.average:
            squared = jnp.broadcast_to(
                squared.mean(axis=1, keepdims=True), squared.shape
            )
        return squared

    return closed_form.solved(init, explain)
