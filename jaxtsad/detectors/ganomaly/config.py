"""Options of `ganomaly`."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

from jaxtsad import validation
from jaxtsad.detectors.ganomaly.losses import ScoreNorm, Weights
from jaxtsad.detectors.ganomaly.network import (
    Discriminator,
    Generator,
)
from jaxtsad.detectors.ganomaly.training import GanTrainer
from jaxtsad.models.convolutional import Norm
from jaxtsad.models.strided_encoder import Activation
from jaxtsad.ops import crops
from jaxtsad.validation import Count, NotNegative, Positive, ShareBelowOne, Size

Layout: TypeAlias = Literal["window", "image"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
BnEval: TypeAlias = Literal["running", "batch"]


@validation.config
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

    window: Size
    channels: Size
    layout: Layout = "window"
    latent: Size | None = None
    width: Size | None = None
    extra: Count = 0
    norm: Norm = "batch"
    activation: Activation | None = None
    adversarial: NotNegative = 1.0
    contextual: NotNegative = 50.0
    encoder: NotNegative = 1.0
    learning_rate: Positive = 2e-4
    beta1: ShareBelowOne = 0.5
    batch_size: Size = 64
    drop_last: bool = True
    score_norm: ScoreNorm = "mse"
    residual: NotNegative | None = None
    bn_eval: BnEval = "running"

    def __post_init__(self) -> None:
        crops.check(self.window, self.images)

    @property
    def side(self) -> int:
        """What the networks see: the window or the nearest smaller 4 * 2**m."""
        return crops.side_of(self.window)

    @property
    def images(self) -> bool:
        """Whether samples are images."""
        return self.layout == "image"

    def trainer(self) -> GanTrainer:
        """The networks and how they learn."""
        rank = 2 if self.images else 1
        cap = 1 << 20 if self.images else 512
        width = self.width or (64 if self.images else 32)
        shape: dict[str, Any] = {"width": width, "cap": cap}
        shape |= {"extra": self.extra, "norm": self.norm}
        return GanTrainer(
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
