"""How deep clustering learns: reconstruction first, then both losses, k-means between.

Shape letters: N samples, B batch, K clusters, Z latent width.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.deep_clustering import augmentation, clusters, losses
from jaxtsad.detectors.deep_clustering.clusters import Clusters
from jaxtsad.detectors.deep_clustering.config import Config
from jaxtsad.models import network
from jaxtsad.models.conv_autoencoder import Output
from jaxtsad.models.convolutional import updated
from jaxtsad.models.network import Network
from jaxtsad.models.reconstruction import mean
from jaxtsad.training import epochs, optimizers
from jaxtsad.types import Array, Batch, Clock, Key, Metrics, PyTree, State

CODED_AT_ONCE = 128


class Model(NamedTuple):
    """What scoring needs: the autoencoder and the clusters of its codes."""

    network: Network
    clusters: Clusters


class TrainState(NamedTuple):
    """What only training needs.

    Attributes:
        optimizer: State of the optimizer.
        target: `[N, K]` target distribution of the epoch.
        nearest: `[N]` int32, each sample's most likely cluster before the epoch.
        epoch: int32, the epoch to come.
        settled: bool, whether refining has ended early.
    """

    optimizer: PyTree
    target: Array
    nearest: Array
    epoch: Array
    settled: Array


def optimizer(config: Config) -> optimizers.Transform:
    """Adam, or steps with Nesterov's momentum."""
    name = config.optimizer or ("nesterov" if config.images else "adam")
    if name == "adam":
        return optimizers.adam(config.learning_rate or 1e-3)
    return optimizers.nesterov(config.learning_rate or 0.01)


def trained(model: Model) -> dict[str, PyTree]:
    """What the optimizer moves."""
    return {"network": model.network.params, "centres": model.clusters.centres}


def unit(config: Config, values: Array) -> Array:
    """Samples as the autoencoder sees them: images in [0, 1]."""
    return (values + 1) / 2 if config.images else values


def error(x: Array, output: Output) -> Array:
    """Mean squared error `[B]` of the reconstruction."""
    squared = jnp.square(output.reconstruction - x)
    return squared.mean(axis=tuple(range(1, x.ndim)))


def start(config: Config, key: Key, source: Any) -> State:
    """Draws the autoencoder; there are no clusters yet."""
    x = source.take(jnp.zeros(1, jnp.int32)).values
    model = Model(
        network.start(key, config.module(), x),
        clusters.blank(config.clusters, config.codes),
    )
    count = source.size
    train = TrainState(
        optimizer(config).init(trained(model)),
        jnp.full((count, config.clusters), 1.0 / config.clusters),
        jnp.zeros(count, jnp.int32),
        jnp.int32(0),
        jnp.zeros((), bool),
    )
    return State(model, train)


def objective(
    params: dict[str, PyTree],
    config: Config,
    model: Model,
    x: Array,
    batch: Batch,
    target: Array,
    nearest: Array,
    alpha: Array,
) -> tuple[Array, tuple[Metrics, PyTree]]:
    """The loss of a batch, its parts and the moments of its norms.

    Args:
        params: Of `trained`.
        config: The options.
        model: Gives the running statistics.
        x: Samples `[B, ...]` as the autoencoder sees them.
        batch: Their weights.
        target: `[B, K]` target distribution.
        nearest: `[B]` clusters before the epoch.
        alpha: Weight of the clustering loss.
    """
    autoencoder = model.network._replace(params=params["network"])
    output, moments = network.train(config.module(), autoencoder, x, batch.weight)
    reconstruction = mean(error(x, output), batch.weight)
    if config.loss == "hardening":
        q = losses.soft_assignment(output.latent, params["centres"])
        cluster = mean(losses.hardening(target, q), batch.weight)
    else:
        cluster = losses.to_centres(
            output.latent,
            params["centres"],
            batch.weight,
            config.squared,
            nearest if config.assigned == "epoch" else None,
        )
    if config.reduction == "sum":
        cluster = cluster * batch.weight.sum()
    kernels = sum(
        jnp.square(leaf).sum()
        for leaf in jax.tree.leaves(params["network"])
        if leaf.ndim > 1
    )
    total = alpha * config.cluster_weight * cluster + (1 - alpha) * reconstruction
    metrics = {"loss": total, "reconstruction": reconstruction, "cluster": cluster}
    return total + config.weight_decay * kernels, (metrics, moments)


def step(
    config: Config, alpha: Array, key: Key, state: State, batch: Batch, scale: Array
) -> tuple[State, Metrics]:
    """A step on a batch, see `training.epochs.minibatches`.

    Args:
        config: The options.
        alpha: Weight of the clustering loss.
        key: Of the augmentation.
        state: Before the step.
        batch: The samples.
        scale: Multiplier of the update.
    """
    model, train = state
    params = trained(model)
    x = unit(config, batch.values)
    if config.shift or config.turn:
        x = augmentation.moved(key, x, config.shift, config.turn)
    grads, (metrics, moments) = jax.grad(objective, has_aux=True)(
        params,
        config,
        model,
        x,
        batch,
        train.target[batch.index],
        train.nearest[batch.index],
        alpha,
    )
    params, opt_state = optimizers.apply(
        optimizer(config), grads, train.optimizer, params, scale
    )
    autoencoder = Network(params["network"], updated(model.network.stats, moments))
    moved = Model(autoencoder, model.clusters._replace(centres=params["centres"]))
    return State(moved, train._replace(optimizer=opt_state)), metrics


def advance(
    config: Config, key: Key, state: State, source: Any, clock: Clock
) -> tuple[State, Metrics]:
    """Steps of an epoch; none after the last or once refining has settled."""
    train: TrainState = state.train
    done = train.settled | (clock.epoch >= config.pretrain + config.refine)
    count = jnp.where(done, 0, clock.count)
    following = jnp.where(clock.count > 0, clock.epoch + 1, train.epoch)
    run = epochs.minibatches(
        functools.partial(step, config, config.weight(clock.epoch)), config.batch_size
    )
    scale = clock.scale * config.rate_decay ** clock.epoch.astype(jnp.float32)
    clock = clock._replace(count=count, scale=scale)
    state, metrics = run(key, state, source, clock)
    return State(state.model, state.train._replace(epoch=following)), metrics


def refresh(config: Config, key: Key, state: State, source: Any) -> State:
    """k-means on the codes where it is due, then the target distribution."""
    model, train = state
    epoch, last = int(train.epoch), config.pretrain + config.refine
    real = np.asarray(source.weight) > 0
    if epoch < config.pretrain or real.sum() < config.clusters:
        return state
    if epoch > last or (bool(train.settled) and epoch < last):
        return state
    codes, residual = (np.asarray(a) for a in _coded(config)(model.network, source))
    seed = int(jax.random.bits(key, (), jnp.uint32))
    centres = np.asarray(model.clusters.centres)
    first, final = epoch == config.pretrain, epoch >= last
    again = config.loss == "kmeans" and not (
        (epoch - config.pretrain) % config.refresh_every
    )
    if first or final or again:
        begin = None if first or final else centres
        centres = clusters.kmeans(
            codes[real], config.clusters, seed, config.restarts, begin
        )
    described = clusters.described(centres, codes[real], residual[real])
    if final:
        clusters.warn_if_collapsed(described)
    q = losses.soft_assignment(jnp.asarray(codes), described.centres)
    nearest = q.argmax(axis=-1).astype(jnp.int32)
    changed = np.asarray(nearest != train.nearest)[real].mean()
    frequency = jnp.where(jnp.asarray(real)[:, None], q, 0.0).sum(axis=0)
    model = Model(model.network, described)
    opt_state = optimizer(config).init(trained(model)) if first else train.optimizer
    return State(
        model,
        train._replace(
            optimizer=opt_state,
            target=losses.target_distribution(q, frequency),
            nearest=nearest,
            settled=jnp.asarray(not first and changed < config.settled),
        ),
    )


@functools.lru_cache(maxsize=16)
def _coded(config: Config) -> Callable[[Network, Any], tuple[Array, Array]]:
    """`(autoencoder, source) -> (codes [N, Z], errors [N])`, compiled."""
    return jax.jit(functools.partial(codes_and_errors, config))


def codes_and_errors(
    config: Config, autoencoder: Network, source: Any
) -> tuple[Array, Array]:
    """Codes `[N, Z]` and reconstruction errors `[N]` of a whole source."""
    module = config.module()

    def batch(index: Array) -> tuple[Array, Array]:
        x = unit(config, source.take(index).values)
        output: Output = network.run(module, autoencoder, x)
        return output.latent, error(x, output)

    size = min(CODED_AT_ONCE, source.size)
    index = jnp.arange(-(-source.size // size) * size, dtype=jnp.int32)
    index = jnp.minimum(index, source.size - 1).reshape(-1, size)
    codes, errors = jax.lax.map(batch, index)
    codes = codes.reshape(-1, codes.shape[-1])[: source.size]
    return codes, errors.reshape(-1)[: source.size]
