"""An LSTM variational autoencoder: what a Gaussian code cannot hold is anomalous.

The defaults train by the objective `strict` and score deterministically. What published
notebooks run is `objective="as_run", samples=1`; it nearly always collapses, which
validation shows ("active_latents", "kl_per_latent") and `losses.lstm_vae.collapsed`
puts in words.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.detectors.lstm_vae import losses
from jaxtsad.detectors.lstm_vae.config import Config
from jaxtsad.detectors.lstm_vae.network import LstmVae, Posterior
from jaxtsad.models import reconstruction as errors
from jaxtsad.ops.windows import WindowView
from jaxtsad.training import descent, epochs, rows
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, PyTree, State


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    network = LstmVae(
        channels=config.channels,
        hidden=config.hidden,
        latent=config.latent,
        forget_bias=config.forget_bias,
        implementation=config.implementation,
    )

    @rows.split_rows
    def run(params: PyTree, windows: Array, noise: Array) -> tuple[Array, Posterior]:
        made: Any = network.apply({"params": params}, windows, noise)
        return made

    def loss(
        params: PyTree, batch: Batch, noise: Array, beta: Array | float
    ) -> tuple[Array, Metrics, Posterior]:
        made, posterior = run(params, batch.values, noise)
        total, metrics = losses.loss(
            config.objective,
            made,
            batch.values,
            losses.divergence(*posterior),
            batch.weight,
            beta=beta,
            free_bits=config.free_bits,
        )
        return total, metrics, posterior

    def objective(
        params: PyTree, key: Key, batch: Batch, epoch: Array
    ) -> tuple[Array, Metrics]:
        noise = jax.random.normal(key, (len(batch.values), config.latent))
        beta = losses.warmed(config.beta, epoch, config.warmup_epochs)
        return loss(params, batch, noise, beta)[:2]

    trainer = descent.descent(objective, config)

    def init(key: Key, source: WindowView) -> State:
        del source
        windows = jnp.zeros((1, config.window, config.channels))
        noise = jnp.zeros((1, config.latent))
        return trainer.start(network.init(key, windows, noise)["params"])

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
        return metrics | losses.activity(mean, square, metrics["kl"])

    def error(model: PyTree, batch: Batch, noise: Array) -> Array:
        return errors.squared_error(run(model, batch.values, noise)[0], batch.values)

    def explain(keys: Array, model: PyTree, batch: Batch) -> Array:
        if not config.samples:
            return error(model, batch, jnp.zeros((len(keys), config.latent)))

        def drawn(number: Array) -> Array:
            row_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, number)
            draw = functools.partial(jax.random.normal, shape=(config.latent,))
            return error(model, batch, jax.vmap(draw)(row_keys))

        return jax.lax.map(drawn, jnp.arange(config.samples)).mean(axis=0)

    def score(keys: Array, model: PyTree, batch: Batch) -> Array:
        return explain(keys, model, batch).sum(axis=-1)

    def inspect(keys: Array, model: PyTree, batch: Batch) -> dict[str, Array]:
        del keys
        noise = jnp.zeros((len(batch.values), config.latent))
        made, posterior = run(model, batch.values, noise)
        divergence = losses.divergence(*posterior)
        return posterior._asdict() | {"divergence": divergence, "reconstruction": made}

    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=init,
        advance=trainer.advance,
        validate=validate,
        score=score,
        explain=explain,
        inspect=inspect,
        rows=config.batch_size,
        advance_near=trainer.advance_near,
        continues=True,
    )
