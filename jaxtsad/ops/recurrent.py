"""Long short-term memory over batches of windows: one interface, two implementations.

The cell, with gates stacked in the order input, forget, candidate, output:

    i, f, g, o = split(x_t W_x + h_(t-1) W_h + b)
    c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g)
    h_t = sigmoid(o) tanh(c_t)

`cell` is that equation and the readable reference; `lstm` and `repeated` run it over
all steps, by default through `recurrent_scan` (any backend, any transformation but
forward-mode differentiation), on request through cuDNN. Shape letters: B windows,
L steps, C inputs, H units.

Reference:
    Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997, with
    the forget gate of Gers et al., 2000.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import jax
import jax.numpy as jnp

from jaxtsad.ops import recurrent_cudnn, recurrent_scan
from jaxtsad.types import Array

Implementation: TypeAlias = Literal["scan", "cudnn"]
IMPLEMENTATIONS: tuple[Implementation, ...] = get_args(Implementation)


class Weights(NamedTuple):
    """Weights of one layer; gate order input, forget, candidate, output.

    Attributes:
        input: `[C, 4H]`.
        hidden: `[H, 4H]`.
        bias: `[4H]`, one per gate (the sum of the two that some frameworks keep).
    """

    input: Array
    hidden: Array
    bias: Array


class Carry(NamedTuple):
    """State between steps.

    Attributes:
        hidden: h `[B, H]`, also the output of the step.
        memory: c `[B, H]`.
    """

    hidden: Array
    memory: Array


def zeros(weights: Weights, batch: int) -> Carry:
    """The state `[B, H]` before the first step."""
    state = jnp.zeros((batch, weights.hidden.shape[0]), weights.hidden.dtype)
    return Carry(state, state)


def cell(weights: Weights, carry: Carry, inputs: Array) -> Carry:
    """One step; its output is `carry.hidden`.

    Args:
        weights: Of the layer.
        carry: State before the step, `[B, H]` each.
        inputs: `[B, C]`.

    Returns:
        The state after the step.

    Example:
        >>> weights = Weights(jnp.zeros((3, 8)), jnp.zeros((2, 8)), jnp.zeros(8))
        >>> cell(weights, Carry(jnp.zeros((1, 2)), jnp.ones((1, 2))), jnp.ones((1, 3)))
        Carry(hidden=Array([[0.23105858, 0.23105858]], dtype=float32), \
memory=Array([[0.5, 0.5]], dtype=float32))
    """
    drive = inputs @ weights.input + carry.hidden @ weights.hidden
    i, f, g, o = jnp.split(drive + weights.bias[None], 4, axis=-1)
    memory = jax.nn.sigmoid(f) * carry.memory + jax.nn.sigmoid(i) * jnp.tanh(g)
    return Carry(jax.nn.sigmoid(o) * jnp.tanh(memory), memory)


def lstm(
    weights: Weights,
    inputs: Array,
    initial: Carry | None = None,
    mask: Array | None = None,
    *,
    unroll: int = 1,
    implementation: Implementation | None = None,
) -> tuple[Array, Carry]:
    """Runs one layer over the steps of a batch of windows.

    Args:
        weights: Of the layer.
        inputs: `[B, L, C]`.
        initial: State before the first step; None for zeros.
        mask: `[B, L]`, 1 where a step is real; a padded step holds the state. None
            where all are.
        unroll: Steps per iteration of the loop (see `recurrent_scan`).
        implementation: `scan`, or `cudnn` on a GPU (never under `vmap`, no mask); None
            is `scan`.

    Returns:
        The outputs `[B, L, H]` and the state after the last step.

    Raises:
        ValueError: If the implementation is unknown or cannot do what is asked.

    Example:
        >>> weights = Weights(jnp.ones((3, 8)), jnp.ones((2, 8)), jnp.zeros(8))
        >>> outputs, last = lstm(weights, jnp.ones((5, 10, 3)))
        >>> outputs.shape, bool((outputs[:, -1] == last.hidden).all())
        ((5, 10, 2), True)
    """
    initial = zeros(weights, inputs.shape[0]) if initial is None else initial
    if _chosen(implementation, mask) == "cudnn":
        outputs, last = recurrent_cudnn.lstm(weights, inputs, initial)
        return outputs, Carry(*last)
    step_mask = None if mask is None else mask.T.astype(inputs.dtype)
    steps = jnp.swapaxes(inputs, 0, 1)
    return _scanned(weights, steps, initial, step_mask, inputs.shape[1], unroll)


def repeated(
    weights: Weights,
    inputs: Array,
    length: int,
    initial: Carry | None = None,
    *,
    unroll: int = 1,
    implementation: Implementation | None = None,
) -> tuple[Array, Carry]:
    """Runs one layer on the same input at every step, as decoders of a code do.

    The input's product with the weights is taken once, not `length` times.

    Args:
        weights: Of the layer.
        inputs: `[B, C]`.
        length: Number of steps L.
        initial: State before the first step; None for zeros.
        unroll: Steps per iteration of the loop.
        implementation: As for `lstm`.

    Returns:
        The outputs `[B, L, H]` and the state after the last step.

    Raises:
        ValueError: If the implementation is unknown or cannot do what is asked.

    Example:
        >>> weights = Weights(jnp.ones((3, 8)), jnp.ones((2, 8)), jnp.zeros(8))
        >>> repeated(weights, jnp.ones((5, 3)), length=4)[0].shape
        (5, 4, 2)
    """
    initial = zeros(weights, inputs.shape[0]) if initial is None else initial
    if _chosen(implementation, None) == "cudnn":
        shape = (inputs.shape[0], length, inputs.shape[1])
        every = jnp.broadcast_to(inputs[:, None, :], shape)
        outputs, last = recurrent_cudnn.lstm(weights, every, initial)
        return outputs, Carry(*last)
    return _scanned(weights, inputs, initial, None, length, unroll)


def stack(
    layers: Sequence[Weights],
    inputs: Array,
    initial: Sequence[Carry] | None = None,
    mask: Array | None = None,
    *,
    unroll: int = 1,
    implementation: Implementation | None = None,
) -> tuple[Array, tuple[Carry, ...]]:
    """Runs layers on top of each other.

    Args:
        layers: Weights from the lowest layer to the top.
        inputs: `[B, L, C]`.
        initial: One state per layer; None for zeros.
        mask: As for `lstm`.
        unroll: As for `lstm`.
        implementation: As for `lstm`.

    Returns:
        The top layer's outputs `[B, L, H]` and every layer's last state.
    """
    begin = [None] * len(layers) if initial is None else initial
    last = []
    for weights, state in zip(layers, begin, strict=True):
        inputs, carry = lstm(
            weights, inputs, state, mask, unroll=unroll, implementation=implementation
        )
        last.append(carry)
    return inputs, tuple(last)


def _scanned(
    weights: Weights,
    inputs: Array,
    initial: Carry,
    step_mask: Array | None,
    length: int,
    unroll: int,
) -> tuple[Array, Carry]:
    outputs, last = recurrent_scan.lstm(
        length, min(unroll, length), tuple(weights), inputs, tuple(initial), step_mask
    )
    return jnp.swapaxes(outputs, 0, 1), Carry(*last)


def _chosen(implementation: str | None, mask: Array | None) -> str:
    if implementation not in (None, *IMPLEMENTATIONS):
        choices = ", ".join(IMPLEMENTATIONS)
        raise ValueError(f"{implementation=} is unknown; the choices are {choices}")
    if implementation == "cudnn" and jax.default_backend() != "gpu":
        backend = jax.default_backend()
        raise ValueError(f"{implementation=} needs a GPU, the backend is {backend}")
    if implementation == "cudnn" and mask is not None:
        raise ValueError(f"{implementation=} takes no mask; use implementation='scan'")
    return implementation or "scan"
