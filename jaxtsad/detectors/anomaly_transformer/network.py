"""The Anomaly Transformer: a post-norm encoder that reconstructs its window.

Xu, Wu, Wang, Long, "Anomaly Transformer: Time Series Anomaly Detection with Association
Discrepancy", ICLR 2022.

Shape letters: B batch, L window length, C channels, D width, H heads, N layers.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtsad.models.anomaly_attention import (
    AnomalyAttention,
    Associations,
    Output,
    Settings,
)
from jaxtsad.models.layers import Affine, Factors, LayerNorm, positional_encoding
from jaxtsad.ops import products
from jaxtsad.types import Array


def gelu(x: Array) -> Array:
    """The exact, error-function form, computed in float32."""
    wide = x.astype(jnp.float32)
    return (0.5 * wide * (1 + jax.lax.erf(wide * math.sqrt(0.5)))).astype(x.dtype)


def added(x: Array, y: Array) -> Array:
    """Their sum in float32: what is normalised is not rounded before."""
    return x.astype(jnp.float32) + y.astype(jnp.float32)


class TokenEmbedding(nn.Module):
    """Circular convolution over time with kernel 3, without bias.

    Attributes:
        channels: C.
        width: D.
    """

    channels: int
    width: int

    @nn.compact
    def __call__(self, x: Array, shift: Array) -> Factors:
        """Of `[B, L, C]`, plus `shift [L, D]`; the last step precedes the first."""
        start = nn.initializers.normal(math.sqrt(2 / (3 * self.channels)))
        kernel = self.param("kernel", start, (3, self.channels, self.width))
        around = jnp.concatenate(
            [jnp.roll(x, 1, axis=1), x, jnp.roll(x, -1, axis=1)], axis=-1
        )
        flat = kernel.reshape(3 * self.channels, self.width)
        return Factors(around, flat, shift)


class EncoderLayer(nn.Module):
    """Anomaly attention and a position-wise network, each followed by a norm.

    Attributes:
        settings: Of the attention.
        hidden: Width of the position-wise network.
        dropout: Share dropped in training.
    """

    settings: Settings
    hidden: int
    dropout: float

    @nn.compact
    def __call__(
        self, x: Array, train: bool, associations: bool, factors: Factors | None
    ) -> tuple[Array, tuple[Array | Associations | None, ...]]:
        """Maps `[B, L, D]` to the same; see `AnomalyAttention` for the rest."""
        drop = nn.Dropout(self.dropout, deterministic=not train)
        attend = AnomalyAttention(self.settings, name="attention")
        attended, *seen = attend(
            x, train=train, associations=associations, factors=factors
        )
        normal = LayerNorm(name="attention_norm")(added(x, drop(attended)))
        x = normal.astype(x.dtype)
        width, precision = self.settings.width, self.settings.precision
        expand = Affine(width, self.hidden, precision=precision, name="expand")
        contract = Affine(self.hidden, width, precision=precision, name="contract")
        fed = contract(drop(gelu(expand(x))))
        normal = LayerNorm(name="feedforward_norm")(added(x, drop(fed)))
        return normal.astype(x.dtype), tuple(seen)


class AnomalyTransformer(nn.Module):
    """Reconstructs a window and reports each layer's association divergence.

    Attributes:
        settings: Of the attention.
        channels: C.
        layers: N.
        hidden: Width of the position-wise networks.
        dropout: Share dropped in training, apart from the attention's.
    """

    settings: Settings
    channels: int
    layers: int = 3
    hidden: int = 512
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self, x: Array, *, train: bool = False, associations: bool = False
    ) -> Output:
        """Reconstructs windows.

        Args:
            x: `[B, L, C]`.
            train: Whether dropout is on (then with a `dropout` key).
            associations: Whether the associations of all layers are given, too.
        """
        length, width = self.settings.length, self.settings.width
        precision = self.settings.precision
        embed = TokenEmbedding(self.channels, width, name="embedding")
        factors = embed(x, jnp.asarray(positional_encoding(length, width)))
        x = factors.whole(precision).astype(products.stored(precision))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        by_factors = factors.pay() and not (train and self.dropout)
        rows = []
        for number in range(self.layers):
            name = f"layer_{number}"
            layer = EncoderLayer(self.settings, self.hidden, self.dropout, name=name)
            made_of = factors if by_factors and number == 0 else None
            x, seen = layer(x, train, associations, made_of)
            rows.append(seen)
        x = LayerNorm(name="norm")(x.astype(jnp.float32))
        project = Affine(width, self.channels, precision=precision, name="projection")
        x = project(x)
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=1), *rows)
        return Output(x, *stacked)
