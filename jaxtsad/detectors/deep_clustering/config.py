"""Options of `deep_clustering`."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import jax.numpy as jnp

from jaxtsad import validation
from jaxtsad.detectors.deep_clustering.network import SmallAutoencoder
from jaxtsad.models.conv_autoencoder import (
    ImageAutoencoder,
    Unpool,
    WindowAutoencoder,
)
from jaxtsad.types import Array
from jaxtsad.validation import Count, NotNegative, Positive, Share, ShareAboveZero, Size

Layout: TypeAlias = Literal["window", "image"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
Arch: TypeAlias = Literal["published", "small"]
Loss: TypeAlias = Literal["hardening", "kmeans"]
Assigned: TypeAlias = Literal["epoch", "step"]
Reduction: TypeAlias = Literal["mean", "sum"]
Optimizer: TypeAlias = Literal["adam", "nesterov"]
Schedule: TypeAlias = Literal["linear", "constant", "step"]
Score: TypeAlias = Literal[
    "combined",
    "relative",
    "distance",
    "mahalanobis",
    "entropy",
    "residual",
    "small",
]
IMAGE_SIDES = (28, 32, 128)


@validation.config
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
        assigned: When the k-means loss chooses a sample's centre: before each `epoch`,
            by the sample unmoved; or in each `step`, by the sample as it is trained on,
            as the public code does, which moves none.
        refresh_every: Epochs after which the k-means loss runs k-means again.
        restarts: Starts of the first and the last k-means.
        settled: Share of samples changing cluster below which refining ends.
        optimizer: `adam` or `nesterov`; None for adam on windows.
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

    window: Size
    channels: Size
    layout: Layout = "window"
    clusters: Size = 8
    arch: Arch = "published"
    latent: Size | None = None
    width: Size | None = None
    unpool: Unpool = "repeat"
    loss: Loss = "hardening"
    pretrain: Size = 8
    refine: Count = 6
    alpha: Share = 0.5
    alpha_start: Share = 0.1
    alpha_schedule: Schedule = "linear"
    cluster_weight: NotNegative = 0.1
    reduction: Reduction = "mean"
    squared: bool = True
    assigned: Assigned = "epoch"
    refresh_every: Size = 10
    restarts: Size = 20
    settled: NotNegative = 0.001
    optimizer: Optimizer | None = None
    learning_rate: Positive | None = None
    rate_decay: ShareAboveZero = 0.9999
    weight_decay: NotNegative = 5e-5
    batch_size: Size = 100
    shift: NotNegative = 0.0
    turn: NotNegative = 0.0
    score: Score = "combined"

    def __post_init__(self) -> None:
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
        alpha = self.alpha_start + (self.alpha - self.alpha_start) * share
        return jnp.where(epoch < self.pretrain, 0.0, alpha)


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
