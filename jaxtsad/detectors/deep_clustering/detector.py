"""Deep clustering: a sample is strange that is far from every cluster of codes.

Aljalbout, Golkov, Siddiqui, Strobel and Cremers, "Clustering with Deep Learning:
Taxonomy and New Methods", 2018. An autoencoder is trained to reconstruct; k-means on
its codes starts the clusters; then reconstruction and a clustering loss are trained
together; one more epoch, without steps, runs k-means on the final codes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.deep_clustering import augmentation
from jaxtsad.detectors.deep_clustering import losses as objectives
from jaxtsad.detectors.deep_clustering import training as _clustering
from jaxtsad.detectors.deep_clustering.config import Config
from jaxtsad.detectors.deep_clustering.training import Clusters
from jaxtsad.models import network
from jaxtsad.models.conv_autoencoder import (
    Output,
)
from jaxtsad.models.convolutional import updated
from jaxtsad.models.network import Network
from jaxtsad.models.reconstruction import mean
from jaxtsad.training import epochs, optimizers
from jaxtsad.types import Array, Batch, Clock, Detector, Key, Metrics, PyTree, State

CODED_AT_ONCE = 128


class Model(NamedTuple):
    """What scoring needs: the autoencoder and the clusters of its codes."""

    network: Network
    clusters: Clusters


class Rest(NamedTuple):
    """What only training needs.

    Attributes:
        optimiser: State of the optimiser.
        target: `[N, K]` target distribution of the epoch.
        nearest: `[N]` int32, each sample's most likely cluster before the epoch.
        epoch: int32, the epoch to come.
        settled: bool, whether refining has ended early.
    """

    optimiser: PyTree
    target: Array
    nearest: Array
    epoch: Array
    settled: Array


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(Config(8, 3)) is build(Config(window=8, channels=3))
        True
    """
    module = config.module()
    adam = (config.optimiser or ("nesterov" if config.images else "adam")) == "adam"
    rate = config.learning_rate or (1e-3 if adam else 0.01)
    optimiser = optimizers.adam(rate) if adam else optimizers.nesterov(rate)
    last = config.pretrain + config.refine

    def init(key: Key, source: Any) -> State:
        x = source.take(jnp.zeros(1, jnp.int32)).values
        model = Model(
            network.start(key, module, x),
            _clustering.blank(config.clusters, config.codes),
        )
        count = source.size
        rest = Rest(
            optimiser.init(_trained(model)),
            jnp.full((count, config.clusters), 1.0 / config.clusters),
            jnp.zeros(count, jnp.int32),
            jnp.int32(0),
            jnp.zeros((), bool),
        )
        return State(model, rest)

    def losses(
        params: PyTree,
        model: Model,
        x: Array,
        batch: Batch,
        target: Array,
        alpha: Array,
    ) -> tuple[Array, tuple[Metrics, PyTree]]:
        kept = model.network._replace(params=params["network"])
        output, moments = network.train(module, kept, x, batch.weight)
        error = mean(_error(x, output), batch.weight)
        if config.loss == "hardening":
            q = objectives.soft_assignment(output.latent, params["centres"])
            cluster = mean(objectives.hardening(target, q), batch.weight)
        else:
            cluster = objectives.nearest(
                output.latent, params["centres"], batch.weight, config.squared
            )
        if config.reduction == "sum":
            cluster = cluster * batch.weight.sum()
        kernels = sum(
            jnp.square(leaf).sum()
            for leaf in jax.tree.leaves(params["network"])
            if leaf.ndim > 1
        )
        total = alpha * config.cluster_weight * cluster + (1 - alpha) * error
        shown = {"loss": total, "reconstruction": error, "cluster": cluster}
        return total + config.weight_decay * kernels, (shown, moments)

    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        alpha = config.weight(clock.epoch)

        def step(
            key: Key, state: State, batch: Batch, scale: Array
        ) -> tuple[State, Metrics]:
            model, rest = state.model, state.train
            params = _trained(model)
            x = _unit(config, batch.values)
            if config.shift or config.turn:
                x = augmentation.moved(key, x, config.shift, config.turn)
            grads, (shown, moments) = jax.grad(losses, has_aux=True)(
                params, model, x, batch, rest.target[batch.index], alpha
            )
            params, moved = optimizers.apply(
                optimiser, grads, rest.optimiser, params, scale
            )
            kept = Network(params["network"], updated(model.network.stats, moments))
            clusters = model.clusters._replace(centres=params["centres"])
            return State(Model(kept, clusters), rest._replace(optimiser=moved)), shown

        rest: Rest = state.train
        done = rest.settled | (clock.epoch >= last)
        count = jnp.where(done, 0, clock.count)
        following = jnp.where(clock.count > 0, clock.epoch + 1, rest.epoch)
        go = epochs.minibatches(step, config.batch_size)
        scale = clock.scale * config.rate_decay ** clock.epoch.astype(jnp.float32)
        clock = clock._replace(count=count, scale=scale)
        state, metrics = go(key, state, source, clock)
        return State(state.model, state.train._replace(epoch=following)), metrics

    def refresh(key: Key, state: State, source: Any) -> State:
        model, rest = state
        epoch = int(rest.epoch)
        real = np.asarray(source.weight) > 0
        if epoch < config.pretrain or real.sum() < config.clusters:
            return state
        if epoch > last or (bool(rest.settled) and epoch < last):
            return state
        codes, error = (np.asarray(a) for a in _coded(config, model.network, source))
        seed = int(jax.random.bits(key, (), jnp.uint32))
        centres = np.asarray(model.clusters.centres)
        first, final = epoch == config.pretrain, epoch >= last
        again = config.loss == "kmeans" and not (
            (epoch - config.pretrain) % config.refresh_every
        )
        if first or final or again:
            start = None if first or final else centres
            centres = _clustering.kmeans(
                codes[real], config.clusters, seed, config.restarts, start
            )
        clusters = _clustering.described(centres, codes[real], error[real])
        if final:
            _clustering.warn_if_collapsed(clusters)
        q = objectives.soft_assignment(jnp.asarray(codes), clusters.centres)
        nearest = q.argmax(axis=-1).astype(jnp.int32)
        changed = np.asarray(nearest != rest.nearest)[real].mean()
        frequency = jnp.where(jnp.asarray(real)[:, None], q, 0.0).sum(axis=0)
        model = Model(model.network, clusters)
        moved = optimiser.init(_trained(model)) if first else rest.optimiser
        return State(
            model,
            rest._replace(
                optimiser=moved,
                target=objectives.target_distribution(q, frequency),
                nearest=nearest,
                settled=jnp.asarray(not first and changed < config.settled),
            ),
        )

    def look(model: Model, batch: Batch) -> tuple[Array, Output]:
        x = _unit(config, batch.values)
        output: Output = network.run(module, model.network, x)
        return x, output

    def score(keys: Array, model: Model, batch: Batch) -> Array:
        del keys
        x, output = look(model, batch)
        return _score(config, model.clusters, output.latent, _error(x, output))

    def inspect(keys: Array, model: Model, batch: Batch) -> dict[str, Array]:
        del keys
        x, output = look(model, batch)
        error = _error(x, output)
        apart, nearest = _clustering.distances(model.clusters, output.latent)
        q = objectives.soft_assignment(output.latent, model.clusters.centres)
        made = output.reconstruction
        return {
            "latent": output.latent,
            "reconstruction": 2 * made - 1 if config.images else made,
            "cluster": nearest,
            "likeliest": q.argmax(axis=-1),
            "assignment": q,
            "distance": apart,
            "residual": error,
            "entropy": _clustering.entropy(model.clusters, output.latent),
        }

    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=init,
        advance=advance,
        score=score,
        refresh=refresh,
        inspect=inspect,
    )


def _trained(model: Model) -> dict[str, PyTree]:
    """What the optimiser moves."""
    return {"network": model.network.params, "centres": model.clusters.centres}


def _unit(config: Config, values: Array) -> Array:
    """Samples as the autoencoder sees them: images in [0, 1]."""
    return (values + 1) / 2 if config.images else values


def _error(x: Array, output: Output) -> Array:
    """Mean squared error `[B]` of the reconstruction."""
    squared = jnp.square(output.reconstruction - x)
    return squared.mean(axis=tuple(range(1, x.ndim)))


def _score(config: Config, clusters: Clusters, codes: Array, error: Array) -> Array:
    apart, nearest = _clustering.distances(clusters, codes)
    relative = apart / clusters.radius[nearest]
    if config.score == "combined":
        views = ((relative, clusters.relative), (error, clusters.residual))
        one, other = (
            _clustering.rank(*view) + _clustering.excess(*view) for view in views
        )
        return (one + other) / 2
    choices: dict[str, Callable[[], Array]] = {
        "relative": lambda: relative,
        "distance": lambda: apart,
        "mahalanobis": lambda: _clustering.mahalanobis(clusters, codes),
        "entropy": lambda: _clustering.entropy(clusters, codes),
        "residual": lambda: error,
        "small": lambda: -jnp.log(clusters.share[nearest]),
    }
    return choices[config.score]()


@functools.partial(jax.jit, static_argnums=0)
def _coded(config: Config, kept: Network, source: Any) -> tuple[Array, Array]:
    """Codes `[N, Z]` and reconstruction errors `[N]` of a whole source."""
    module = config.module()

    def one(index: Array) -> tuple[Array, Array]:
        x = _unit(config, source.take(index).values)
        output: Output = network.run(module, kept, x)
        return output.latent, _error(x, output)

    size = min(CODED_AT_ONCE, source.size)
    index = jnp.arange(-(-source.size // size) * size, dtype=jnp.int32)
    index = jnp.minimum(index, source.size - 1).reshape(-1, size)
    codes, error = jax.lax.map(one, index)
    return codes.reshape(-1, codes.shape[-1])[: source.size], error.reshape(-1)[
        : source.size
    ]
