"""Deep SAD: normal rows near a centre of codes, known anomalies far from it.

Ruff, Vandermeulen, Goernitz, Binder, Mueller, Mueller and Kloft, "Deep Semi-Supervised
Anomaly Detection", ICLR 2020. The encoder of an autoencoder that is trained first gives
the codes; without labels it is Deep SVDD. Rows are those of a table or whole windows.

Shape letters: N samples, B batch, L window length, C channels, F = L C numbers of a
row, Z latent width.
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
from jaxtsad.validation import Count, NotNegative, Positive, Size

Layout: TypeAlias = Literal["window", "table"]
LAYOUTS: tuple[Layout, ...] = ("window", "table")
LABELS = True
# Numbers of the centre are at least so far from 0, which is easy to reach.
LEAST_CENTRE = 0.1
LEAST_DISTANCE = 1e-6
CODED_AT_ONCE = 512


@validation.config
class Config:
    """Options of `deep_sad`.

    Attributes:
        window: Window length L in steps; 1 for rows of a table.
        channels: Number of channels C, or columns of a table.
        layout: `window` or `table`.
        width: Hidden activations.
        latent: Latent width Z.
        eta: Weight of known anomalies beside unlabelled rows.
        pretrain_steps: Steps of the autoencoder before the first epoch.
        batch_size: Rows per step.
        learning_rate: Of Adam.
        weight_decay: L2 term added to the gradient.
        clip_gradients: Largest norm of the gradient; 0 does not clip.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: Size
    channels: Size
    layout: Layout = "window"
    width: Size = 32
    latent: Size = 16
    eta: NotNegative = 1.0
    pretrain_steps: Count = 1000
    batch_size: Size = 128
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 1e-6
    clip_gradients: NotNegative = 0.0


TINY = Config(window=8, channels=3, latent=4, pretrain_steps=50, batch_size=32)


class Model(NamedTuple):
    """What scoring needs.

    Attributes:
        params: Parameters of the encoder.
        centre: `[Z]`, the centre of normal codes.
    """

    params: PyTree
    centre: Array


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    The score is the squared distance to the centre, one number per row or window.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=functools.partial(init, config),
        advance=functools.partial(advance, config),
        score=functools.partial(score, config),
        inspect=functools.partial(inspect, config),
        continues=True,
    )


def init(config: Config, key: Key, source: Any) -> State:
    """Trains the autoencoder and sets the centre, see `types.Detector`."""
    start_key, step_key = jax.random.split(key)
    params = pretrained(config, start_key, step_key, source)
    centre = mean_code(config, params, source)
    shifted = jnp.where(centre < 0, -LEAST_CENTRE, LEAST_CENTRE)
    centre = jnp.where(jnp.abs(centre) < LEAST_CENTRE, shifted, centre)
    return State(Model(params, centre), _adam(config).init(params))


def encoder(config: Config) -> Perceptron:
    """Rows `[B, F]` to codes `[B, Z]`.

    Without biases: with them the network could map everything to the centre.
    """
    return Perceptron((config.width, config.latent), bias=False)


def decoder(config: Config) -> Perceptron:
    """Codes `[B, Z]` to rows `[B, F]`."""
    return Perceptron((config.width, config.window * config.channels), bias=False)


def codes_of(config: Config, params: PyTree, values: Array) -> Array:
    """Codes `[B, Z]` of windows `[B, L, C]` or rows `[B, C]`."""
    rows = values.reshape(len(values), -1)
    return cast(Array, encoder(config).apply({"params": params}, rows))


def pretrained(config: Config, start_key: Key, step_key: Key, source: Any) -> PyTree:
    """Parameters of the encoder, trained to reconstruct rows of a source."""
    row = jnp.zeros((1, config.window * config.channels))
    encoder_key, decoder_key = jax.random.split(start_key)
    both = {
        "encoder": encoder(config).init(encoder_key, row)["params"],
        "decoder": decoder(config).init(decoder_key, jnp.zeros((1, config.latent)))[
            "params"
        ],
    }
    adam, real = _adam(config), source.weight > 0
    order, count = draws.chosen_first(real), real.sum()

    def loss(both: dict[str, PyTree], batch: Batch) -> Array:
        codes = codes_of(config, both["encoder"], batch.values)
        made = cast(Array, decoder(config).apply({"params": both["decoder"]}, codes))
        squared = jnp.square(made - batch.values.reshape(made.shape))
        return mean(squared.mean(axis=1), batch.weight)

    def step(number: Array, carry: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
        both, state = carry
        uniform = jax.random.uniform(
            jax.random.fold_in(step_key, number), (config.batch_size,)
        )
        batch = source.take(order[draws.places(uniform, count)])
        grads = jax.grad(loss)(both, batch)
        return optimizers.apply(adam, grads, state, both, 1.0)

    trained, _ = jax.lax.fori_loop(
        0, config.pretrain_steps, step, (both, adam.init(both))
    )
    return trained["encoder"]


def mean_code(config: Config, params: PyTree, source: Any) -> Array:
    """Mean code `[Z]` of the samples whose weight is not 0."""

    def code(index: Array) -> Array:
        return codes_of(config, params, source.take(index[None]).values)[0]

    codes = jax.lax.map(
        code,
        jnp.arange(source.size, dtype=jnp.int32),
        batch_size=min(CODED_AT_ONCE, source.size),
    )
    total = jnp.maximum(source.weight.sum(), 1.0)
    return (codes * source.weight[:, None]).sum(axis=0) / total


def score(config: Config, keys: Array, model: Model, batch: Batch) -> Array:
    """Squared distances `[B]` to the centre."""
    del keys
    return distances(config, model, batch.values)


def inspect(
    config: Config, keys: Array, model: Model, batch: Batch
) -> dict[str, Array]:
    """Codes `[B, Z]` and the centre, once per row."""
    del keys
    codes = codes_of(config, model.params, batch.values)
    return {
        "latent": codes,
        "centre": jnp.broadcast_to(model.centre, codes.shape),
        "distance": distances(config, model, batch.values),
    }


def distances(config: Config, model: Model, values: Array) -> Array:
    """Squared distances `[B]` of codes to the centre."""
    codes = codes_of(config, model.params, values)
    return jnp.square(codes - model.centre[None]).sum(axis=-1)


def sad_loss(distance: Array, known: Array, eta: float) -> Array:
    """Loss `[B]`: squared distances to the centre; of known anomalies their inverse.

    Args:
        distance: `[B]`, squared.
        known: `[B]` 1 for a known anomaly.
        eta: Weight of known anomalies.

    Example:
        >>> distance, known = jnp.array([2.0, 4.0]), jnp.array([0.0, 1.0])
        >>> [round(float(x), 4) for x in sad_loss(distance, known, 1.0)]
        [2.0, 0.25]
    """
    return jnp.where(known > 0, eta / (distance + LEAST_DISTANCE), distance)


def advance(
    config: Config, key: Key, state: State, source: Any, clock: Clock
) -> tuple[State, Metrics]:
    """Steps of an epoch, see `types.Detector`."""

    def loss(params: PyTree, model: Model, batch: Batch) -> Array:
        distance = distances(config, model._replace(params=params), batch.values)
        return mean(sad_loss(distance, batch.known, config.eta), batch.weight)

    def step(
        key: Key, state: State, batch: Batch, scale: Array
    ) -> tuple[State, Metrics]:
        del key
        model: Model = state.model
        value, grads = jax.value_and_grad(loss)(model.params, model, batch)
        params, adam = optimizers.apply(
            _adam(config), grads, state.train, model.params, scale
        )
        return State(model._replace(params=params), adam), {"loss": value}

    run = epochs.minibatches(step, config.batch_size)
    return run(key, state, source, clock)


def _adam(config: Config) -> optimizers.Transform:
    return optimizers.adam(
        config.learning_rate,
        clip_gradients=config.clip_gradients,
        weight_decay=config.weight_decay,
    )
