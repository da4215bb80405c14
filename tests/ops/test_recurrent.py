"""The LSTM equals its cell step by step: masked, unrolled, batched, differentiated."""

from __future__ import annotations

import functools
from typing import Any

import chex
import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from jax.experimental import rnn

from jaxtsad.ops import recurrent, recurrent_cudnn

B, L, C, H = 3, 5, 4, 6
TIGHT = {"rtol": 1e-5, "atol": 1e-5}


def weights(key: jax.Array, inputs: int = C, units: int = H) -> recurrent.Weights:
    keys = jax.random.split(key, 3)
    shapes = ((inputs, 4 * units), (units, 4 * units), (4 * units,))
    return recurrent.Weights(
        *(0.4 * jax.random.normal(k, s) for k, s in zip(keys, shapes, strict=True))
    )


def carry(key: jax.Array, batch: int = B) -> recurrent.Carry:
    keys = jax.random.split(key)
    return recurrent.Carry(*(jax.random.normal(k, (batch, H)) for k in keys))


def looped(
    w: recurrent.Weights,
    x: jax.Array,
    state: recurrent.Carry,
    mask: jax.Array | None = None,
) -> tuple[jax.Array, recurrent.Carry]:
    """The reference: `cell` in a Python loop, differentiated by JAX."""
    outputs = []
    for step in range(x.shape[1]):
        new = recurrent.cell(w, state, x[:, step])
        if mask is not None:
            keep = mask[:, step, None] > 0
            new = recurrent.Carry(
                *(jnp.where(keep, a, b) for a, b in zip(new, state, strict=True))
            )
        state = new
        outputs.append(state.hidden)
    return jnp.stack(outputs, axis=1), state


def value(run: Any, *args: Any) -> jax.Array:
    """A scalar that depends on all outputs and both last states, each its own way."""
    outputs, last = run(*args)
    ramp = jnp.arange(1.0, 1.0 + outputs.size).reshape(outputs.shape) / outputs.size
    return (ramp * outputs**2).sum() + last.hidden.sum() + (last.memory**3).sum()


@pytest.fixture(scope="module")
def example() -> tuple[recurrent.Weights, jax.Array, recurrent.Carry, jax.Array]:
    keys = jax.random.split(jax.random.key(0), 3)
    mask = jnp.asarray([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 0, 1, 1]])
    x = jax.random.normal(keys[1], (B, L, C))
    return weights(keys[0]), x, carry(keys[2]), mask


@pytest.mark.parametrize("unroll", [1, 2, L, 2 * L])
@pytest.mark.parametrize("masked", [False, True])
def test_lstm_equals_its_cell_in_a_loop(
    example: Any, unroll: int, masked: bool
) -> None:
    w, x, state, mask = example
    mask = mask if masked else None
    run = functools.partial(recurrent.lstm, unroll=unroll)
    expected = looped(w, x, state, mask)
    chex.assert_trees_all_close(jax.jit(run)(w, x, state, mask), expected, **TIGHT)


@pytest.mark.parametrize("unroll", [1, L])
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_equal_those_of_the_loop(
    example: Any, unroll: int, masked: bool
) -> None:
    w, x, state, mask = example
    mask = mask if masked else None

    def grad(run: Any) -> Any:
        return jax.jit(jax.grad(lambda *a: value(run, *a, mask), (0, 1, 2)))(
            w, x, state
        )

    found = grad(functools.partial(recurrent.lstm, unroll=unroll))
    chex.assert_trees_all_close(found, grad(looped), **TIGHT)


@pytest.mark.parametrize("unroll", [1, L])
def test_repeated_equals_the_input_repeated(example: Any, unroll: int) -> None:
    w, x, state, _ = example

    def once(w: Any, x: jax.Array, state: Any) -> Any:
        return recurrent.repeated(w, x, L, state, unroll=unroll)

    def every(w: Any, x: jax.Array, state: Any) -> Any:
        return looped(w, jnp.repeat(x[:, None], L, axis=1), state)

    def both(run: Any) -> Any:
        grad = jax.grad(lambda *a: value(run, *a), (0, 1, 2))
        return jax.jit(lambda *a: (run(*a), grad(*a)))(w, x[:, 0], state)

    chex.assert_trees_all_close(both(once), both(every), **TIGHT)


def test_masked_steps_hold_the_state_and_never_matter(example: Any) -> None:
    w, x, state, _ = example
    run = jax.jit(recurrent.lstm)
    nothing = jnp.zeros((B, L))
    outputs, last = run(w, x, state, nothing)
    chex.assert_trees_all_equal(last, state)
    held = jnp.broadcast_to(state.hidden[:, None], outputs.shape)
    np.testing.assert_array_equal(outputs, held)

    short = nothing.at[:, :3].set(1.0)
    grad = jax.jit(jax.grad(lambda x: value(recurrent.lstm, w, x, state, short)))(x)
    assert np.all(np.asarray(grad[:, 3:]) == 0) and np.all(np.asarray(grad[:, 0]) != 0)
    last = run(w, x, state, short)[1]
    disturbed = run(w, x.at[:, 3:].set(1e6), state, short)[1]
    chex.assert_trees_all_equal(last, disturbed)
    chex.assert_trees_all_close(last, run(w, x[:, :3], state)[1], **TIGHT)


def test_members_with_their_own_weights_equal_a_loop() -> None:
    keys = jax.random.split(jax.random.key(1), 2)
    ws = jax.vmap(weights)(keys)
    x = jax.random.normal(jax.random.key(2), (2, B, L, C))
    grad = jax.value_and_grad(lambda w, x: value(recurrent.lstm, w, x))
    together = jax.jit(jax.vmap(grad))(ws, x)
    alone = [jax.jit(grad)(weights(keys[n]), x[n]) for n in range(2)]
    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone)
    chex.assert_trees_all_close(together, expected, **TIGHT)


def test_a_stack_feeds_each_layer_with_the_outputs_below() -> None:
    keys = jax.random.split(jax.random.key(3), 3)
    low, high = weights(keys[0]), weights(keys[1], inputs=H)
    x = jax.random.normal(keys[2], (B, L, C))
    outputs, last = jax.jit(recurrent.stack)([low, high], x)
    below, first = looped(low, x, recurrent.zeros(low, B))
    above, second = looped(high, below, recurrent.zeros(high, B))
    chex.assert_trees_all_close((outputs, last), (above, (first, second)), **TIGHT)


@hypothesis.given(st.integers(0, 10_000), st.floats(0.1, 30.0))
def test_outputs_stay_within_one_and_finite(seed: int, size: float) -> None:
    keys = jax.random.split(jax.random.key(seed))
    x = size * jax.random.normal(keys[1], (B, L, C))
    outputs, last = _JITTED(weights(keys[0]), x)
    assert np.abs(outputs).max() <= 1.0
    assert np.isfinite(last.memory).all() and np.abs(last.memory).max() <= L


_JITTED = jax.jit(recurrent.lstm)


def test_packed_weights_are_what_the_gpu_library_reads(example: Any) -> None:
    w, x, state, _ = example
    flat = recurrent_cudnn.packed(w)
    assert flat.shape == (rnn.get_num_params_in_lstm(C, H, 1, False),)
    parts = rnn.unpack_lstm_weights(flat, C, H, 1, False)
    outputs, hidden, memory = rnn.lstm_ref(
        x,
        state.hidden[None],
        state.memory[None],
        *parts,
        seq_lengths=jnp.full((B,), L, jnp.int32),
        input_size=C,
        hidden_size=H,
        num_layers=1,
        dropout=0.0,
        bidirectional=False,
    )
    expected = recurrent.lstm(w, x, state)
    found = (outputs, recurrent.Carry(hidden[0], memory[0]))
    chex.assert_trees_all_close(found, expected, **TIGHT)


@pytest.mark.gpu
def test_cudnn_equals_the_scan(example: Any) -> None:
    w, x, state, _ = example

    def both(implementation: str) -> Any:
        run = functools.partial(recurrent.lstm, implementation=implementation)
        grad = jax.grad(lambda *a: value(run, *a), (0, 1, 2))
        return jax.jit(lambda *a: (run(*a), grad(*a)))(w, x, state)

    with jax.default_matmul_precision("highest"):
        found, expected = both("cudnn"), both("scan")
    chex.assert_trees_all_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="cuDNN can run here")
def test_what_cannot_run_says_so(example: Any) -> None:
    w, x, state, _ = example
    with pytest.raises(ValueError, match="the choices are scan, cudnn"):
        recurrent.lstm(w, x, state, implementation="fast")
    with pytest.raises(ValueError, match="needs a GPU, the backend is cpu"):
        recurrent.repeated(w, x[:, 0], L, implementation="cudnn")
