"""Layers of convolutional GANs: convolutions, and norms whose statistics are values.

Batch norm's running statistics are a collection `stats` beside the parameters. A pass
in training writes what it saw to the collection `moments`; `updated` says what follows
from it, so that the caller decides which passes count and in which order. Kernels of
transposed convolutions can be given as the matrices that are multiplied, a collection
`matrices`, where many passes follow by the same parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtsad.ops import convolution
from jaxtsad.types import Array, Key, PyTree

Norm: TypeAlias = Literal["batch", "layer", "none"]
SD = 0.02
EPSILON = 1e-5
MOMENTUM = 0.1
MATRICES = "matrices"


def normal_init(mean: float = 0.0) -> Callable[[Key, tuple[int, ...]], Array]:
    """Draws from N(mean, 0.02), as GANs since DCGAN start."""

    def draw(key: Key, shape: tuple[int, ...]) -> Array:
        return mean + SD * jax.random.normal(key, shape, jnp.float32)

    return draw


def updated(stats: PyTree, moments: PyTree, momentum: float = MOMENTUM) -> PyTree:
    """Running statistics after one more batch; trees of the same structure.

    Example:
        >>> updated({"mean": jnp.float32(1)}, {"mean": jnp.float32(2)})
        {'mean': Array(1.1, dtype=float32)}
    """
    return jax.tree.map(lambda old, new: old + momentum * (new - old), stats, moments)


class Conv(nn.Module):
    """A convolution with a kernel of equal sides.

    Attributes:
        features: Channels of the output.
        size: Side of the kernel.
        stride: Gap between outputs.
        padding: Zeros on every side.
        bias: Whether a bias, starting at 0, is added.
        transposed: Whether it is the transposed convolution.
    """

    features: int
    size: int = 4
    stride: int = 2
    padding: int = 1
    bias: bool = False
    transposed: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[B, S.., C]` to `[B, T.., features]`."""
        shape = ((self.size,) * (x.ndim - 2)) + (x.shape[-1], self.features)
        kernel = self.param("kernel", normal_init(), shape)
        if self.transposed:
            if self.is_mutable_collection(MATRICES) and not self.is_initializing():
                made = convolution.transpose_matrix(kernel, self.stride, x.shape[1:-1])
                self.put_variable(MATRICES, "kernel", made)
            out = convolution.transpose(
                x,
                kernel,
                stride=self.stride,
                padding=self.padding,
                matrix=self.get_variable(MATRICES, "kernel"),
            )
        else:
            out = convolution.convolve(
                x, kernel, stride=self.stride, padding=self.padding
            )
        if self.bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            out = out + jnp.broadcast_to(bias, out.shape)
        return out


class BatchNorm(nn.Module):
    """Batch norm with PyTorch's running variance, the unbiased one.

    Attributes:
        scale_mean: Mean of the scales' normal start.
    """

    scale_mean: float = 1.0

    @nn.compact
    def __call__(self, x: Array, weight: Array | None) -> Array:
        """Normalises the channels of `x [B, S.., C]`.

        Args:
            x: Activations.
            weight: `[B]` weights of the rows in the batch's statistics; None normalises
                by the running ones.
        """
        width = x.shape[-1]
        scale = self.param("scale", normal_init(self.scale_mean), (width,))
        bias = self.param("bias", nn.initializers.zeros, (width,))
        mean = self.variable("stats", "mean", jnp.zeros, (width,)).value
        variance = self.variable("stats", "variance", jnp.ones, (width,)).value
        if weight is not None:
            mean, variance, count = _moments(x, weight)
            unbiased = variance * count / jnp.maximum(count - 1, 1)
            if self.is_mutable_collection("moments"):
                self.put_variable("moments", "mean", mean)
                self.put_variable("moments", "variance", unbiased)
        factor = scale * jax.lax.rsqrt(variance + EPSILON)
        centred = x - jnp.broadcast_to(mean, x.shape)
        scaled = centred * jnp.broadcast_to(factor, x.shape)
        return scaled + jnp.broadcast_to(bias, x.shape)


class LayerNorm(nn.Module):
    """Normalises every sample by its own mean and variance; nothing is remembered."""

    scale_mean: float = 1.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Normalises `[B, S.., C]` over all but the batch."""
        width = x.shape[-1]
        scale = self.param("scale", normal_init(self.scale_mean), (width,))
        bias = self.param("bias", nn.initializers.zeros, (width,))
        axes = tuple(range(1, x.ndim))
        mean = x.mean(axes, keepdims=True)
        variance = jnp.square(x - mean).mean(axes, keepdims=True)
        normal = (x - mean) * jax.lax.rsqrt(variance + EPSILON)
        return normal * jnp.broadcast_to(scale, x.shape) + jnp.broadcast_to(
            bias, x.shape
        )


class Normalise(nn.Module):
    """The norm of a kind: `batch`, `layer` or `none`."""

    kind: Norm = "batch"
    scale_mean: float = 1.0

    @nn.compact
    def __call__(self, x: Array, weight: Array | None) -> Array:
        """Normalises `[B, S.., C]`; `weight` as for `BatchNorm`."""
        if self.kind == "batch":
            return BatchNorm(self.scale_mean)(x, weight)
        if self.kind == "layer":
            return LayerNorm(self.scale_mean)(x)
        return x


def leaky(x: Array) -> Array:
    """Leaky ReLU of slope 0.2."""
    return jax.nn.leaky_relu(x, 0.2)


def _moments(x: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Mean and biased variance `[C]` over rows and places, and how many there are.

    Places are added up before rows are weighted: weights of whole activations would be
    written to memory and read again by each of both sums.
    """
    places = tuple(range(1, x.ndim - 1))
    count = jnp.maximum(weight.sum() * x[0, ..., 0].size, 1.0)

    def mean(values: Array) -> Array:
        return (values.sum(places) * weight[:, None]).sum(0) / count

    centre = mean(x)
    return centre, mean(jnp.square(x - jnp.broadcast_to(centre, x.shape))), count
