"""Encoders by strided convolutions that halve a side until it is 4.

Akcay, Atapour-Abarghouei and Breckon, "GANomaly: Semi-Supervised Anomaly Detection via
Adversarial Training", ACCV 2018, after DCGAN; for images and for windows.

Shape letters: B batch, S side of an image or length of a window, C channels.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import flax.linen as nn

from jaxtsad.models.convolutional import Conv, Norm, Normalise, leaky
from jaxtsad.types import Array

Activation: TypeAlias = Literal["tanh", "linear"]


def widths(side: int, width: int, cap: int) -> tuple[int, ...]:
    """Channels of the layers that halve `side` until it is 4.

    Example:
        >>> widths(32, 64, 512), widths(64, 32, 64)
        ((64, 128, 256), (32, 64, 64, 64))
    """
    channels: list[int] = []
    while side > 4:
        side //= 2
        channels.append(min(cap, width * 2 ** len(channels)))
    return tuple(channels)


class Features(nn.Module):
    """Halves the side until it is 4; no norm after the first convolution.

    Attributes:
        width: Channels of the first layer; every further one doubles them.
        cap: Most channels of a layer.
        extra: Further 3-wide convolutions after the first layer.
        norm: See `models.convolutional.Normalise`.
    """

    width: int
    cap: int
    extra: int = 0
    norm: Norm = "batch"

    @nn.compact
    def __call__(self, x: Array, weight: Array | None) -> Array:
        """Maps `[B, S.., C]` to `[B, 4.., F]`; `weight` as for `BatchNorm`."""
        first, *rest = widths(x.shape[1], self.width, self.cap)
        x = leaky(Conv(first)(x))
        for _ in range(self.extra):
            x = Conv(first, size=3, stride=1)(x)
            x = leaky(Normalise(self.norm)(x, weight))
        for features in rest:
            x = leaky(Normalise(self.norm)(Conv(features)(x), weight))
        return x


class Encoder(nn.Module):
    """`Features`, then one convolution over all that is left.

    Attributes:
        features: Size of the code.
        width: See `Features`.
        cap: See `Features`.
        extra: See `Features`.
        norm: See `Features`.
    """

    features: int
    width: int
    cap: int
    extra: int = 0
    norm: Norm = "batch"

    @nn.compact
    def __call__(self, x: Array, weight: Array | None = None) -> tuple[Array, Array]:
        """Gives the code `[B, features]` and the features it is made of."""
        features = Features(self.width, self.cap, self.extra, self.norm)(x, weight)
        code = Conv(self.features, stride=1, padding=0)(features)
        return code.reshape(len(code), -1), features
