"""GANomaly: a sample whose reconstruction has another code is anomalous.

Akcay, Atapour-Abarghouei and Breckon, "GANomaly: Semi-Supervised Anomaly Detection via
Adversarial Training", ACCV 2018; on images as published, and on windows by the same
recipe with one-dimensional convolutions.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.detectors.ganomaly import losses
from jaxtsad.detectors.ganomaly.config import Config
from jaxtsad.detectors.ganomaly.losses import ScoreNorm
from jaxtsad.detectors.ganomaly.network import (
    Output,
)
from jaxtsad.detectors.ganomaly.training import Networks
from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.models.reconstruction import mean
from jaxtsad.ops import crops
from jaxtsad.training import epochs
from jaxtsad.types import Array, Batch, Clock, Detector, Key, Metrics, PyTree, State


class Model(NamedTuple):
    """What scoring needs.

    Attributes:
        generator: Parameters and running statistics.
        spread: Running mean and mean square of the score's two parts, `[2]` each.
    """

    generator: Network
    spread: dict[str, Array]


class TrainState(NamedTuple):
    """What only training needs; see `Networks`."""

    discriminator: Network
    generator_adam: PyTree
    discriminator_adam: PyTree
    resets: Array


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    trainer = config.trainer()
    share = config.residual
    if share is None:
        share = 0.0 if config.images else 1.0

    def init(key: Key, source: Any) -> State:
        del source
        sides = (config.side,) * (2 if config.images else 1)
        networks = trainer.start(key, jnp.zeros((1, *sides, config.channels)))
        spread = {"mean": jnp.zeros(2), "square": jnp.ones(2)}
        return _state(networks, spread)

    def step(
        key: Key, state: State, batch: Batch, scale: Array
    ) -> tuple[State, Metrics]:
        crop_key, reset_key = jax.random.split(key)
        networks = Networks(state.model.generator, *state.train)
        x = (
            batch.values
            if config.images
            else crops.drawn(crop_key, batch.values, config.side)
        )
        output = trainer.learn(networks, x, batch.weight)
        moved = trainer.move(reset_key, networks, output, scale)
        seen = _parts(x, output.seen.output, config.score_norm, batch.weight)
        # Along with the statistics of batch norm, at the same pace.
        spread = jax.tree.map(lambda a, b: a + 0.1 * (b - a), state.model.spread, seen)
        return _state(moved, spread), trainer.metrics(output, batch.weight)

    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        run_steps = epochs.minibatches(step, config.batch_size)
        if config.drop_last:
            real = (source.weight > 0).sum().astype(jnp.int32)
            full = jnp.maximum(real // config.batch_size, 1)
            count = jnp.clip(full - clock.first, 0, clock.count)
            clock = clock._replace(count=count)
        return run_steps(key, state, source, clock)

    def measure(key: Key, model: Model, batch: Batch) -> Metrics:
        del key
        x = batch.values[:, : config.side]
        output = network.run(trainer.generator, model.generator, x)
        nothing = jnp.zeros((len(x), 1))
        terms = losses.terms(x, output, nothing, nothing, batch.weight)
        parts = {"contextual": terms.contextual, "encoder": terms.encoder}
        return {"loss": terms.contextual + terms.encoder, **parts}

    def run(model: Model, x: Array, batch: Batch) -> Output:
        if config.bn_eval == "running":
            output: Output = network.run(trainer.generator, model.generator, x)
            return output
        # A batch is filled up with its last row, which counts once.
        counted = batch.weight * (batch.index != jnp.roll(batch.index, 1))
        weight = counted.at[0].set(batch.weight[0])
        return network.train(trainer.generator, model.generator, x, weight)[0]

    def score(keys: Array, model: Model, batch: Batch) -> Array:
        del keys
        if config.images:
            output = run(model, batch.values, batch)
            residual = losses.residual(batch.values, output).mean((1, 2))
            return losses.latent_score(output, config.score_norm) + share * residual
        square, middle = model.spread["square"], model.spread["mean"]
        sd = jnp.sqrt(jnp.maximum(square - middle**2, 1e-12))

        def crop(x: Array) -> Array:
            output = run(model, x, batch)
            latent = losses.latent_score(output, config.score_norm)[:, None]
            total = jnp.broadcast_to(latent, x.shape[:2])
            if share:
                total = total / sd[0] + share * losses.residual(x, output) / sd[1]
            return total

        return crops.averaged(batch.values, config.side, crop)

    def inspect(keys: Array, model: Model, batch: Batch) -> dict[str, Array]:
        del keys
        x = batch.values[:, : config.side]
        return run(model, x, batch)._asdict()

    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=init,
        advance=advance,
        validate=epochs.evaluate(measure, config.batch_size),
        score=score,
        inspect=inspect,
        continues=True,
        small_products=config.layout == "image",
    )


def _state(networks: Networks, spread: dict[str, Array]) -> State:
    generator, *rest = networks
    return State(Model(generator, spread), TrainState(*rest))


def _parts(
    x: Array, output: Output, norm: ScoreNorm, weight: Array
) -> dict[str, Array]:
    """Mean and mean square over a batch of the latent score and of the residual."""
    latent = losses.latent_score(output, norm)
    residual = losses.residual(x, output).reshape(len(x), -1)
    means = jnp.stack([mean(latent, weight), mean(residual.mean(1), weight)])
    squares = [mean(latent**2, weight), mean((residual**2).mean(1), weight)]
    return {"mean": means, "square": jnp.stack(squares)}
