"""Options of `lstm_attention`."""

from __future__ import annotations

from jaxtsad import validation
from jaxtsad.detectors.lstm_attention.network import (
    Bottleneck,
)
from jaxtsad.ops.recurrent import Implementation
from jaxtsad.validation import Count, NotNegative, Positive, ShareBelowOne, Size


@validation.config
class Config:
    """Options of `lstm_attention`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        hidden: Units of the first encoder layer.
        memory: Units of the second encoder layer and of the decoder.
        attention: Size of the attention's hidden layer.
        bottleneck: What the decoder starts from: `mean_pool` of the encoder's states,
            or the `last`.
        dropout: Share dropped of the encoder's and decoder's outputs in training.
        teaching_epochs: Epochs over which the probability that the decoder sees the
            true last step falls from 1 to 0; 0 lets it run freely from the start.
        forget_bias: Added to the start of the forget gates' bias.
        learning_rate: Of Adam.
        clip_gradients: Largest global norm of the gradient; 0 does not clip.
        batch_size: Windows per step.
        implementation: Of the encoder: `scan`, or `cudnn` for one member on a GPU.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: Size
    channels: Size
    hidden: Size = 128
    memory: Size = 32
    attention: Size = 64
    bottleneck: Bottleneck = "mean_pool"
    dropout: ShareBelowOne = 0.1
    teaching_epochs: Count = 0
    forget_bias: NotNegative = 0.0
    learning_rate: Positive = 1e-3
    clip_gradients: NotNegative = 0.0
    batch_size: Size = 32
    implementation: Implementation = "scan"


TINY = Config(
    window=8,
    channels=3,
    hidden=8,
    memory=6,
    attention=6,
    learning_rate=1e-2,
    batch_size=16,
)
