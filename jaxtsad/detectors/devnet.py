"""DevNet: scores that known anomalies push far above those of everything else.

Pang, Shen and van den Hengel, "Deep Anomaly Detection with Deviation Networks", KDD
2019. A small network gives a row a score; its loss is the deviation from scores drawn
from N(0, 1), which unlabelled rows shall not have and known anomalies shall. Rows are
those of a table or whole windows.

Shape letters: N samples, B batch, L window length, C channels, F = L C numbers of a
row.
"""

from __future__ import annotations

import functools
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import jax
import jax.numpy as jnp

from jaxtsad import validation
from jaxtsad.models.dense import Perceptron
from jaxtsad.models.reconstruction import mean
from jaxtsad.ops import draws
from jaxtsad.training import epochs, optimizers
from jaxtsad.types import Array, Batch, Clock, Detector, Key, Metrics, PyTree, State
from jaxtsad.validation import NotNegative, Positive, Size

Layout: TypeAlias = Literal["window", "table"]
LAYOUTS: tuple[Layout, ...] = ("window", "table")
LABELS = True
# Scores of the prior N(0, 1), whose mean and standard deviation deviations are from.
PRIOR_SCORES = 5000


@validation.config
class Config:
    """Options of `devnet`; the paper trains for 50 epochs.

    Attributes:
        window: Window length L in steps; 1 for rows of a table.
        channels: Number of channels C, or columns of a table.
        layout: `window` or `table`.
        width: Hidden activations; the published network for tables of few columns.
        confidence: How many standard deviations above the prior's mean known anomalies
            shall score (a of the paper).
        weight_decay: Weight of the sum of the squared hidden weights.
        batch_size: Unlabelled rows per step; so many known anomalies, drawn with
            replacement, stand beside them.
        learning_rate: Of RMSprop.
        clip_gradients: Largest norm of the gradient; 0 does not clip.
        margin: Where no anomaly is known unlabelled rows take their place, half of
            whose numbers are drawn anew, uniformly from the fit part's range and so
            many times that range beyond. With labels it has no part.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: Size
    channels: Size
    layout: Layout = "window"
    width: Size = 20
    confidence: Positive = 5.0
    weight_decay: NotNegative = 0.01
    batch_size: Size = 256
    learning_rate: Positive = 1e-3
    clip_gradients: NotNegative = 1.0
    margin: NotNegative = 1.0


TINY = Config(window=8, channels=3, batch_size=32, learning_rate=1e-2, margin=2.0)


class TrainState(NamedTuple):
    """What only training needs.

    Attributes:
        rmsprop: State of the optimizer.
        prior: `[2]`, mean and standard deviation of the prior's scores.
        low: `[C]`, least number of the fit part.
        high: `[C]`, largest.
    """

    rmsprop: PyTree
    prior: Array
    low: Array
    high: Array


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    The score is the network's output, one number per row or window, which may be
    negative.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=functools.partial(init, config),
        advance=functools.partial(advance, config),
        score=functools.partial(score, config),
        continues=True,
    )


def init(config: Config, key: Key, source: Any) -> State:
    """Draws the network and the prior's scores, see `types.Detector`."""
    start_key, prior_key = jax.random.split(key)
    params = network(config).init(start_key, jnp.zeros((1, _width(config))))["params"]
    scores = jax.random.normal(prior_key, (PRIOR_SCORES,))
    prior = jnp.stack([scores.mean(), scores.std()])
    train = TrainState(_rmsprop(config).init(params), prior, *value_range(source))
    return State(params, train)


def network(config: Config) -> Perceptron:
    """Rows `[B, F]` to scores `[B, 1]`."""
    return Perceptron((config.width, 1))


def score(config: Config, keys: Array, params: PyTree, batch: Batch) -> Array:
    """Scores `[B]`."""
    del keys
    return scores_of(config, params, rows_of(batch.values))


def scores_of(config: Config, params: PyTree, rows: Array) -> Array:
    """Scores `[B]` of rows `[B, F]`."""
    scores = cast(Array, network(config).apply({"params": params}, rows))
    return scores[:, 0]


def rows_of(values: Array) -> Array:
    """Rows `[B, F]` of windows `[B, L, C]` or rows `[B, C]`."""
    return values.reshape(len(values), -1)


def deviation_loss(
    scores: Array, known: Array, prior: Array, confidence: float
) -> Array:
    """Loss `[B]`: unlabelled scores at the prior's mean, known anomalies far above.

    Args:
        scores: `[B]`.
        known: `[B]` 1 for a known anomaly.
        prior: `[2]`, mean and standard deviation of the prior's scores.
        confidence: How many standard deviations above.

    Example:
        >>> scores, known = jnp.array([1.0, 3.0]), jnp.array([0.0, 1.0])
        >>> deviation_loss(scores, known, jnp.array([0.0, 1.0]), 5.0).tolist()
        [1.0, 2.0]
    """
    deviation = (scores - prior[0]) / prior[1]
    missing = jnp.maximum(0.0, confidence - deviation)
    return jnp.where(known > 0, missing, jnp.abs(deviation))


def advance(
    config: Config, key: Key, state: State, source: Any, clock: Clock
) -> tuple[State, Metrics]:
    """Steps on unlabelled rows, as many anomalies beside them in every batch."""
    anomalous = (source.weight > 0) & (source.known > 0)
    anomalies, count = draws.chosen_first(anomalous), anomalous.sum()

    def step(
        key: Key, state: State, batch: Batch, scale: Array
    ) -> tuple[State, Metrics]:
        place_key, mask_key, value_key = jax.random.split(key, 3)
        rows = rows_of(batch.values)
        uniform = jax.random.uniform(place_key, (len(rows),))
        drawn = source.take(anomalies[draws.places(uniform, count)]).values
        made = stand_ins(config, mask_key, value_key, rows, state.train)
        others = jnp.where(count > 0, rows_of(drawn), made)
        weight = batch.weight * (batch.known <= 0)
        # A stand-in is made of a row, which may be padding; a known anomaly never is.
        counted = jnp.where(count > 0, 1.0, batch.weight)
        grads, metrics = jax.grad(objective, has_aux=True)(
            state.model, config, state.train.prior, rows, weight, others, counted
        )
        params, rmsprop = optimizers.apply(
            _rmsprop(config), grads, state.train.rmsprop, state.model, scale
        )
        return State(params, state.train._replace(rmsprop=rmsprop)), metrics

    run = epochs.minibatches(step, config.batch_size)
    return run(key, state, source, clock)


def objective(
    params: PyTree,
    config: Config,
    prior: Array,
    rows: Array,
    weight: Array,
    anomalies: Array,
    counted: Array,
) -> tuple[Array, Metrics]:
    """Mean deviation loss of both halves of a batch, and the hidden weights' square.

    Args:
        params: Of the network.
        config: The options.
        prior: See `deviation_loss`.
        rows: `[B, F]`, unlabelled where `weight` is not 0.
        weight: `[B]`.
        anomalies: `[B, F]`.
        counted: `[B]` weights of `anomalies`.
    """
    loss = functools.partial(deviation_loss, prior=prior, confidence=config.confidence)
    unlabelled = loss(scores_of(config, params, rows), jnp.zeros(len(rows)))
    anomalous = loss(scores_of(config, params, anomalies), jnp.ones(len(anomalies)))
    deviation = 0.5 * (mean(unlabelled, weight) + mean(anomalous, counted))
    hidden = jnp.square(params["layer_0"]["kernel"]).sum()
    return deviation + config.weight_decay * hidden, {"loss": deviation}


def stand_ins(
    config: Config, mask_key: Key, value_key: Key, rows: Array, train: TrainState
) -> Array:
    """Rows `[B, F]` that take the place of anomalies where none is known."""
    beyond = config.margin * (train.high - train.low)
    steps = rows.shape[1] // len(train.low)
    low = jnp.tile(train.low - beyond, steps)[None]
    high = jnp.tile(train.high + beyond, steps)[None]
    return draws.half_redrawn(mask_key, value_key, rows, low, high)


def value_range(source: Any) -> tuple[Array, Array]:
    """Least and largest number `[C]` of the samples whose weight is not 0; else 0."""

    def of_sample(index: Array) -> tuple[Array, Array]:
        values = source.take(index[None]).values
        steps = values.reshape(-1, values.shape[-1])
        return steps.min(axis=0), steps.max(axis=0)

    low, high = jax.lax.map(
        of_sample,
        jnp.arange(source.size, dtype=jnp.int32),
        batch_size=min(512, source.size),
    )
    real = (source.weight > 0)[:, None]
    low = jnp.where(real, low, jnp.inf).min(axis=0)
    high = jnp.where(real, high, -jnp.inf).max(axis=0)
    finite = jnp.isfinite(low)
    return jnp.where(finite, low, 0.0), jnp.where(finite, high, 0.0)


def _width(config: Config) -> int:
    return config.window * config.channels


def _rmsprop(config: Config) -> optimizers.Transform:
    return optimizers.rmsprop(
        config.learning_rate,
        decay=0.9,
        momentum=0.0,
        eps=1e-7,
        clip_gradients=config.clip_gradients,
    )
