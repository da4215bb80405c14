"""Distance to the k-th nearest fit window: a baseline without any model.

Reference:
    Ramaswamy, Rastogi, Shim: "Efficient Algorithms for Mining Outliers from Large Data
    Sets", SIGMOD 2000.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxtsad import validation
from jaxtsad.ops.windows import WindowView
from jaxtsad.training import closed_form, epochs
from jaxtsad.types import Array, Batch, Detector, Key, PyTree, State
from jaxtsad.validation import Size


@validation.config
class Config:
    """Options of `knn`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        neighbour: k, which nearest fit window is measured to.
        memory: Most fit windows kept, drawn at random where there are more.

    Raises:
        ValueError: If a size is below 1 or `neighbour` above `memory`.
    """

    window: Size
    channels: Size
    neighbour: Size = 5
    memory: Size = 1000

    def __post_init__(self) -> None:
        if self.neighbour > self.memory:
            raise ValueError(
                f"neighbour={self.neighbour} must be at most memory={self.memory}, the "
                "number of windows kept"
            )


TINY = Config(window=8, channels=3, neighbour=2, memory=64)


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector: some fit windows, then the Euclidean distance to the k-th.

    Every step of a window gets the window's distance, and every channel its share of
    the squared distance. Where fewer than k fit windows exist, the farthest is taken.
    A fit window that is scored finds itself and its neighbours in time, so scores of
    the fit part are lower than those of new data; calibrate on a validation part.
    """
    size = config.window * config.channels

    def init(key: Key, source: WindowView) -> State:
        order = epochs.shuffled(key, source.weight)[: config.memory]
        order = jnp.pad(order, (0, max(0, config.memory - source.size)))
        real = jnp.arange(config.memory) < (source.weight > 0).sum()
        rows = source.take(order).values.reshape(config.memory, size)
        rows = jnp.where(real[:, None], rows, 0.0)
        weight = real.astype(jnp.float32)
        return State({"windows": rows, "weight": weight}, ())

    def nearest(model: PyTree, values: Array) -> Array:
        """The k-th nearest fit window `[B, L, C]` of each window `[B, L, C]`."""
        windows = model["windows"]
        product = jnp.matmul(
            values.reshape(-1, size), windows.T, precision=jax.lax.Precision.HIGHEST
        )
        # What is left out, the window's own square, is the same for all fit windows.
        closeness = product - 0.5 * (windows**2).sum(axis=1)[None]
        closeness = jnp.where(model["weight"][None] > 0, closeness, -jnp.inf)
        _, index = jax.lax.top_k(closeness, config.neighbour)
        count = model["weight"].sum().astype(jnp.int32)
        rank = jnp.clip(count, 1, config.neighbour) - 1
        return windows[index[:, rank]].reshape(values.shape)

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        squared = (batch.values - nearest(model, batch.values)) ** 2
        by_channel = squared.sum(axis=1, keepdims=True)
        distance = jnp.sqrt(by_channel.sum(axis=-1, keepdims=True))
        shared = by_channel / jnp.maximum(distance, 1e-30)
        return jnp.broadcast_to(shared, squared.shape)

    return closed_form.solved(init, explain)
