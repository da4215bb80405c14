"""Deep clustering: a sample is strange that is far from every cluster of codes.

Aljalbout, Golkov, Siddiqui, Strobel and Cremers, "Clustering with Deep Learning:
Taxonomy and New Methods", 2018. An autoencoder is trained to reconstruct; k-means on
its codes starts the clusters; then reconstruction and a clustering loss are trained
together; one more epoch, without steps, runs k-means on the final codes.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors import _options
from jaxtsad.detectors.deep_clustering import augmentation
from jaxtsad.detectors.deep_clustering import losses as objectives
from jaxtsad.detectors.deep_clustering import training as _clustering
from jaxtsad.detectors.deep_clustering.network import SmallAutoencoder
from jaxtsad.detectors.deep_clustering.training import Clusters
from jaxtsad.models import network
from jaxtsad.models.conv_autoencoder import (
    UNPOOLS,
    ImageAutoencoder,
    Output,
    Unpool,
    WindowAutoencoder,
)
from jaxtsad.models.convolutional import updated
from jaxtsad.models.network import Network
from jaxtsad.models.reconstruction import mean
from jaxtsad.training import epochs, optimizers
from jaxtsad.types import Array, Batch, Clock, Detector, Key, Metrics, PyTree, State

Layout: TypeAlias = Literal["window", "image"]
LAYOUTS: tuple[Layout, ...] = ("window", "image")
Arch: TypeAlias = Literal["published", "small"]
ARCHS: tuple[Arch, ...] = ("published", "small")
LOSSES = ("hardening", "kmeans")
OPTIMISERS = ("adam", "nesterov")
SCHEDULES = ("linear", "constant", "step")
SCORES = (
    "combined",
    "relative",
    "distance",
    "mahalanobis",
    "entropy",
    "residual",
    "small",
)
IMAGE_SIDES = (28, 32, 128)
CODED_AT_ONCE = 128


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of `deep_clustering`; train for `pretrain + refine + 1` epochs.

    Epochs beyond change nothing; before the end of `pretrain` there are no clusters.

    Attributes:
        window: Window length L in steps, or side of the images: 28, 32 or 128 pixels.
            Images are in [-1, 1], as the default scaling makes them.
        channels: Number of channels C.
        layout: `window` or `image`.
        clusters: Number of clusters K.
        arch: Of images: the `published` networks, or a `small` one without norms.
        latent: Latent width Z; None for 16 on windows, 120 on images and 320 on those
            of 128 pixels; 32 for the small network.
        width: Channels of the first layer; None for 32, 50 and 20; 32 for the small
            network.
        unpool: How images are made larger: `repeat` or `argmax`.
        loss: `hardening` of soft assignments, or distance to the `kmeans` centre.
        pretrain: Epochs of reconstruction alone.
        refine: Epochs of both losses; they end early when hardly a sample changes.
        alpha: Last weight of the clustering loss; reconstruction has what is left.
        alpha_start: Its first weight.
        alpha_schedule: `linear` over the first half of the refining, `constant` at
            `alpha`, or one `step` half way.
        cluster_weight: Multiplier of the clustering loss.
        reduction: `mean` over samples of the clustering loss, or `sum`.
        squared: Whether the k-means loss squares distances.
        refresh_every: Epochs after which the k-means loss runs k-means again.
        restarts: Starts of the first and the last k-means.
        settled: Share of samples changing cluster below which refining ends.
        optimiser: `adam` or `nesterov`; None for adam on windows.
        learning_rate: None for 1e-3 with adam and 0.01 with nesterov.
        rate_decay: Multiplier of the learning rate after every epoch.
        weight_decay: Weight of the sum of squared kernels.
        batch_size: Samples per step.
        shift: Of images, which are trained on shifted at random by at most so many
            pixels along either axis.
        turn: Likewise, turned by at most so many degrees.
        score: `combined`, mean rank of `relative` and `residual` and how far either
            is beyond the fit part; `relative` to the cluster's radius; plain or
            `mahalanobis` `distance`; `entropy` of the assignment; `residual` of the
            reconstruction; or how `small` the cluster is.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: int
    channels: int
    layout: Layout = "window"
    clusters: int = 8
    arch: Arch = "published"
    latent: int | None = None
    width: int | None = None
    unpool: Unpool = "repeat"
    loss: str = "hardening"
    pretrain: int = 8
    refine: int = 6
    alpha: float = 0.5
    alpha_start: float = 0.1
    alpha_schedule: str = "linear"
    cluster_weight: float = 0.1
    reduction: str = "mean"
    squared: bool = True
    refresh_every: int = 10
    restarts: int = 20
    settled: float = 0.001
    optimiser: str | None = None
    learning_rate: float | None = None
    rate_decay: float = 0.9999
    weight_decay: float = 5e-5
    batch_size: int = 100
    shift: float = 0.0
    turn: float = 0.0
    score: str = "combined"

    def __post_init__(self) -> None:
        _options.check_sizes(
            self, "window", "channels", "clusters", "refresh_every", "restarts"
        )
        _options.check_sizes(self, "pretrain", "batch_size")
        _options.check_counts(self, "refine")
        for name, choices in (
            ("layout", LAYOUTS),
            ("arch", ARCHS),
            ("unpool", UNPOOLS),
            ("loss", LOSSES),
            ("alpha_schedule", SCHEDULES),
            ("reduction", ("mean", "sum")),
            ("squared", (False, True)),
            ("optimiser", (None, *OPTIMISERS)),
            ("score", SCORES),
        ):
            _options.check_choice(self, name, choices)
        _options.check_not_negative(self, "cluster_weight", "weight_decay", "settled")
        _options.check_not_negative(self, "shift", "turn")
        for name in ("alpha", "alpha_start"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)} must be in [0, 1]")
        if not 0 < self.rate_decay <= 1:
            raise ValueError(f"rate_decay={self.rate_decay} must be in (0, 1]")
        for name in ("latent", "width"):
            if getattr(self, name) is not None:
                _options.check_sizes(self, name)
        if self.learning_rate is not None:
            _options.check_positive(self, "learning_rate")
        if self.images and self.window not in IMAGE_SIDES:
            listed = ", ".join(map(str, IMAGE_SIDES))
            raise ValueError(f"window={self.window} of images; the sides are {listed}")
        if not self.images and (self.shift or self.turn):
            raise ValueError(
                f"shift={self.shift} and turn={self.turn} are of images; windows "
                "have neither"
            )
        if not self.images and self.window < 2:
            raise ValueError(f"window={self.window} must be at least 2")

    @property
    def images(self) -> bool:
        """Whether samples are images."""
        return self.layout == "image"

    @property
    def codes(self) -> int:
        """Latent width Z."""
        if not self.images:
            return self.latent or 16
        if self.arch == "small":
            return self.latent or 32
        return self.latent or (320 if self.window > 40 else 120)

    def module(self) -> Any:
        """The autoencoder."""
        if not self.images:
            return WindowAutoencoder(
                self.window, self.channels, self.width or 32, self.codes
            )
        if self.arch == "small":
            return SmallAutoencoder(
                self.channels, self.width or 32, self.codes, self.unpool
            )
        width = self.width or (20 if self.window > 40 else 50)
        return ImageAutoencoder(
            self.window, self.channels, width, self.codes, self.unpool
        )

    def weight(self, epoch: Array) -> Array:
        """Alpha in an epoch.

        Example:
            >>> config = Config(8, 1, pretrain=2, refine=4)
            >>> [round(float(config.weight(jnp.int32(e))), 3) for e in (0, 2, 3, 4, 5)]
            [0.0, 0.1, 0.3, 0.5, 0.5]
        """
        since = (epoch - self.pretrain) / max(1, self.refine / 2)
        if self.alpha_schedule == "constant":
            share = jnp.ones(())
        elif self.alpha_schedule == "step":
            share = (since >= 1).astype(jnp.float32)
        else:
            share = jnp.clip(since, 0.0, 1.0)
        found = self.alpha_start + (self.alpha - self.alpha_start) * share
        return jnp.where(epoch < self.pretrain, 0.0, found)


TINY = Config(
    window=8,
    channels=3,
    clusters=3,
    latent=4,
    width=4,
    pretrain=6,
    refine=4,
    restarts=2,
    batch_size=32,
    learning_rate=5e-3,
)


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
        >>> build(TINY) is build(dataclasses.replace(TINY))
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
