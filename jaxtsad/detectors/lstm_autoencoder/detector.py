"""A stacked LSTM autoencoder: windows that its code cannot hold are strange.

Malhotra et al., "LSTM-based Encoder-Decoder for Multi-sensor Anomaly Detection", 2016.
The defaults are the benchmark's; what it leaves open (state and order of the decoder)
are options.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from jaxtsad.detectors import _options
from jaxtsad.detectors import _reconstruction as _reconstructing
from jaxtsad.detectors.lstm_autoencoder.network import (
    DECODER_INITS,
    DecoderInit,
    LstmAutoencoder,
    Output,
)
from jaxtsad.models import reconstruction as errors
from jaxtsad.ops.recurrent import IMPLEMENTATIONS, Implementation
from jaxtsad.training import rows
from jaxtsad.types import Array, Batch, Detector, Key, Metrics, PyTree


@dataclasses.dataclass(frozen=True)
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
        clip: Largest global norm of the gradient; 0 does not clip.
        batch_size: Windows per step.
        implementation: Of the LSTM: `scan`, or `cudnn` for one member on a GPU.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    window: int
    channels: int
    hidden: int = 64
    layers: int = 3
    decoder_init: DecoderInit = "zeros"
    reverse_target: bool = False
    forget_bias: float = 0.0
    learning_rate: float = 1e-3
    clip: float = 0.0
    batch_size: int = 256
    implementation: Implementation = "scan"

    def __post_init__(self) -> None:
        _options.check_sizes(
            self, "window", "channels", "hidden", "layers", "batch_size"
        )
        _options.check_choice(self, "decoder_init", DECODER_INITS)
        _options.check_choice(self, "reverse_target", (False, True))
        _options.check_choice(self, "implementation", IMPLEMENTATIONS)
        _options.check_positive(self, "learning_rate")
        _options.check_not_negative(self, "clip", "forget_bias")


TINY = Config(
    window=8, channels=3, hidden=8, layers=2, learning_rate=1e-2, batch_size=16
)


@functools.lru_cache(maxsize=64)
def build(config: Config) -> Detector:
    """Builds the detector; equal configs give the same functions, compiled once.

    Example:
        >>> build(TINY) is build(dataclasses.replace(TINY))
        True
    """
    network = LstmAutoencoder(
        channels=config.channels,
        hidden=config.hidden,
        layers=config.layers,
        decoder_init=config.decoder_init,
        reverse_target=config.reverse_target,
        forget_bias=config.forget_bias,
        implementation=config.implementation,
    )

    @rows.shared
    def run(params: PyTree, windows: Array) -> Output:
        output: Any = network.apply({"params": params}, windows)
        return output

    def objective(
        params: PyTree, key: Key, batch: Batch, epoch: Array
    ) -> tuple[Array, Metrics]:
        del key, epoch
        made = run(params, batch.values).reconstruction
        loss = errors.mean_squared_error(made, batch.values, batch.weight)
        return loss, {"loss": loss}

    made = _reconstructing.detector(config, network, run, objective)
    return made._replace(rows=config.batch_size)
