"""Squared residual of a vector autoregression fitted by least squares.

Every channel of a step is predicted from all channels of the steps before it,
`x_t = A_1 x_(t-1) + ... + A_p x_(t-p)`; what cannot be predicted is anomalous.
"""

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
from jaxtsad.validation import Positive, Size


@validation.config
class Config:
    """Options of `ar`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        order: p, how many steps before are looked at; at most L - 1 are.
        ridge: Weight of the squared coefficients, relative to the squared values of
            the channel that varies most; keeps constant channels and short recordings
            solvable.
        batch_size: Steps per pass over the recording when fitting.

    Raises:
        ValueError: If a value is out of range.
    """

    window: Size
    channels: Size
    order: Size = 16
    ridge: Positive = 1e-3
    batch_size: Size = 256


TINY = Config(window=8, channels=3, order=3, batch_size=64)


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector: z-scored steps, their normal equations, then the residual.

    The first p steps of a window have no p steps before them; they get the mean of the
    window's other residuals, which leaves its mean as it is. With `window=1` nothing
    precedes a step and the squared z-score remains.
    """
    order = min(config.order, config.window - 1)

    def init(key: Key, source: WindowView) -> State:
        del key
        values, covered = source.values, source.covered()

        def total(function: Callable[[Array], Array]) -> Array:
            def part(step: Array, real: Array) -> Array:
                weight = (covered[step] * real)[:, None]
                return (weight * function(values[step])).sum(axis=0)

            return _sum(len(values), config.batch_size, part)

        count = jnp.maximum(total(jnp.ones_like), 1.0)
        mean = total(lambda rows: rows) / count
        variance = total(lambda rows: (rows - mean[None]) ** 2) / count
        # A constant channel's mean is off by rounding, which is no variation.
        least = 1e-8 + 1e-6 * jnp.abs(mean)
        sd = jnp.where(variance > least**2, jnp.sqrt(variance), 1.0)
        model = {"mean": mean, "sd": sd}
        if order:
            scaled = (values - mean[None]) / sd[None]
            model["coefficients"] = _solve(config, order, source, scaled)
        return State(model, ())

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        values = (batch.values - model["mean"][None, None]) / model["sd"][None, None]
        if not order:
            return values**2 / config.channels
        predicted = jax.lax.conv_general_dilated(
            values[:, :-1],
            model["coefficients"],
            window_strides=(1,),
            padding="VALID",
            dimension_numbers=("NWC", "WIO", "NWC"),
            precision=jax.lax.Precision.HIGHEST,
        )
        squared = (values[:, order:] - predicted) ** 2 / config.channels
        mean = squared.mean(axis=1, keepdims=True)
        first = jnp.broadcast_to(mean, (len(values), order, config.channels))
        return jnp.concatenate([first, squared], axis=1)

    return closed_form.solved(init, explain)


def _sum(steps: int, batch_size: int, part: Callable[[Array, Array], PyTree]) -> PyTree:
    """Sums `part(step [B], real [B])` over all steps, `real` being 0 behind the last.

    Always in the same order, so that padding changes no bit of what is solved.
    """

    def summed(number: Array) -> PyTree:
        step = number * batch_size + jnp.arange(batch_size)
        return part(jnp.minimum(step, steps - 1), (step < steps).astype(jnp.float32))

    shapes = jax.eval_shape(summed, jnp.int32(0))
    zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
    return jax.lax.fori_loop(
        0,
        -(-steps // batch_size),
        lambda number, sums: jax.tree.map(jnp.add, sums, summed(number)),
        zeros,
    )


def _solve(config: Config, order: int, source: WindowView, values: Array) -> Array:
    """Coefficients `[p, C, C]`: oldest step first, from channel, to channel.

    Each step counts once, however many windows it is in, and only together with p steps
    before it that some window of weight 1 holds too.
    """
    steps, channels = values.shape
    edges = jnp.zeros(steps + 1, jnp.float32)
    edges = edges.at[source.starts + order].add(source.weight)
    edges = edges.at[source.starts + source.length].add(-source.weight)
    counted = (jnp.cumsum(edges)[:-1] > 0.5).astype(jnp.float32)
    before = jnp.arange(-order, 0)

    def products(step: Array, real: Array) -> tuple[Array, Array]:
        lags = values[jnp.maximum(step[:, None] + before[None], 0)]
        rows = lags.reshape(-1, order * channels) * (counted[step] * real)[:, None]
        product = functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
        return product(rows.T, rows), product(rows.T, values[step])

    squares, crossed = _sum(steps, config.batch_size, products)
    # Eigenvalues below zero are rounding; a Cholesky factor would fail on them.
    spectrum, vectors = factorizations.eigh(squares)
    penalty = config.ridge * jnp.maximum(jnp.diagonal(squares).max(), 1.0)
    inverse = 1 / (jnp.maximum(spectrum, 0.0) + penalty)
    coefficients = vectors @ (inverse[:, None] * (vectors.T @ crossed))
    return coefficients.reshape(order, channels, channels)
