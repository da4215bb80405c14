"""An LSTM variational autoencoder: what a Gaussian code cannot hold is strange.

The defaults train by the objective `strict` and score deterministically. What published
notebooks run is `objective="as_run", samples=1`; it nearly always collapses, which
validation shows ("active_latents", "kl_per_latent") and `objectives.lstm_vae.collapsed`
puts in words.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.detectors import _options
from jaxtsad.detectors.lstm_vae import losses as objectives
from jaxtsad.detectors.lstm_vae.losses import KINDS, Kind
from jaxtsad.detectors.lstm_vae.network import LstmVae, Posterior
from jaxtsad.models import reconstruction as errors
from jaxtsad.ops.recurrent import IMPLEMENTATIONS, Implementation
from jaxtsad.ops.windows import WindowView
from jaxtsad.training import descent as _descent
from jaxtsad.training import epochs, rows
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, PyTree, State


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of `lstm_vae`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        hidden: Units of the encoder and of the decoder.
        latent: Latents Z.
        objective: `strict`, `as_run` or `elbo_sum` (see `objectives.lstm_vae`).
        beta: Weight of the divergence; validation always uses all of it.
        warmup_epochs: Epochs over which beta rises from 0; 0 for none.
        free_bits: Nats per latent that cost nothing.
        samples: Codes drawn per window in scoring, the error being averaged; 0 decodes
            the posterior's mean.
        forget_bias: Added to the start of the forget gates' bias.
        learning_rate: Of Adam.
        clip: Largest global norm of the gradient; 0 does not clip.
        batch_size: Windows per step.
        implementation: Of the LSTM: `scan`, or `cudnn` for one member on a GPU.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: int
    channels: int
    hidden: int = 128
    latent: int = 32
    objective: Kind = "strict"
    beta: float = 0.1
    warmup_epochs: int = 0
    free_bits: float = 0.0
    samples: int = 0
    forget_bias: float = 0.0
    learning_rate: float = 1e-3
    clip: float = 0.0
    batch_size: int = 32
    implementation: Implementation = "scan"

    def __post_init__(self) -> None:
        _options.check_sizes(
            self, "window", "channels", "hidden", "latent", "batch_size"
        )
        _options.check_choice(self, "objective", KINDS)
        _options.check_choice(self, "implementation", IMPLEMENTATIONS)
        _options.check_positive(self, "learning_rate")
        _options.check_counts(self, "warmup_epochs", "samples")
        _options.check_not_negative(self, "beta", "free_bits", "clip", "forget_bias")


TINY = Config(
    window=8,
    channels=3,
    hidden=8,
    latent=2,
    beta=1e-3,
    learning_rate=1e-2,
    batch_size=16,
)


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(TINY) is build(dataclasses.replace(TINY))
        True
    """
    network = LstmVae(
        channels=config.channels,
        hidden=config.hidden,
        latent=config.latent,
        forget_bias=config.forget_bias,
        implementation=config.implementation,
    )

    @rows.shared
    def run(params: PyTree, windows: Array, noise: Array) -> tuple[Array, Posterior]:
        made: Any = network.apply({"params": params}, windows, noise)
        return made

    def loss(
        params: PyTree, batch: Batch, noise: Array, beta: Array | float
    ) -> tuple[Array, Metrics, Posterior]:
        made, posterior = run(params, batch.values, noise)
        total, metrics = objectives.loss(
            config.objective,
            made,
            batch.values,
            objectives.divergence(*posterior),
            batch.weight,
            beta=beta,
            free_bits=config.free_bits,
        )
        return total, metrics, posterior

    def objective(
        params: PyTree, key: Key, batch: Batch, epoch: Array
    ) -> tuple[Array, Metrics]:
        noise = jax.random.normal(key, (len(batch.values), config.latent))
        beta = objectives.warmed(config.beta, epoch, config.warmup_epochs)
        return loss(params, batch, noise, beta)[:2]

    way = _descent.descent(objective, config)

    def init(key: Key, source: WindowView) -> State:
        del source
        windows = jnp.zeros((1, config.window, config.channels))
        noise = jnp.zeros((1, config.latent))
        return way.start(network.init(key, windows, noise)["params"])

    def measure(key: Key, model: PyTree, batch: Batch) -> Metrics:
        del key
        noise = jnp.zeros((len(batch.values), config.latent))
        _, metrics, posterior = loss(model, batch, noise, config.beta)
        mean = errors.mean(posterior.mean, batch.weight)
        square = errors.mean(jnp.square(posterior.mean), batch.weight)
        return metrics | {"mean": mean, "square": square}

    evaluated = epochs.evaluate(measure, config.batch_size)

    def validate(key: Key, model: PyTree, source: WindowView) -> Metrics:
        metrics = evaluated(key, model, source)
        mean, square = metrics.pop("mean"), metrics.pop("square")
        return metrics | objectives.activity(mean, square, metrics["kl"])

    def error(model: PyTree, batch: Batch, noise: Array) -> Array:
        return errors.squared_error(run(model, batch.values, noise)[0], batch.values)

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        if not config.samples:
            return error(model, batch, jnp.zeros((len(keys), config.latent)))

        def drawn(number: Array) -> Array:
            here = jax.vmap(jax.random.fold_in, (0, None))(keys, number)
            draw = functools.partial(jax.random.normal, shape=(config.latent,))
            return error(model, batch, jax.vmap(draw)(here))

        return jax.lax.map(drawn, jnp.arange(config.samples)).mean(axis=0)

    def score(keys: Array, model: PyTree, batch: Batch) -> Array:
        return explain(keys, model, batch).sum(axis=-1)

    def inspect(keys: Array, model: PyTree, batch: Batch) -> dict[str, Array]:
        del keys
        noise = jnp.zeros((len(batch.values), config.latent))
        made, posterior = run(model, batch.values, noise)
        divergence = objectives.divergence(*posterior)
        return posterior._asdict() | {"divergence": divergence, "reconstruction": made}

    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=init,
        advance=way.advance,
        validate=validate,
        score=score,
        explain=explain,
        inspect=inspect,
        rows=config.batch_size,
    )
