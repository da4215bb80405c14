"""A stacked LSTM autoencoder: the last state of the encoder is all the decoder gets.

Malhotra et al., "LSTM-based Encoder-Decoder for Multi-sensor Anomaly Detection", 2016,
in the form of the benchmark: the top layer's last hidden state, repeated at every step,
is the decoder's input.

Shape letters: B windows, L steps, C channels, H units, N layers.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import flax.linen as nn

from jaxtsad.models import lstm_layers
from jaxtsad.models.layers import Affine
from jaxtsad.models.lstm_layers import Lstm
from jaxtsad.ops.recurrent import Carry, Implementation
from jaxtsad.types import Array

DecoderInit: TypeAlias = Literal["zeros", "encoder_state"]


class Output(NamedTuple):
    """What the network gives.

    Attributes:
        reconstruction: `[B, L, C]`, step for step the window's.
        code: `[B, H]`, all that passes from the encoder's outputs to the decoder.
    """

    reconstruction: Array
    code: Array


class LstmAutoencoder(nn.Module):
    """Encoder and decoder of `layers` LSTM layers each, then an affine map.

    Attributes:
        channels: Channels C.
        hidden: Units H of every layer.
        layers: Layers N of the encoder and of the decoder.
        decoder_init: State the decoder starts from.
        reverse_target: The decoder's first output is the window's last step.
        forget_bias: Added to the start of the forget gates' bias.
        implementation: See `ops.recurrent`.
    """

    channels: int
    hidden: int = 64
    layers: int = 3
    decoder_init: DecoderInit = "zeros"
    reverse_target: bool = False
    forget_bias: float = 0.0
    implementation: Implementation | None = None

    def setup(self) -> None:
        """Makes the layers."""
        sizes = (self.channels, *(self.hidden,) * (self.layers - 1))
        self.encoder = [self._layer(size) for size in sizes]
        self.decoder = [self._layer(self.hidden) for _ in range(self.layers)]
        self.readout = Affine(self.hidden, self.channels)

    def _layer(self, size: int) -> Lstm:
        return Lstm(size, self.hidden, self.forget_bias, self.implementation)

    def __call__(self, windows: Array) -> Output:
        """Reconstructs `windows [B, L, C]`."""
        nothing: tuple[None, ...] = (None,) * self.layers
        _, states = lstm_layers.run(self.encoder, windows, nothing)
        code = states[-1].hidden
        passed = self.decoder_init == "encoder_state"
        initial: tuple[Carry | None, ...] = states if passed else nothing
        first, *rest = self.decoder
        steps, _ = first.repeated(code, windows.shape[1], initial[0])
        steps, _ = lstm_layers.run(rest, steps, initial[1:])
        reconstruction = self.readout(steps)
        if self.reverse_target:
            reconstruction = reconstruction[:, ::-1]
        return Output(reconstruction, code)
