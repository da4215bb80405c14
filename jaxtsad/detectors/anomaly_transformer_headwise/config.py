"""Options of `anomaly_transformer_headwise`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from jaxtsad import validation
from jaxtsad.detectors.anomaly_transformer_headwise.losses import Direction
from jaxtsad.validation import NotNegative, Positive, ShareBelowOne, Sign, Size

Score: TypeAlias = Literal["discrepancy", "reconstruction"]


@validation.config
class Config:
    """Options of `anomaly_transformer_headwise`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        width: Model width D, even and a multiple of `heads`.
        heads: Attention heads H.
        layers: Encoder layers N.
        hidden: Width of the position-wise networks.
        dropout: Share dropped in training.
        k: Weight of the discrepancy, a sum over the window's steps, in the loss.
        direction: `reversed`, the network lowers the discrepancy and the prior raises
            it, as in the notebook; `paper`, the other way round.
        score: `discrepancy`, or `reconstruction`, the squared error.
        score_sign: 1, a high discrepancy is anomalous, as in the notebook; -1, a low
            one, as in the paper.
        floor: Least association inside the discrepancy, which is at most -log(floor).
        learning_rate: Of Adam.
        prior_multiplier: Learning rate of the prior's widths over `learning_rate`.
        weight_decay: L2 term added to the gradient of either group.
        clip_gradients: Largest norm of either group's gradient; 0 does not clip.
        batch_size: Windows per step.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: Size
    channels: Size
    width: Size = 512
    heads: Size = 8
    layers: Size = 8
    hidden: Size = 2048
    dropout: ShareBelowOne = 0.1
    k: NotNegative = 0.1
    direction: Direction = "reversed"
    score: Score = "discrepancy"
    score_sign: Sign = 1
    floor: Positive = 1e-8
    learning_rate: Positive = 1e-3
    prior_multiplier: Positive = 1.0
    weight_decay: NotNegative = 1e-5
    clip_gradients: NotNegative = 1.0
    batch_size: Size = 32

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width % 2:
            raise ValueError(
                f"width={self.width} must be even and a multiple of heads={self.heads}"
            )


# What is tested of every detector includes that a planted spike scores high. The error
# promises that, the discrepancy does not.
TINY = Config(
    window=8,
    channels=3,
    width=8,
    heads=2,
    layers=1,
    hidden=8,
    dropout=0.0,
    score="reconstruction",
    batch_size=16,
)
