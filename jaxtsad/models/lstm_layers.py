"""LSTM layers as Flax modules: plain weight arrays around `ops.recurrent`.

Weights start as PyTorch's do, uniform in `[-1/sqrt(H), 1/sqrt(H)]`, with one bias per
gate. Shape letters: B windows, L steps, C inputs, H units.
"""

from __future__ import annotations

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from jaxtsad.models.layers import uniform_init
from jaxtsad.ops import recurrent
from jaxtsad.ops.recurrent import Carry, Implementation, Weights
from jaxtsad.types import Array, Key


def bias_init(key: Key, units: int, forget_bias: float) -> Array:
    """Bias `[4H]` of one layer, that of the forget gate raised by `forget_bias`."""
    gates = jnp.repeat(jnp.asarray([0.0, forget_bias, 0.0, 0.0]), units)
    return uniform_init(key, (4 * units,), units) + gates


class Lstm(nn.Module):
    """One LSTM layer with parameters `input`, `hidden` and `bias`.

    Attributes:
        size: Inputs C.
        units: Units H.
        forget_bias: Added to the start of the forget gate's bias.
        implementation: See `ops.recurrent`.
    """

    size: int
    units: int
    forget_bias: float = 0.0
    implementation: Implementation | None = None

    def setup(self) -> None:
        """Draws the parameters."""
        wide = 4 * self.units
        self.weights = Weights(
            self.param("input", uniform_init, (self.size, wide), self.units),
            self.param("hidden", uniform_init, (self.units, wide), self.units),
            self.param("bias", bias_init, self.units, self.forget_bias),
        )

    def __call__(
        self, inputs: Array, initial: Carry | None = None
    ) -> tuple[Array, Carry]:
        """Runs over `inputs [B, L, C]`; gives outputs `[B, L, H]` and last state."""
        return recurrent.lstm(
            self.weights, inputs, initial, implementation=self.implementation
        )

    def repeated(
        self, inputs: Array, length: int, initial: Carry | None = None
    ) -> tuple[Array, Carry]:
        """Runs on the same `inputs [B, C]` at each of `length` steps."""
        return recurrent.repeated(
            self.weights, inputs, length, initial, implementation=self.implementation
        )


def run(
    layers: Sequence[Lstm], inputs: Array, initial: Sequence[Carry | None]
) -> tuple[Array, tuple[Carry, ...]]:
    """Runs layers on top of each other.

    Args:
        layers: From the lowest to the top.
        inputs: `[B, L, C]`.
        initial: One state per layer; None for zeros.

    Returns:
        The top layer's outputs `[B, L, H]` and every layer's last state.
    """
    last = []
    for layer, state in zip(layers, initial, strict=True):
        inputs, carry = layer(inputs, state)
        last.append(carry)
    return inputs, tuple(last)
