"""An LSTM encoder-decoder whose decoder attends to all encoder states.

    m   = LSTM(LSTM(x))                                 the memory
    h_0 = mean of m or its last step, c_0 = 0, x_hat_0 = 0
    a_t = softmax_i(v . tanh(W_e m_i + W_d h_(t-1)))    additive attention
    h_t = LSTM cell([x_hat_(t-1); sum_i a_ti m_i], h_(t-1))
    x_hat_t = affine map of h_t

The decoder runs freely: it sees its own last output and never the window, unless it is
taught by feeding true steps in training.

Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and
Translate", ICLR 2015.

Shape letters: B windows, L steps (t decoder, i encoder), C channels, M memory units.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtsad.models.lstm_layers import Lstm
from jaxtsad.ops import recurrent
from jaxtsad.ops.recurrent import Carry, Implementation
from jaxtsad.types import Array, Key

Bottleneck: TypeAlias = Literal["mean_pool", "last"]


class Output(NamedTuple):
    """What the network gives.

    Attributes:
        reconstruction: `[B, L, C]`.
        attention: `[B, L, L]`, decoder step by encoder step; rows sum to 1.
    """

    reconstruction: Array
    attention: Array


class TeacherForcing(NamedTuple):
    """What the decoder's steps get in training; time is the leading axis.

    Attributes:
        truth: `[L, B, C]`, the window's step before this one, zeros at first.
        forced: `[L, B]`, whether the decoder sees it instead of its own last output.
        mask: `[L, B, M]`, dropout's multiplier of the decoder's output.
    """

    truth: Array
    forced: Array
    mask: Array


def attend(
    keys: Array, query: Array, score: Array, memory: Array
) -> tuple[Array, Array]:
    """Additive attention of one decoder step.

    Args:
        keys: W_e m `[B, L, A]`.
        query: W_d h `[B, A]`.
        score: v `[A]`.
        memory: m `[B, L, M]`.

    Returns:
        The context `[B, M]` and the weights `[B, L]`.
    """
    weights = jax.nn.softmax(jnp.tanh(keys + query[:, None]) @ score, axis=-1)
    return jnp.einsum("bl,blm->bm", weights, memory), weights


class LstmAttention(nn.Module):
    """Two LSTM layers in, additive attention and one LSTM cell out.

    Attributes:
        channels: Channels C.
        hidden: Units of the first encoder layer.
        memory: Units M of the second encoder layer and of the decoder.
        attention: Size A of the attention's hidden layer.
        bottleneck: What the decoder starts from.
        dropout: Share dropped of the encoder's and decoder's outputs when taught.
        forget_bias: Added to the start of the forget gates' bias.
        implementation: Of the encoder's layers, see `ops.recurrent`.
    """

    channels: int
    hidden: int = 128
    memory: int = 32
    attention: int = 64
    bottleneck: Bottleneck = "mean_pool"
    dropout: float = 0.1
    forget_bias: float = 0.0
    implementation: Implementation | None = None

    def setup(self) -> None:
        """Makes the layers."""
        size, xavier = self.memory, nn.initializers.xavier_uniform()
        options = (self.forget_bias, self.implementation)
        self.lower = Lstm(self.channels, self.hidden, *options)
        self.upper = Lstm(self.hidden, size, *options)
        self.keys = self.param("keys", xavier, (size, self.attention))
        self.query = self.param("query", xavier, (size, self.attention))
        self.score = self.param("score", xavier, (self.attention, 1))
        self.decoder = Lstm(size + self.channels, size, self.forget_bias)
        self.kernel = self.param("kernel", xavier, (size, self.channels))
        self.bias = self.param("bias", nn.initializers.zeros, (self.channels,))

    def encode(self, windows: Array) -> Array:
        """The memory `[B, L, M]` of `windows [B, L, C]`."""
        return self.upper(self.lower(windows)[0])[0]

    def decode(self, memory: Array, forcing: TeacherForcing | None = None) -> Output:
        """Reconstructs windows from their `memory [B, L, M]` alone, step by step."""
        length = memory.shape[1]
        keys = memory @ self.keys
        weights, query, score = self.decoder.weights, self.query, self.score[:, 0]
        kernel, bias = self.kernel, self.bias

        def step(carry: tuple[Carry, Array], xs: TeacherForcing | None) -> tuple:
            state, fed = carry
            if xs is not None:
                fed = jnp.where(xs.forced[:, None], xs.truth, fed)
            context, attention = attend(keys, state.hidden @ query, score, memory)
            inputs = jnp.concatenate([fed, context], axis=-1)
            state = recurrent.cell(weights, state, inputs)
            out = state.hidden if xs is None else state.hidden * xs.mask
            made = out @ kernel + bias[None]
            return (state, made), (made, attention)

        last = self.bottleneck == "last"
        start = memory[:, -1] if last else memory.mean(axis=1)
        nothing = jnp.zeros((len(memory), self.channels), memory.dtype)
        outputs: tuple[Array, Array]
        _, outputs = jax.lax.scan(
            step,
            (Carry(start, jnp.zeros_like(start)), nothing),
            forcing,
            length=length,
        )
        return Output(*(jnp.swapaxes(steps, 0, 1) for steps in outputs))

    def __call__(self, windows: Array) -> Output:
        """Reconstructs `windows [B, L, C]` freely, as for scoring."""
        return self.decode(self.encode(windows))

    def taught(self, windows: Array, key: Key, forcing: Array | float) -> Output:
        """Reconstructs with dropout and, by chance `forcing`, on true last steps."""
        memory_key, output_key, forcing_key = jax.random.split(key, 3)
        memory = self.encode(windows)
        batch, length, size = memory.shape
        memory = memory * self._dropout_mask(memory_key, memory.shape)
        before = jnp.pad(windows[:, :-1], ((0, 0), (1, 0), (0, 0)))
        forced = jax.random.uniform(forcing_key, (length, batch)) < forcing
        mask = self._dropout_mask(output_key, (length, batch, size))
        teacher = TeacherForcing(jnp.swapaxes(before, 0, 1), forced, mask)
        return self.decode(memory, teacher)

    def _dropout_mask(self, key: Key, shape: tuple[int, ...]) -> Array:
        share = 1 - self.dropout
        return jax.random.bernoulli(key, share, shape).astype(jnp.float32) / share
