"""Windowed principal component analysis: the squared error of the best linear code."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxtsad import validation
from jaxtsad.ops import factorizations
from jaxtsad.ops.windows import WindowView
from jaxtsad.training import closed_form
from jaxtsad.types import Array, Batch, Detector, Key, PyTree, State
from jaxtsad.validation import Count, ShareAboveZero, Size


@validation.config
class Config:
    """Options of `pca`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        variance: Share of the variance that the kept components explain.
        exact: Up to this many values per window (L times C) all components are found
            by an eigendecomposition; above it the leading `rank` by subspace iteration.
        rank: Most components kept above `exact`.
        batch_size: Windows per pass.

    Raises:
        ValueError: If a value is out of range.
    """

    window: Size
    channels: Size
    variance: ShareAboveZero = 0.9
    exact: Count = 1024
    rank: Size = 128
    batch_size: Size = 128


TINY = Config(window=8, channels=3)
ITERATIONS = 6


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector: components of the fit windows, then the squared residual."""
    size = config.window * config.channels

    def init(key: Key, source: WindowView) -> State:
        total = jnp.maximum(source.weight.sum(), 1.0)
        mean = _sum(source, config.batch_size, lambda rows, w: w @ rows) / total

        def centred(rows: Array, weight: Array) -> Array:
            return jnp.sqrt(weight)[:, None] * (rows - mean[None])

        def squares(rows: Array, weight: Array) -> Array:
            return (centred(rows, weight) ** 2).sum()

        variance = _sum(source, config.batch_size, squares)

        def power(basis: Array) -> Array:
            def product(rows: Array, weight: Array) -> Array:
                rows = centred(rows, weight)
                return rows.T @ (rows @ basis)

            return _sum(source, config.batch_size, product)

        if size <= config.exact:
            values, vectors = factorizations.eigh(power(jnp.eye(size)))
            values, vectors = values[::-1], vectors[:, ::-1]
        else:
            values, vectors = _leading(key, power, size, min(config.rank, size))
        explained = jnp.cumsum(jnp.maximum(values, 0.0)) / jnp.maximum(variance, 1e-30)
        before = jnp.concatenate([jnp.zeros(1), explained[:-1]])
        chosen = (before < config.variance) & (values > 1e-7 * variance)
        return State({"mean": mean, "components": vectors * chosen[None]}, ())

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        rows = batch.values.reshape(-1, size) - model["mean"][None]
        residual = rows - (rows @ model["components"]) @ model["components"].T
        return residual.reshape(batch.values.shape) ** 2 / config.channels

    return closed_form.solved(init, explain)


def _sum(
    source: WindowView, batch_size: int, function: Callable[[Array, Array], Array]
) -> Array:
    """Sums `function(rows [B, L*C], weight [B])` over all windows of the source."""
    count = -(-source.size // batch_size)

    def part(number: Array) -> Array:
        index = number * batch_size + jnp.arange(batch_size, dtype=jnp.int32)
        batch = source.take(jnp.minimum(index, source.size - 1))
        weight = jnp.where(index < source.size, batch.weight, 0.0)
        return function(batch.values.reshape(batch_size, -1), weight)

    shape = jax.eval_shape(part, jnp.int32(0))
    return jax.lax.fori_loop(
        0, count, lambda i, total: total + part(i), jnp.zeros(shape.shape, shape.dtype)
    )


def _leading(
    key: Key, power: Callable[[Array], Array], size: int, rank: int
) -> tuple[Array, Array]:
    """Leading eigenpairs by subspace iteration from a random basis."""
    basis = factorizations.orthonormal(jax.random.normal(key, (size, rank)))
    basis = jax.lax.fori_loop(
        0,
        ITERATIONS,
        lambda _, b: factorizations.orthonormal(power(b)),
        basis,
    )
    values, rotation = factorizations.eigh(basis.T @ power(basis))
    return values[::-1], (basis @ rotation)[:, ::-1]
