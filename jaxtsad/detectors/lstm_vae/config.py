"""Options of `lstm_vae`."""

from __future__ import annotations

from jaxtsad import validation
from jaxtsad.detectors.lstm_vae.losses import Kind
from jaxtsad.ops.recurrent import Implementation
from jaxtsad.validation import Count, NotNegative, Positive, Size


@validation.config
class Config:
    """Options of `lstm_vae`.

    Attributes:
        window: Window length L in steps.
        channels: Number of channels C.
        hidden: Units of the encoder and of the decoder.
        latent: Latents Z.
        objective: `strict`, `as_run` or `elbo_sum` (see `objectives.lstm_vae`).
        beta: Weight of the divergence; validation always uses all of it.
        warmup_epochs: Epochs over which beta rises from 0; 0 for none.
        free_bits: Nats per latent that cost nothing.
        samples: Codes drawn per window in scoring, the error being averaged; 0 decodes
            the posterior's mean.
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
    hidden: Size = 128
    latent: Size = 32
    objective: Kind = "strict"
    beta: NotNegative = 0.1
    warmup_epochs: Count = 0
    free_bits: NotNegative = 0.0
    samples: Count = 0
    forget_bias: NotNegative = 0.0
    learning_rate: Positive = 1e-3
    clip_gradients: NotNegative = 0.0
    batch_size: Size = 32
    implementation: Implementation = "scan"


TINY = Config(
    window=8,
    channels=3,
    hidden=8,
    latent=2,
    beta=1e-3,
    learning_rate=1e-2,
    batch_size=16,
)
