"""DCGAN's generator and discriminator, for images and for windows.

Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep
Convolutional Generative Adversarial Networks", ICLR 2016, with the sizes of the latent
search on colour and depth: 64 x 64 pixels and four channels by default.

Shape letters: B batch, S side of an image or length of a window, C channels, Z latent
width.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jaxtsad.models.convolutional import Conv, Norm, Normalise, leaky
from jaxtsad.models.strided_encoder import Activation, widths
from jaxtsad.types import Array


class Generator(nn.Module):
    """Transposed convolutions from one place to the whole sample.

    Attributes:
        side: Side S of the images or length of the windows, 4 times a power of two.
        rank: 2 for images, 1 for windows.
        channels: Channels C.
        width: A sixteenth of the widest layer at side 64; the layer before the last has
            twice as many channels.
        norm: Norm of the hidden layers.
        scale_mean: Mean of the norms' start: 1 for DCGAN's, 0 for the original's.
        activation: Of the output.
    """

    side: int = 64
    rank: int = 2
    channels: int = 4
    width: int = 64
    norm: Norm = "batch"
    scale_mean: float = 1.0
    activation: Activation = "tanh"

    @nn.compact
    def __call__(self, latent: Array, weight: Array | None = None) -> Array:
        """Makes `[B, S.., C]` of `[B, Z]`.

        Args:
            latent: Codes.
            weight: As for `BatchNorm`.
        """
        x = latent.reshape(len(latent), *(1,) * self.rank, latent.shape[-1])
        shapes = widths(self.side, 2 * self.width, 1 << 30)[::-1]
        for number, features in enumerate(shapes):
            first = number == 0
            x = Conv(
                features,
                stride=1 if first else 2,
                padding=0 if first else 1,
                transposed=True,
            )(x)
            x = nn.relu(Normalise(self.norm, self.scale_mean)(x, weight))
        x = Conv(self.channels, bias=True, transposed=True)(x)
        return jnp.tanh(x) if self.activation == "tanh" else x


class Discriminator(nn.Module):
    """Strided convolutions to one number; a critic where its norm is per sample.

    Attributes:
        width: Channels of the first layer; every further one doubles them.
        norm: Norm of the hidden layers; `layer` keeps samples apart.
        scale_mean: Mean of the norms' start.
    """

    width: int = 64
    norm: Norm = "batch"
    scale_mean: float = 1.0

    @nn.compact
    def __call__(self, x: Array, weight: Array | None = None) -> Array:
        """Judges `[B, S.., C]`, giving `[B]` without a sigmoid."""
        first, *rest = widths(x.shape[1], self.width, 1 << 30)
        x = leaky(Conv(first, bias=True)(x))
        for features in rest:
            x = Normalise(self.norm, self.scale_mean)(Conv(features)(x), weight)
            x = leaky(x)
        return Conv(1, padding=0, bias=True)(x).reshape(len(x))
