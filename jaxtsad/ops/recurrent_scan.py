"""The LSTM recurrence as a scan with its own backward pass.

Automatic differentiation of a scan accumulates the weight gradients at every step and
keeps what it needs in many small arrays. Here the products with the inputs are taken
for all steps at once before the scan, the four gates share one product and one `tanh`
per step, and the gradients of all weights are one product over all steps after the
reverse scan. Time is the leading axis throughout. Shape letters: L steps, B windows,
C inputs, H units.
"""

from __future__ import annotations

import functools
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from jaxtsad.types import Array, PyTree

Weights: TypeAlias = tuple[Array, Array, Array]
Carry: TypeAlias = tuple[Array, Array]

UNROLLED = 16


def default_unroll(length: int) -> int:
    """Steps per iteration: all of a short window, else one.

    Unrolling saves copies in and out of the loop but compiles in proportion.
    """
    return length if length <= UNROLLED else 1


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def lstm(
    length: int,
    unroll: int,
    weights: Weights,
    inputs: Array,
    initial: Carry,
    kept: Array | None,
) -> tuple[Array, Carry]:
    """Runs one layer.

    Args:
        length: Number of steps L.
        unroll: Steps per iteration of the loop.
        weights: `input [C, 4H]`, `hidden [H, 4H]`, `bias [4H]`.
        inputs: `[L, B, C]`, or `[B, C]` for the same input at every step.
        initial: Hidden and memory state `[B, H]` before the first step.
        kept: `[L, B]`, 0 where a step holds the state; None for no such step.

    Returns:
        The outputs `[L, B, H]` and the last hidden and memory state.
    """
    return _forward(length, unroll, weights, inputs, initial, kept)[0]


def _forward(
    length: int,
    unroll: int,
    weights: Weights,
    inputs: Array,
    initial: Carry,
    kept: Array | None,
) -> tuple[tuple[Array, Carry], PyTree]:
    into, hidden_weights, bias = weights
    units = hidden_weights.shape[0]
    drive = inputs @ into + jnp.expand_dims(bias, tuple(range(inputs.ndim - 1)))
    slope = _slope(units, drive.dtype)[None]

    def step(carry: Carry, xs: tuple) -> tuple[Carry, tuple]:
        hidden, memory = carry
        here, keep = xs
        here = drive if here is None else here
        # sigmoid(x) = (1 + tanh(x / 2)) / 2: one tanh serves all four gates
        gates = jnp.tanh(slope * (here + hidden @ hidden_weights))
        gates = _held(slope * gates + (1 - slope))
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        new_memory = _held(f * memory + i * g)
        squashed = _held(jnp.tanh(new_memory))
        new_hidden = o * squashed
        if keep is not None:
            new_memory = jnp.where(keep[:, None] > 0, new_memory, memory)
            new_hidden = jnp.where(keep[:, None] > 0, new_hidden, hidden)
        new_hidden = _held(new_hidden)
        return (new_hidden, new_memory), (new_hidden, new_memory, gates, squashed)

    steps = (drive if inputs.ndim == 3 else None, kept)
    last, saved = jax.lax.scan(step, initial, steps, length=length, unroll=unroll)
    return (saved[0], last), (weights, inputs, initial, kept, saved)


def _backward(length: int, unroll: int, residuals: PyTree, cotangents: Any) -> tuple:
    weights, inputs, initial, kept, saved = residuals
    into, hidden_weights, _ = weights
    outputs, memories, gates, squashed = saved
    before = jnp.concatenate([initial[0][None], outputs[:-1]])
    memory_before = jnp.concatenate([initial[1][None], memories[:-1]])
    back = _held(hidden_weights.T)

    def step(carry: Carry, xs: tuple) -> tuple[Carry, Array]:
        d_hidden, d_memory = carry
        d_output, memory, gates, squashed, keep = xs
        i, f, g, o = jnp.split(gates, 4, axis=-1)
        d_hidden = d_hidden + d_output
        rest = (jnp.zeros((), gates.dtype),) * 2
        if keep is not None:
            taken = keep[:, None] > 0
            rest = (jnp.where(taken, 0, d_hidden), jnp.where(taken, 0, d_memory))
            d_hidden = jnp.where(taken, d_hidden, 0)
            d_memory = jnp.where(taken, d_memory, 0)
        d_memory = _held(d_memory + d_hidden * o * (1 - squashed * squashed))
        parts = (
            d_memory * g * i * (1 - i),
            d_memory * memory * f * (1 - f),
            d_memory * i * (1 - g * g),
            d_hidden * squashed * o * (1 - o),
        )
        d_gates = _held(jnp.concatenate(_held(parts), axis=-1))
        return (d_gates @ back + rest[0], d_memory * f + rest[1]), d_gates

    d_outputs, d_last = cotangents
    steps = (d_outputs, memory_before, gates, squashed, kept)
    d_initial, d_gates = jax.lax.scan(
        step, d_last, steps, length=length, reverse=True, unroll=unroll
    )
    return (
        *_gathered(into, inputs, before, d_gates),
        d_initial,
        None if kept is None else jnp.zeros_like(kept),
    )


def _gathered(
    into: Array, inputs: Array, before: Array, d_gates: Array
) -> tuple[Weights, Array]:
    """Gradients of the weights and inputs from those of the gates `[L, B, 4H]`."""
    units, width = before.shape[-1], d_gates.shape[-1]
    rows = d_gates.reshape(-1, width)
    d_bias = rows.sum(axis=0)
    if inputs.ndim == 3:
        left = jnp.concatenate([before, inputs], axis=-1).reshape(len(rows), -1)
        product = _held(left.T) @ rows
        d_inputs = d_gates @ into.T
        return (product[units:], product[:units], d_bias), d_inputs
    d_hidden = _held(before.reshape(len(rows), units).T) @ rows
    d_drive = d_gates.sum(axis=0)
    return (inputs.T @ d_drive, d_hidden, d_bias), d_drive @ into.T


def _slope(units: int, dtype: Any) -> Array:
    """Slope `[4H]` of the argument of `tanh`: 1/2 for sigmoid gates, 1 for tanh."""
    half, one = jnp.full(units, 0.5, dtype), jnp.ones(units, dtype)
    return jnp.concatenate([half, half, one, half])


def _held(tree: PyTree) -> PyTree:
    """Computes `tree` once: XLA's CPU fusions would recompute it in every user."""
    if jax.default_backend() != "cpu":
        return tree
    return jax.lax.optimization_barrier(tree)


lstm.defvjp(_forward, _backward)
