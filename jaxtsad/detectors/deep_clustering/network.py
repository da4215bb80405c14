"""A small convolutional autoencoder of images, without any norm.

The other architecture of Aljalbout, Golkov, Siddiqui, Strobel and Cremers, "Clustering
with Deep Learning: Taxonomy and New Methods", 2018: two padded convolutions of 3 by 3,
each followed by a pool, and a code of 32 numbers.
"""

from __future__ import annotations

import flax.linen as nn

from jaxtsad.models.conv_autoencoder import (
    Layer,
    Output,
    Unpool,
    pool,
    repeated,
    switches,
)
from jaxtsad.models.layers import add_bias
from jaxtsad.ops import products
from jaxtsad.types import Array


class SmallAutoencoder(nn.Module):
    """Autoencoder of square images in [0, 1] whose side is a multiple of 4.

    Attributes:
        channels: Channels C.
        width: Channels of the first layer; the second has twice as many.
        latent: Latent width Z.
        unpool: As for `ImageAutoencoder`.
    """

    channels: int
    width: int = 32
    latent: int = 32
    unpool: Unpool = "repeat"

    @nn.compact
    def __call__(self, x: Array, weight: Array | None = None) -> Output:
        """Encodes and decodes `[B, S, S, C]`; no row's result depends on `weight`."""
        wheres: list[Array] = []
        for features in (self.width, 2 * self.width):
            x = nn.relu(Layer(features, 3, padding=1, norm=False)(x, weight))
            if self.unpool == "argmax":
                wheres.append(switches(x))
            x = pool(x)
        flat = x.reshape(len(x), -1)
        code = self._dense("encode", flat, self.latent)
        x = nn.relu(self._dense("decode", code, flat.shape[-1])).reshape(x.shape)
        for features in (self.width, self.channels):
            repeat = self.unpool == "repeat"
            if not repeat:
                x = repeated(x) * wheres.pop()
            made = Layer(
                features, 3, padding=1, transposed=True, norm=False, repeat=repeat
            )
            x = nn.relu(made(x, weight))
        return Output(code, x)

    def _dense(self, name: str, x: Array, features: int) -> Array:
        start = nn.initializers.glorot_uniform()
        kernel = self.param(name, start, (x.shape[-1], features))
        bias = self.param(f"{name}_bias", nn.initializers.zeros, (features,))
        return add_bias(products.product(x, kernel), bias)
