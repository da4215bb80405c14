"""GANomaly: a sample is strange whose reconstruction has another code.

Akcay, Atapour-Abarghouei and Breckon, "GANomaly: Semi-Supervised Anomaly Detection via
Adversarial Training", ACCV 2018; on images as published, and on windows by the same
recipe with one-dimensional convolutions.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from jaxtsad.detectors import _options
from jaxtsad.detectors.ganomaly import losses as objectives
from jaxtsad.detectors.ganomaly.losses import SCORE_NORMS, ScoreNorm, Weights
from jaxtsad.detectors.ganomaly.network import (
    ACTIVATIONS,
    Activation,
    Discriminator,
    Generator,
    Output,
)
from jaxtsad.detectors.ganomaly.training import Game, Players
from jaxtsad.models import network
from jaxtsad.models.convolutional import NORMS, Norm
from jaxtsad.models.network import Network
from jaxtsad.models.reconstruction import mean
from jaxtsad.ops import crops as _crops
from jaxtsad.training import epochs
from jaxtsad.types import Array, Batch, Clock, Detector, Key, Metrics, PyTree, State

Layout: TypeAlias = Literal["window", "image"]
LAYOUTS: tuple[Layout, ...] = ("window", "image")
BnEval: TypeAlias = Literal["running", "batch"]
BN_EVALS: tuple[BnEval, ...] = ("running", "batch")


@dataclasses.dataclass(frozen=True)
class Config:
    """Options of `ganomaly`.

    Attributes:
        window: Window length L in steps, or side of the images in pixels: 4 times a
            power of two. Windows of another length are seen through two of the nearest
            smaller such length, one at each end.
        channels: Number of channels C.
        layout: `window` or `image`.
        latent: Latent width Z; None for 32 on windows and 100 on images.
        width: Channels of the first layer; None for 32 on windows and 64 on images.
        extra: Further convolutions of every network (the published `extralayers`).
        norm: `batch`, `layer` or `none`; layer norm suits small batches.
        activation: Last of the decoder: `linear` or `tanh`; None for linear on windows
            and tanh on images, whose values are then in [-1, 1].
        adversarial: Weight of L_adv.
        contextual: Weight of L_con.
        encoder: Weight of L_enc.
        learning_rate: Of both Adams.
        beta1: Decay of their first moments.
        batch_size: Windows or images per step.
        drop_last: Leaves out the last batch of an epoch where it is not full.
        score_norm: `mse`, mean squared difference of the codes, or `l1`, its L1 norm.
        residual: Weight of the reconstruction's absolute error in the score; None for
            1 on windows, where both parts are divided by their standard deviation in
            training, and 0 on images, where they are not.
        bn_eval: `running` statistics, or those of the `batch`, by which a sample's
            score depends on its neighbours; for parity with the published code only.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: int
    channels: int
    layout: Layout = "window"
    latent: int | None = None
    width: int | None = None
    extra: int = 0
    norm: Norm = "batch"
    activation: Activation | None = None
    adversarial: float = 1.0
    contextual: float = 50.0
    encoder: float = 1.0
    learning_rate: float = 2e-4
    beta1: float = 0.5
    batch_size: int = 64
    drop_last: bool = True
    score_norm: ScoreNorm = "mse"
    residual: float | None = None
    bn_eval: BnEval = "running"

    def __post_init__(self) -> None:
        _options.check_sizes(self, "window", "channels", "batch_size")
        _options.check_counts(self, "extra")
        _options.check_choice(self, "layout", LAYOUTS)
        _options.check_choice(self, "norm", NORMS)
        _options.check_choice(self, "score_norm", SCORE_NORMS)
        _options.check_choice(self, "bn_eval", BN_EVALS)
        _options.check_choice(self, "drop_last", (False, True))
        _options.check_positive(self, "learning_rate")
        _options.check_not_negative(
            self, "adversarial", "contextual", "encoder", "beta1"
        )
        if not self.beta1 < 1:
            raise ValueError(f"beta1={self.beta1} must be below 1")
        for name in ("latent", "width"):
            if getattr(self, name) is not None:
                _options.check_sizes(self, name)
        if self.residual is not None:
            _options.check_not_negative(self, "residual")
        if self.activation is not None:
            _options.check_choice(self, "activation", ACTIVATIONS)
        _crops.check(self.window, self.images)

    @property
    def side(self) -> int:
        """What the networks see: the window or the nearest smaller 4 * 2**m."""
        return _crops.side_of(self.window)

    @property
    def images(self) -> bool:
        """Whether samples are images."""
        return self.layout == "image"

    def game(self) -> Game:
        """The networks and how they learn."""
        rank = 2 if self.images else 1
        cap = 1 << 20 if self.images else 512
        width = self.width or (64 if self.images else 32)
        shape: dict[str, Any] = {"width": width, "cap": cap}
        shape |= {"extra": self.extra, "norm": self.norm}
        return Game(
            Generator(
                self.side,
                rank,
                self.channels,
                self.latent or (100 if self.images else 32),
                activation=self.activation or ("tanh" if self.images else "linear"),
                **shape,
            ),
            Discriminator(**shape),
            Weights(self.adversarial, self.contextual, self.encoder),
            self.learning_rate,
            self.beta1,
        )


TINY = Config(
    window=8, channels=3, latent=4, width=8, batch_size=16, learning_rate=2e-3
)


class Model(NamedTuple):
    """What scoring needs.

    Attributes:
        generator: Parameters and running statistics.
        spread: Running mean and mean square of the score's two parts, `[2]` each.
    """

    generator: Network
    spread: dict[str, Array]


class Rest(NamedTuple):
    """What only training needs; see `Players`."""

    discriminator: Network
    generator_adam: PyTree
    discriminator_adam: PyTree
    resets: Array


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(TINY) is build(dataclasses.replace(TINY))
        True
    """
    game = config.game()
    share = config.residual
    if share is None:
        share = 0.0 if config.images else 1.0

    def init(key: Key, source: Any) -> State:
        del source
        sides = (config.side,) * (2 if config.images else 1)
        players = game.start(key, jnp.zeros((1, *sides, config.channels)))
        spread = {"mean": jnp.zeros(2), "square": jnp.ones(2)}
        return _state(players, spread)

    def step(
        key: Key, state: State, batch: Batch, scale: Array
    ) -> tuple[State, Metrics]:
        crop_key, reset_key = jax.random.split(key)
        players = Players(state.model.generator, *state.train)
        x = (
            batch.values
            if config.images
            else _crops.drawn(crop_key, batch.values, config.side)
        )
        lesson = game.learn(players, x, batch.weight)
        moved = game.move(reset_key, players, lesson, scale)
        seen = _parts(x, lesson.seen.output, config.score_norm, batch.weight)
        # Along with the statistics of batch norm, at the same pace.
        spread = jax.tree.map(lambda a, b: a + 0.1 * (b - a), state.model.spread, seen)
        return _state(moved, spread), game.metrics(lesson, batch.weight)

    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        go = epochs.minibatches(step, config.batch_size)
        if config.drop_last:
            real = (source.weight > 0).sum().astype(jnp.int32)
            full = jnp.maximum(real // config.batch_size, 1)
            count = jnp.clip(full - clock.first, 0, clock.count)
            clock = clock._replace(count=count)
        return go(key, state, source, clock)

    def measure(key: Key, model: Model, batch: Batch) -> Metrics:
        del key
        x = batch.values[:, : config.side]
        output = network.run(game.generator, model.generator, x)
        nothing = jnp.zeros((len(x), 1))
        terms = objectives.terms(x, output, nothing, nothing, batch.weight)
        parts = {"contextual": terms.contextual, "encoder": terms.encoder}
        return {"loss": terms.contextual + terms.encoder, **parts}

    def run(model: Model, x: Array, batch: Batch) -> Output:
        if config.bn_eval == "running":
            output: Output = network.run(game.generator, model.generator, x)
            return output
        # A batch is filled up with its last row, which counts once.
        counted = batch.weight * (batch.index != jnp.roll(batch.index, 1))
        weight = counted.at[0].set(batch.weight[0])
        return network.train(game.generator, model.generator, x, weight)[0]

    def score(keys: Array, model: Model, batch: Batch) -> Array:
        del keys
        if config.images:
            output = run(model, batch.values, batch)
            apart = objectives.residual(batch.values, output).mean((1, 2))
            return objectives.latent_score(output, config.score_norm) + share * apart
        square, middle = model.spread["square"], model.spread["mean"]
        sd = jnp.sqrt(jnp.maximum(square - middle**2, 1e-12))

        def crop(x: Array) -> Array:
            output = run(model, x, batch)
            latent = objectives.latent_score(output, config.score_norm)[:, None]
            found = jnp.broadcast_to(latent, x.shape[:2])
            if share:
                found = found / sd[0] + share * objectives.residual(x, output) / sd[1]
            return found

        return _crops.averaged(batch.values, config.side, crop)

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
    )


def _state(players: Players, spread: dict[str, Array]) -> State:
    generator, *rest = players
    return State(Model(generator, spread), Rest(*rest))


def _parts(
    x: Array, output: Output, norm: ScoreNorm, weight: Array
) -> dict[str, Array]:
    """Mean and mean square over a batch of the latent score and of the residual."""
    latent = objectives.latent_score(output, norm)
    apart = objectives.residual(x, output).reshape(len(x), -1)
    means = jnp.stack([mean(latent, weight), mean(apart.mean(1), weight)])
    squares = [mean(latent**2, weight), mean((apart**2).mean(1), weight)]
    return {"mean": means, "square": jnp.stack(squares)}
