"""GANomaly's networks: encoder-decoder-encoder generator, and discriminator.

Akcay, Atapour-Abarghouei and Breckon, "GANomaly: Semi-Supervised Anomaly Detection via
Adversarial Training", ACCV 2018, for square images and, by the same recipe with
one-dimensional convolutions, for windows.

Shape letters: B batch, S side of an image or length of a window, C channels, Z latent
width.
"""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from jaxtsad.models.convolutional import Conv, Norm, Normalise
from jaxtsad.models.strided_encoder import Activation, Encoder, widths
from jaxtsad.types import Array


class Output(NamedTuple):
    """What the generator gives.

    Attributes:
        latent: `[B, Z]`, the code of the input (z).
        reconstruction: Like the input (x hat).
        latent_again: `[B, Z]`, the second encoder's code of the reconstruction
            (z hat).
    """

    latent: Array
    reconstruction: Array
    latent_again: Array


class Judgement(NamedTuple):
    """What the discriminator gives.

    Attributes:
        logit: `[B]`, its sigmoid the probability that the input is real (D).
        features: `[B, 4.., F]`, the last layer before (f).
    """

    logit: Array
    features: Array


class Decoder(nn.Module):
    """The encoder's mirror image.

    Attributes:
        side: Side S of the output.
        rank: 2 for images, 1 for windows.
        channels: Channels C of the output.
        width: See `models.strided_encoder.Features`.
        cap: See `Features`.
        extra: See `Features`.
        norm: See `Features`.
        activation: Of the output.
    """

    side: int
    rank: int
    channels: int
    width: int
    cap: int
    extra: int = 0
    norm: Norm = "batch"
    activation: Activation = "tanh"

    @nn.compact
    def __call__(self, latent: Array, weight: Array | None) -> Array:
        """Maps `[B, Z]` to `[B, S.., C]`; `weight` as for `BatchNorm`."""
        last, *rest = widths(self.side, self.width, self.cap)[::-1]
        x = latent.reshape(len(latent), *(1,) * self.rank, latent.shape[-1])
        x = Conv(last, stride=1, padding=0, transposed=True)(x)
        x = nn.relu(Normalise(self.norm)(x, weight))
        for features in rest:
            x = Conv(features, transposed=True)(x)
            x = nn.relu(Normalise(self.norm)(x, weight))
        for _ in range(self.extra):
            x = Conv(x.shape[-1], size=3, stride=1)(x)
            x = nn.relu(Normalise(self.norm)(x, weight))
        x = Conv(self.channels, transposed=True)(x)
        return jnp.tanh(x) if self.activation == "tanh" else x


class Generator(nn.Module):
    """Encoder, decoder and second encoder.

    Attributes:
        side: Side of the images or length of the windows, 4 times a power of two.
        rank: 2 for images, 1 for windows.
        channels: Channels C.
        latent: Latent width Z.
        width: See `Features`.
        cap: See `Features`.
        extra: See `Features`.
        norm: See `Features`.
        activation: Of the reconstruction.
    """

    side: int
    rank: int
    channels: int
    latent: int = 100
    width: int = 64
    cap: int = 1 << 20
    extra: int = 0
    norm: Norm = "batch"
    activation: Activation = "tanh"

    def setup(self) -> None:
        """Makes the three networks."""
        shape = (self.width, self.cap, self.extra, self.norm)
        self.encoder = Encoder(self.latent, *shape)
        self.decoder = Decoder(
            self.side, self.rank, self.channels, *shape, self.activation
        )
        self.encoder_again = Encoder(self.latent, *shape)

    def __call__(self, x: Array, weight: Array | None = None) -> Output:
        """Reconstructs `[B, S.., C]`; `weight` as for `BatchNorm`."""
        latent, _ = self.encoder(x, weight)
        made = self.decoder(latent, weight)
        again, _ = self.encoder_again(made, weight)
        return Output(latent, made, again)


class Discriminator(nn.Module):
    """An encoder to one number; what comes before it are the features.

    Attributes:
        width: See `Features`.
        cap: See `Features`.
        extra: See `Features`.
        norm: See `Features`.
    """

    width: int = 64
    cap: int = 1 << 20
    extra: int = 0
    norm: Norm = "batch"

    @nn.compact
    def __call__(self, x: Array, weight: Array | None = None) -> Judgement:
        """Judges `[B, S.., C]`; `weight` as for `BatchNorm`."""
        encoder = Encoder(1, self.width, self.cap, self.extra, self.norm)
        logit, features = encoder(x, weight)
        return Judgement(logit[:, 0], features)
