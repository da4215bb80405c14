"""The LSTM layer of cuDNN behind the interface of `recurrent`: one model on a GPU.

`jax.experimental.rnn` has no batching rule, so that this path cannot run under `vmap`.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax.experimental import rnn

from jaxtsad.types import Array


def packed(weights: tuple[Array, Array, Array]) -> Array:
    """One layer's weights in cuDNN's order: input, hidden, bias, second bias (zeros).

    Args:
        weights: `input [C, 4H]`, `hidden [H, 4H]`, `bias [4H]`.

    Returns:
        `[4H * (C + H + 2)]`.
    """
    inputs, hidden, bias = weights
    parts = [inputs.T.ravel(), hidden.T.ravel(), bias, jnp.zeros_like(bias)]
    return jnp.concatenate(parts)


def lstm(
    weights: tuple[Array, Array, Array], inputs: Array, initial: tuple[Array, Array]
) -> tuple[Array, tuple[Array, Array]]:
    """Runs one layer.

    Args:
        weights: `input [C, 4H]`, `hidden [H, 4H]`, `bias [4H]`.
        inputs: `[B, L, C]`.
        initial: `hidden [B, H]` and `memory [B, H]` before the first step.

    Returns:
        The outputs `[B, L, H]` and the last hidden and memory state `[B, H]`.
    """
    batch, length, width = inputs.shape
    outputs, hidden, memory = rnn.lstm(
        inputs,
        initial[0][None],
        initial[1][None],
        packed(weights),
        seq_lengths=jnp.full((batch,), length, jnp.int32),
        input_size=width,
        hidden_size=weights[1].shape[0],
        num_layers=1,
        dropout=0.0,
        bidirectional=False,
    )
    return outputs, (hidden[0], memory[0])
