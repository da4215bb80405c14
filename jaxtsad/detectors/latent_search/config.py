"""Options of `latent_search`."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from jaxtsad import validation
from jaxtsad.detectors.latent_search import network as dcgan
from jaxtsad.detectors.latent_search.gan import Loss, Recipe
from jaxtsad.detectors.latent_search.search import (
    Optimizer,
    Theta,
)
from jaxtsad.models.strided_encoder import Activation
from jaxtsad.ops import crops
from jaxtsad.validation import Count, NotNegative, Positive, ShareBelowOne, Size

Layout: TypeAlias = Literal["window", "image"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
Start: TypeAlias = Literal["prior", "encoder", "warm"]
Reduce: TypeAlias = Literal["mean", "min"]
Error: TypeAlias = Literal["mse", "relative"]
BnEval: TypeAlias = Literal["running", "sample"]


@validation.config
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
        search_optimizer: `adam` or `sgd`.
        bn_eval: Statistics of batch norm in the search: `running`, or those of the
            `sample` alone that is being made, a batch of one, as the original searches
            whose traced generator was never put into evaluation mode.
        shared_start: Whether all samples have the same starts.
        start: Where restart 0 begins: like the others, from the `prior`; at the code
            that a trained `encoder` gives; or `warm`, at the code of the window before
            in the batch, by which scores depend on their neighbours.
        reduce: `mean` over restarts, or `min`.
        error: `mse` as published, or `relative`: the share of a sample that is left
            unexplained, its squared error over that of an empty sample (black where the
            activation is tanh, else 0). A large or bright sample has more to be wrong
            about than a small one, so that by the squared error its size counts as
            anomalous even to the generator of its own kind.
        scored: Channels whose error is the score, all where empty. The search is by all
            of them; some, such as colour, may say nothing of what is normal.
        max_memory_gb: Memory of a chunk of samples.
        checked: Validation samples that an epoch's search is measured on.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: Size
    channels: Size
    layout: Layout = "window"
    loss: Loss = "wgan_gp"
    latent: Size | None = None
    width: Size | None = None
    activation: Activation | None = None
    critic_as_original: bool = False
    scale_mean: NotNegative = 1.0
    learning_rate: Positive = 1e-4
    beta1: ShareBelowOne = 0.0
    beta2: ShareBelowOne = 0.9
    critic_steps: Size = 5
    penalty: NotNegative = 10.0
    average: ShareBelowOne = 0.0
    reconstruction: NotNegative = 0.0
    batch_size: Size = 128
    restarts: Size = 3
    search_steps: Count = 19
    code_rate: Positive = 5e-2
    weight_rate: NotNegative = 6e-9
    theta: Theta = "frozen"
    search_optimizer: Optimizer = "adam"
    bn_eval: BnEval = "running"
    shared_start: bool = False
    start: Start = "prior"
    reduce: Reduce = "mean"
    error: Error = "mse"
    scored: tuple[Count, ...] = ()
    max_memory_gb: Positive = 2.0
    checked: Size = 32

    def __post_init__(self) -> None:
        if any(channel >= self.channels for channel in self.scored):
            raise ValueError(
                f"scored={self.scored} must name channels from 0 to {self.channels - 1}"
            )
        crops.check(self.window, self.images)

    @property
    def side(self) -> int:
        """What the networks see: the window or the nearest smaller 4 * 2**m."""
        return crops.side_of(self.window)

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
