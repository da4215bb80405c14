"""Convolutional autoencoders of deep clustering, for images and for windows.

Aljalbout, Golkov, Siddiqui, Strobel and Cremers, "Clustering with Deep Learning:
Taxonomy and New Methods", 2018: convolutions without padding, each normalised by the
batch, max-pooling, and the mirror image of it all. Windows are halved by strides.

Shape letters: B batch, S side, L window length, C channels, Z latent width.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtsad.models.convolutional import BatchNorm
from jaxtsad.models.layers import add_bias
from jaxtsad.ops import convolution, products
from jaxtsad.types import Array

Unpool: TypeAlias = Literal["repeat", "argmax"]


class Output(NamedTuple):
    """What an autoencoder gives.

    Attributes:
        latent: `[B, Z]` code.
        reconstruction: Like the input.
    """

    latent: Array
    reconstruction: Array


class Stage(NamedTuple):
    """Kernel size and channels of a convolution, after which the side is halved."""

    size: int
    features: int


def stages(side: int, width: int) -> tuple[Stage, ...]:
    """Convolutions, each followed by a pool, that bring a side down to 4 or 5.

    The published ones for 28 and 128 pixels; 32 is seen as 28 is.

    Example:
        >>> [stage.size for stage in stages(128, 20)]
        [9, 5, 5, 5]
    """
    if side <= 40:
        return (Stage(5, width), Stage(5, width))
    return (Stage(9, width), Stage(5, width), Stage(5, width), Stage(5, 2 * width))


class Layer(nn.Module):
    """A convolution or its transpose, Glorot's start, then batch norm or a bias.

    Attributes:
        features: Channels of the output.
        size: Side of the kernel.
        stride: Gap between outputs.
        padding: Zeros on every side.
        transposed: Whether it is the transposed convolution.
        norm: Whether batch norm follows, not a bias.
        repeat: Whether every value is repeated on each axis before the convolution,
            whose stride is 1: a transposed one, or one of windows.
        length: Steps that are kept of what is repeated, for windows.
    """

    features: int
    size: int
    stride: int = 1
    padding: int = 0
    transposed: bool = False
    norm: bool = True
    repeat: bool = False
    length: int = 0

    @nn.compact
    def __call__(self, x: Array, weight: Array | None) -> Array:
        """Maps `[B, S.., C]` to `[B, T.., features]`; `weight` as for `BatchNorm`."""
        shape = (*(self.size,) * (x.ndim - 2), x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), shape)
        if self.repeat and self.transposed:
            x = convolution.transpose_repeated(x, kernel, padding=self.padding)
        elif self.repeat:
            x = convolution.convolve_repeated(x, kernel, self.length)
        else:
            run = convolution.transpose if self.transposed else convolution.convolve
            x = run(x, kernel, stride=self.stride, padding=self.padding)
        if self.norm:
            return BatchNorm()(x, weight)
        bias = self.param("bias", nn.initializers.zeros, shape[-1:])
        return add_bias(x, bias)


class ImageAutoencoder(nn.Module):
    """Autoencoder of square images in [0, 1].

    Attributes:
        side: Side S of the images.
        channels: Channels C.
        width: Channels of the first layers.
        latent: Latent width Z.
        unpool: `repeat` every value, or put it where the encoder's maximum was, by
            which positions pass around the code.
    """

    side: int
    channels: int
    width: int = 50
    latent: int = 120
    unpool: Unpool = "repeat"

    @nn.compact
    def __call__(self, x: Array, weight: Array | None = None) -> Output:
        """Encodes and decodes `[B, S, S, C]`; `weight` as for `BatchNorm`."""
        layers = stages(self.side, self.width)
        wheres: list[Array] = []
        for layer in layers:
            x = nn.relu(Layer(layer.features, layer.size)(x, weight))
            if self.unpool == "argmax":
                wheres.append(switches(x))
            x = pool(x)
        left = x.shape[1]
        latent = Layer(self.latent, left)(x, weight)
        code = latent.reshape(len(x), -1)
        x = Layer(layers[-1].features, left, transposed=True)(latent, weight)
        before = [self.channels, *(layer.features for layer in layers[:-1])]
        for number in reversed(range(len(layers))):
            if wheres:
                x = repeated(x) * wheres[number]
            last = number == 0
            made = Layer(
                before[number],
                layers[number].size,
                transposed=True,
                norm=not last,
                repeat=not wheres,
            )
            x = nn.relu(made(x, weight))
        return Output(code, x)


class WindowAutoencoder(nn.Module):
    """Autoencoder of windows, each layer halving their length.

    Attributes:
        length: Window length L.
        channels: Channels C.
        width: Channels of the first layer; every further one doubles them.
        latent: Latent width Z.
    """

    length: int
    channels: int
    width: int = 32
    latent: int = 16

    @nn.compact
    def __call__(self, x: Array, weight: Array | None = None) -> Output:
        """Encodes and decodes `[B, L, C]`; `weight` as for `BatchNorm`."""
        lengths = [self.length]
        count = min(3, max(1, self.length.bit_length() - 1))
        for number in range(count):
            layer = Layer(self.width * 2**number, 5, stride=2, padding=2)
            x = nn.relu(layer(x, weight))
            lengths.append(x.shape[1])
        start = nn.initializers.glorot_uniform()
        flat = x.reshape(len(x), -1)
        encode = self.param("encode", start, (flat.shape[-1], self.latent))
        code = products.product(flat, encode)
        decode = self.param("decode", start, encode.shape[::-1])
        x = nn.relu(products.product(code, decode)).reshape(x.shape)
        for number in reversed(range(count)):
            last = number == 0
            features = self.channels if last else self.width * 2 ** (number - 1)
            x = Layer(features, 5, norm=not last, repeat=True, length=lengths[number])(
                x, weight
            )
            x = x if last else nn.relu(x)
        return Output(code, x)


@jax.custom_vjp
def pool(x: Array) -> Array:
    """Maximum of 2 by 2 blocks of `[B, S, S, C]`, S even.

    The gradient goes to the first maximum of a block, so that areas of one value, such
    as a background, count once. Which that is follows from comparisons within a block,
    never from finding the maximum again: a compiler may compute `x` twice, rounded
    otherwise, and then no value would equal it.
    """
    return _blocks(x).max(axis=(2, 4))


def _pool_forward(x: Array) -> tuple[Array, Array]:
    return pool(x), _first(x)


def _pool_backward(first: Array, to_out: Array) -> tuple[Array]:
    return (_at(first, to_out),)


pool.defvjp(_pool_forward, _pool_backward)


def switches(x: Array) -> Array:
    """1 at the first maximum of each 2 by 2 block of `[B, S, S, C]`, else 0."""
    first = _first(x)
    return jax.lax.stop_gradient(_at(first, jnp.ones(first.shape, x.dtype)))


def repeated(x: Array) -> Array:
    """Every value of `[B, S, S, C]` as a block of 2 by 2."""
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


def _blocks(x: Array) -> Array:
    rows, height, width, channels = x.shape
    return x.reshape(rows, height // 2, 2, width // 2, 2, channels)


def _first(x: Array) -> Array:
    """Place of the first maximum of each block, 0 to 3 row by row, int32."""
    blocks = _blocks(x)
    (a, b), (c, d) = ([blocks[:, :, i, :, j] for j in (0, 1)] for i in (0, 1))
    upper, lower = jnp.where(a >= b, 0, 1), jnp.where(c >= d, 2, 3)
    return jnp.where(jnp.maximum(a, b) >= jnp.maximum(c, d), upper, lower)


def _at(place: Array, values: Array) -> Array:
    """`[B, S, S, C]`: each of `values` `[B, S / 2, S / 2, C]` at its place, else 0."""
    rows, height, width, channels = values.shape
    places = jnp.arange(4).reshape(1, 1, 2, 1, 2, 1)
    chosen = place[:, :, None, :, None] == places
    put = jnp.where(chosen, values[:, :, None, :, None], 0)
    return put.reshape(rows, 2 * height, 2 * width, channels)
