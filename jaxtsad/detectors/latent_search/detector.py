"""Latent search: a sample is strange that a trained generator cannot make.

Deecke, Vandermeulen, Ruff, Mandt and Kloft, "Image Anomaly Detection with Generative
Adversarial Networks", ECML PKDD 2018, on colour and depth images with the constants of
the search there, and on windows. A DCGAN or WGAN-GP is trained on normal samples; the
score is the squared error that a few restarts of the search are left with.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from jaxtsad.detectors import _options
from jaxtsad.detectors.ganomaly.network import ACTIVATIONS, Activation, Encoder
from jaxtsad.detectors.latent_search import network as dcgan
from jaxtsad.detectors.latent_search import search as latent_search
from jaxtsad.detectors.latent_search import training as adversarial
from jaxtsad.detectors.latent_search.codes import Reader
from jaxtsad.detectors.latent_search.search import (
    OPTIMISERS,
    THETAS,
    Found,
    Optimiser,
    Search,
    Theta,
)
from jaxtsad.detectors.latent_search.training import LOSSES, Gan, Loss, Recipe
from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.ops import crops as _crops
from jaxtsad.training import epochs
from jaxtsad.types import Array, Batch, Clock, Detector, Key, Metrics, PyTree, State

Layout: TypeAlias = Literal["window", "image"]
LAYOUTS: tuple[Layout, ...] = ("window", "image")
Start: TypeAlias = Literal["prior", "encoder", "warm"]
STARTS: tuple[Start, ...] = ("prior", "encoder", "warm")
Reduce: TypeAlias = Literal["mean", "min"]
REDUCES: tuple[Reduce, ...] = ("mean", "min")
Error: TypeAlias = Literal["mse", "relative"]
ERRORS: tuple[Error, ...] = ("mse", "relative")
LEAST = 1e-6


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of `latent_search`.

    Attributes:
        window: Window length L in steps, or side of the images in pixels: 4 times a
            power of two. Windows of another length are seen through two of the nearest
            smaller such length, one at each end.
        channels: Number of channels C.
        layout: `window` or `image`.
        loss: `wgan_gp` or `gan`.
        latent: Latent width Z; None for 32 on windows and 100 on images.
        width: See `models.dcgan.Generator`; None for 16 on windows and 64 on images.
        activation: Of the generator: `linear` or `tanh`; None for linear on windows and
            tanh on images.
        critic_as_original: Batch norm and a sigmoid in the critic of `wgan_gp`, as the
            original has them; else layer norm and no sigmoid.
        scale_mean: Mean of the norms' scales at the start: 1, or 0 as in the original.
        learning_rate: Of both players' Adams.
        beta1: Decay of their first moments.
        beta2: Decay of their second moments.
        critic_steps: Critic's steps per generator's step.
        penalty: Weight of the gradient penalty.
        average: Decay of the moving average of the generator that is scored with; 0
            scores with the last weights.
        reconstruction: Weight of a reconstruction in training, see
            `training.codes.Reader`: against parts of the class that a GAN leaves out. 0
            as published.
        batch_size: Samples per step.
        restarts: Starts R of the search.
        search_steps: Steps k of each.
        code_rate: Learning rate of the code.
        weight_rate: Learning rate of the weights, where they move.
        theta: Which weights move: `frozen`, `per_seed` or `delta_last`.
        search_optimiser: `adam` or `sgd`.
        shared_start: Whether all samples have the same starts.
        start: Where restart 0 begins: like the others, from the `prior`; at the code
            that a trained `encoder` gives; or `warm`, at the code of the window before
            in the batch, by which scores depend on their neighbours.
        reduce: `mean` over restarts, or `min`.
        error: `mse` as published, or `relative`: the share of a sample that is left
            unexplained, its squared error over that of an empty sample (black where the
            activation is tanh, else 0). A large or bright sample has more to be wrong
            about than a small one, so that by the squared error its size counts as
            strange even to the generator of its own kind.
        scored: Channels whose error is the score, all where empty. The search is by all
            of them; some, such as colour, may say nothing of what is normal.
        max_memory_gb: Memory of a chunk of samples.
        checked: Validation samples that an epoch's search is measured on.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: int
    channels: int
    layout: Layout = "window"
    loss: Loss = "wgan_gp"
    latent: int | None = None
    width: int | None = None
    activation: Activation | None = None
    critic_as_original: bool = False
    scale_mean: float = 1.0
    learning_rate: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9
    critic_steps: int = 5
    penalty: float = 10.0
    average: float = 0.0
    reconstruction: float = 0.0
    batch_size: int = 128
    restarts: int = 3
    search_steps: int = 19
    code_rate: float = 5e-2
    weight_rate: float = 6e-9
    theta: Theta = "frozen"
    search_optimiser: Optimiser = "adam"
    shared_start: bool = False
    start: Start = "prior"
    reduce: Reduce = "mean"
    error: Error = "mse"
    scored: tuple[int, ...] = ()
    max_memory_gb: float = 2.0
    checked: int = 32

    def __post_init__(self) -> None:
        _options.check_sizes(
            self,
            "window",
            "channels",
            "critic_steps",
            "batch_size",
            "restarts",
            "checked",
        )
        _options.check_counts(self, "search_steps")
        for name, choices in (
            ("layout", LAYOUTS),
            ("loss", LOSSES),
            ("theta", THETAS),
            ("search_optimiser", OPTIMISERS),
            ("start", STARTS),
            ("reduce", REDUCES),
            ("error", ERRORS),
            ("critic_as_original", (False, True)),
            ("shared_start", (False, True)),
        ):
            _options.check_choice(self, name, choices)
        _options.check_positive(self, "learning_rate", "code_rate", "max_memory_gb")
        _options.check_not_negative(
            self, "penalty", "weight_rate", "scale_mean", "reconstruction"
        )
        for name in ("beta1", "beta2", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be in [0, 1)")
        for name in ("latent", "width"):
            if getattr(self, name) is not None:
                _options.check_sizes(self, name)
        if self.activation is not None:
            _options.check_choice(self, "activation", ACTIVATIONS)
        for channel in self.scored:
            if channel not in range(self.channels):
                raise ValueError(
                    f"scored={self.scored} must name channels from 0 to "
                    f"{self.channels - 1}"
                )
        _crops.check(self.window, self.images)

    @property
    def side(self) -> int:
        """What the networks see: the window or the nearest smaller 4 * 2**m."""
        return _crops.side_of(self.window)

    @property
    def images(self) -> bool:
        """Whether samples are images."""
        return self.layout == "image"

    @property
    def codes(self) -> int:
        """Latent width Z."""
        return self.latent or (100 if self.images else 32)

    @property
    def output(self) -> Activation:
        """Last activation of the generator."""
        return self.activation or ("tanh" if self.images else "linear")

    @property
    def scale(self) -> int:
        """Width of the networks."""
        return self.width or (64 if self.images else 16)

    def recipe(self) -> Recipe:
        """The players and how they learn."""
        generator = dcgan.Generator(
            self.side,
            2 if self.images else 1,
            self.channels,
            self.scale,
            scale_mean=self.scale_mean,
            activation=self.output,
        )
        coupled = self.loss == "gan" or self.critic_as_original
        judge = dcgan.Discriminator(
            self.scale if self.images else 2 * self.scale,
            "batch" if coupled else "layer",
            self.scale_mean,
        )
        return Recipe(
            generator,
            judge,
            self.codes,
            self.loss,
            self.learning_rate,
            self.beta1,
            self.beta2,
            self.critic_steps,
            self.penalty,
            self.loss == "wgan_gp" and self.critic_as_original,
        )


TINY = Config(
    window=8,
    channels=3,
    loss="gan",
    latent=4,
    width=4,
    batch_size=16,
    restarts=2,
    search_steps=5,
    learning_rate=1e-2,
    checked=8,
)


class Model(NamedTuple):
    """What scoring needs: the generator, and the encoder where the search uses one."""

    generator: Network
    encoder: Network | None


class Rest(NamedTuple):
    """What only training needs."""

    gan: Gan
    encoder_adam: PyTree


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(TINY) is build(dataclasses.replace(TINY))
        True
    """
    recipe = config.recipe()
    encoder = Encoder(config.codes, config.scale, 512, norm="layer")
    reader = Reader(
        encoder, recipe.generator, config.learning_rate, config.reconstruction
    )
    learns_codes = config.start == "encoder" or config.reconstruction > 0

    def shape(count: int) -> tuple[int, ...]:
        sides = (config.side,) * (2 if config.images else 1)
        return (count, *sides, config.channels)

    def init(key: Key, source: Any) -> State:
        del source
        gan_key, encoder_key = jax.random.split(key)
        gan = recipe.start(gan_key, jnp.zeros(shape(1)))
        coder, adam = None, ()
        if learns_codes:
            coder = network.start(encoder_key, encoder, jnp.zeros(shape(1)))
            adam = reader.start(coder, gan.player("generator"))
        return State(Model(_copied(gan.player("generator")), coder), Rest(gan, adam))

    def step(
        key: Key, state: State, batch: Batch, scale: Array
    ) -> tuple[State, Metrics]:
        crop_key, step_key, code_key = jax.random.split(key, 3)
        x = batch.values
        if not config.images:
            x = _crops.drawn(crop_key, x, config.side)
        rest: Rest = state.train
        gan, metrics = recipe.step(step_key, rest.gan, x, batch.weight, scale)

        def kept(gan: Gan) -> Network:
            maker = gan.player("generator")
            if config.average:
                old = state.model.generator
                maker = adversarial.averaged(old, maker, config.average)
            return maker

        maker = kept(gan)
        coder, adam = state.model.encoder, rest.encoder_adam
        if coder is not None:
            codes = recipe.codes(code_key, len(x))
            made = network.run(recipe.generator, maker, codes)
            coder, taught, adam, value = reader.step(
                coder,
                gan.player("generator"),
                adam,
                codes,
                made,
                x,
                batch.weight,
                scale,
            )
            metrics["encoder"] = value
            if config.reconstruction:
                gan = gan._replace(params={**gan.params, "generator": taught.params})
                maker = kept(gan)
        return State(Model(maker, coder), Rest(gan, adam)), metrics

    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        return epochs.minibatches(step, config.batch_size)(key, state, source, clock)

    def look(keys: Array, model: Model, x: Array) -> Found:
        """Searches for samples `[B, ...]` of the networks' size."""
        if config.shared_start:
            keys = jnp.broadcast_to(jax.random.key(0), keys.shape)
        begin = functools.partial(
            latent_search.starts, restarts=config.restarts, latent=config.codes
        )
        codes = jax.vmap(begin)(keys)
        if config.start == "encoder" and model.encoder is not None:
            found, _ = network.run(encoder, model.encoder, x)
            codes = codes.at[:, 0].set(found)

        def generate(params: PyTree, codes: Array) -> Array:
            moved = model.generator._replace(params=params)
            made: Array = network.run(recipe.generator, moved, codes)
            return made

        params = model.generator.params
        how = _search(config, params)
        run = latent_search.follow if config.start == "warm" else latent_search.search
        return run(how, generate, params, x, codes)

    def errors(found: Found, x: Array) -> Array:
        """Error of every restart at every step or pixel, `[B, R, S..]`."""
        apart = _apart(found, x)
        if config.error == "relative":
            blank = -1.0 if config.output == "tanh" else 0.0
            whole = taken(jnp.square(x - blank)).reshape(len(x), -1).mean(axis=1)
            whole = jnp.maximum(whole, LEAST)
            apart = apart / whole.reshape(-1, *(1,) * x.ndim)
        return taken(apart).mean(axis=-1)

    def taken(values: Array) -> Array:
        return values[..., jnp.asarray(config.scored)] if config.scored else values

    def score(keys: Array, model: Model, batch: Batch) -> Array:
        def crop(x: Array) -> Array:
            found = look(keys, model, x)
            apart = errors(found, x)
            if config.reduce == "min":
                return _nearest(found, apart)
            return apart.mean(axis=1)

        if config.images:
            return crop(batch.values).mean(axis=(1, 2))
        return _crops.averaged(batch.values, config.side, crop)

    def inspect(keys: Array, model: Model, batch: Batch) -> dict[str, Array]:
        x = batch.values[:, : config.side]
        found = look(keys, model, x)
        return {
            "losses": found.losses,
            "errors": _per_channel(found, x),
            "codes": found.codes,
            "reconstruction": _nearest(found, found.samples),
            "min": found.lowest,
        }

    def validate(key: Key, model: Model, source: Any) -> Metrics:
        index = jnp.arange(min(config.checked, source.size), dtype=jnp.int32)
        batch = source.take(index)
        keys = jax.vmap(functools.partial(jax.random.fold_in, key))(index)
        found = look(keys, model, batch.values[:, : config.side])
        total = jnp.maximum(batch.weight.sum(), 1.0)
        return {"loss": (found.score * batch.weight).sum() / total}

    return Detector(
        steps=functools.partial(epochs.steps, batch_size=config.batch_size),
        init=init,
        advance=advance,
        validate=validate,
        score=score,
        inspect=inspect,
    )


def _per_channel(found: Found, x: Array) -> Array:
    """Squared error of every restart in every channel, `[B, R, C]`."""
    apart = _apart(found, x)
    return apart.mean(axis=tuple(range(2, apart.ndim - 1)))


def _apart(found: Found, x: Array) -> Array:
    """Squared error of every restart, `[B, R, S.., C]`."""
    return jnp.square(found.samples - x[:, None])


def _nearest(found: Found, values: Array) -> Array:
    """Of values `[B, R, ...]` those of the restart that ended nearest, `[B, ...]`."""
    best = found.losses[..., -1].argmin(axis=1)
    return jax.vmap(lambda row, r: row[r])(values, best)


def _search(config: Config, params: PyTree) -> Search:
    return Search(
        restarts=config.restarts,
        steps=config.search_steps,
        code_rate=config.code_rate,
        weight_rate=config.weight_rate,
        theta=config.theta,
        optimiser=config.search_optimiser,
        latest=latent_search.module_names(params),
        max_memory_gb=config.max_memory_gb,
    )


def _copied(tree: PyTree) -> PyTree:
    """A copy: training gives its state away, and no buffer can be given twice."""
    return jax.tree.map(jnp.copy, tree)
