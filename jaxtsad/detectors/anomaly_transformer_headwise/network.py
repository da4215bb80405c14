"""A transformer whose prior is one Gaussian width per head, stored as it is.

The head-wise variant of the Anomaly Transformer (Xu et al., ICLR 2022): a linear
embedding, post-norm layers without a last norm, a linear decoder.

Shape letters: B batch, L window length, C channels, D width, H heads, N layers.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtsad.models.anomaly_attention import Associations, Output
from jaxtsad.models.layers import Affine, LayerNorm, joined, positional_encoding
from jaxtsad.ops.attention import association
from jaxtsad.types import Array

LEAST_VARIANCE = 1e-8


class HeadwiseLayer(nn.Module):
    """Attention with a prior per head, and a position-wise network, each with a norm.

    Attributes:
        length: L.
        width: D, a multiple of `heads`.
        heads: H.
        hidden: Width of the position-wise network.
        dropout: Share dropped in training, on both branches and inside the second.
        floor: See `association.symmetrised`.
    """

    length: int
    width: int
    heads: int
    hidden: int
    dropout: float
    floor: float

    @nn.compact
    def __call__(
        self, x: Array, train: bool, associations: bool
    ) -> tuple[Array, tuple[Array, Array, Associations | None]]:
        """Maps `[B, L, D]` to the same; both discrepancies `[B, L]` besides."""
        drop = nn.Dropout(self.dropout, deterministic=not train)
        names = ("query", "key", "value")
        maps = [
            Affine(self.width, self.width, held=name == "key", name=name)
            for name in names
        ]
        by_head = (*x.shape[:-1], self.heads, self.width // self.heads)
        query, key, value = (mapped.reshape(by_head) for mapped in joined(x, *maps))
        start = nn.initializers.constant(self.length / 10)
        sigma = self.param("sigma", start, (self.heads,))
        spread = jnp.sqrt(jnp.square(sigma) + LEAST_VARIANCE)
        spread = jnp.broadcast_to(spread[:, None], (self.heads, self.length))
        series = association.series(query, key)
        prior = jnp.broadcast_to(association.prior(spread)[None], series.shape)
        fixed = jax.lax.stop_gradient
        discrepancy = functools.partial(association.symmetrised, floor=self.floor)
        to_series = discrepancy(series, fixed(prior)).mean(1)
        to_prior = discrepancy(fixed(series), prior).mean(1)
        mixed = jnp.einsum("bhij,bjhk->bihk", series, value).reshape(x.shape)
        attended = Affine(self.width, self.width, name="output")(mixed)
        x = LayerNorm(name="attention_norm")(x + drop(attended))
        hidden = Affine(self.width, self.hidden, name="expand")(x)
        hidden = drop(jax.nn.relu(hidden))
        fed = Affine(self.hidden, self.width, name="contract")(hidden)
        x = LayerNorm(name="feedforward_norm")(x + drop(fed))
        seen = None
        if associations:
            widths = jnp.broadcast_to(spread[None], (x.shape[0], *spread.shape))
            seen = Associations(series, prior, widths)
        return x, (to_series, to_prior, seen)


class HeadwiseTransformer(nn.Module):
    """Reconstructs a window and reports each layer's discrepancy.

    Attributes:
        length: L.
        channels: C.
        width: D, even and a multiple of `heads`.
        heads: H.
        layers: N.
        hidden: Width of the position-wise networks.
        dropout: Share dropped in training.
        floor: Least association inside the discrepancy.
    """

    length: int
    channels: int
    width: int = 512
    heads: int = 8
    layers: int = 8
    hidden: int = 2048
    dropout: float = 0.1
    floor: float = 1e-8

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
        x = Affine(self.channels, self.width, name="embedding")(x)
        x = x + jnp.asarray(positional_encoding(self.length, self.width))[None]
        sizes = (self.length, self.width, self.heads, self.hidden)
        rows = []
        for number in range(self.layers):
            name = f"layer_{number}"
            layer = HeadwiseLayer(*sizes, self.dropout, self.floor, name=name)
            x, seen = layer(x, train, associations)
            rows.append(seen)
        x = Affine(self.width, self.channels, name="decoder")(x)
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=1), *rows)
        return Output(x, *stacked)
