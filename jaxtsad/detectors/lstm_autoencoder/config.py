"""Options of `lstm_autoencoder`."""

from __future__ import annotations

from jaxtsad import validation
from jaxtsad.detectors.lstm_autoencoder.network import (
    DecoderInit,
)
from jaxtsad.ops.recurrent import Implementation
from jaxtsad.validation import NotNegative, Positive, Size


@validation.config
class Config:
    """Options of `lstm_autoencoder`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        hidden: Units of every layer.
        layers: Layers of the encoder and of the decoder.
        decoder_init: `zeros`, or `encoder_state`: each decoder layer starts from the
            last state of the encoder layer at its height.
        reverse_target: Whether the decoder reconstructs from the last step backwards.
        forget_bias: Added to the start of the forget gates' bias.
        learning_rate: Of Adam.
        clip_gradients: Largest global norm of the gradient; 0 does not clip.
        batch_size: Windows per step.
        implementation: Of the LSTM: `scan`, or `cudnn` for one member on a GPU.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: Size
    channels: Size
    hidden: Size = 64
    layers: Size = 3
    decoder_init: DecoderInit = "zeros"
    reverse_target: bool = False
    forget_bias: NotNegative = 0.0
    learning_rate: Positive = 1e-3
    clip_gradients: NotNegative = 0.0
    batch_size: Size = 256
    implementation: Implementation = "scan"


TINY = Config(
    window=8, channels=3, hidden=8, layers=2, learning_rate=1e-2, batch_size=16
)
