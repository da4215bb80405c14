"""Turns a minibatch step into stretches of an epoch, and a measure into validation.

The order of an epoch is a stable argsort of random bits with padding last, so that a
member padded to a longer length sees exactly the batches it sees alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.ops.disk_windows import DiskWindows
from jaxtsad.types import Array, Batch, Clock, Key, Metrics, PyTree, State

Step = Callable[[Key, State, Batch, Array], tuple[State, Metrics]]
Measure = Callable[[Key, PyTree, Batch], Metrics]


def steps(source: Any, batch_size: int) -> int:
    """Optimizer steps per epoch over `source`, the last batch padded."""
    return -(-source.size // batch_size)


def shuffled(key: Key, weight: Array) -> Array:
    """Random order `[N]` of the positions whose weight is not 0, the rest behind.

    The order of the first n positions does not depend on how many follow them with
    weight 0.
    """
    bits = jax.random.bits(key, weight.shape, jnp.uint32)
    bits = jnp.where(weight > 0, bits, jnp.uint32(0xFFFFFFFF))
    return jnp.argsort(bits, stable=True).astype(jnp.int32)


def minibatches(step: Step, batch_size: int) -> Callable[..., tuple[State, Metrics]]:
    """Turns a minibatch step into `Detector.advance`.

    A batch of total weight 0 changes nothing. A step whose metrics are not finite is
    not counted and ends the stretch, and parameters that are not finite at its end
    count as such a step: the number is in the metrics under "diverged", and the
    parameters of such a stretch are worth nothing. Undoing the step instead would keep
    a second copy of the parameters in every step (an eighth of a small model's time).

    Args:
        step: `(key, state, batch, scale) -> (state, metrics)`, metrics being means
            weighted by `batch.weight`.
        batch_size: Windows or samples per step B.

    Returns:
        `advance(key, state, source, clock) -> (state, metrics)`; the metrics are sums
        weighted by "weight", which is among them.
    """

    def advance(
        key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        once = jax.jit(step, inline=True)  # traced once for both uses
        order_key, step_key = jax.random.split(jax.random.fold_in(key, clock.epoch))
        order = _padded(shuffled(order_key, source.weight), batch_size)

        def take_step(carry: tuple, index: Array) -> tuple[State, Metrics, Array]:
            state, sums, diverged = carry
            batch = _batch(source, order, index, batch_size)
            total = batch.weight.sum()

            def do_step(state: State) -> tuple[State, Metrics, Array]:
                this_key = jax.random.fold_in(step_key, index)
                new, metrics = once(this_key, state, batch, clock.scale)
                good = _finite(metrics)
                metrics = jax.tree.map(
                    lambda value: jnp.where(good, total * value, 0.0), metrics
                )
                return new, metrics | {"weight": total * good}, diverged + ~good

            def skip_step(state: State) -> tuple[State, Metrics, Array]:
                return state, jax.tree.map(jnp.zeros_like, sums), diverged

            run = (total > 0) & (diverged == 0)
            state, metrics, diverged = jax.lax.cond(run, do_step, skip_step, state)
            return state, jax.tree.map(jnp.add, sums, metrics), diverged

        probe = jax.eval_shape(
            lambda: once(
                step_key,
                state,
                _batch(source, order, jnp.int32(0), batch_size),
                clock.scale,
            )[1]
        )
        sums = {name: jnp.zeros((), jnp.float32) for name in (*probe, "weight")}
        carry = (state, sums, jnp.zeros((), jnp.int32))
        state, sums, diverged = jax.lax.fori_loop(
            clock.first,
            clock.first + clock.count,
            lambda index, carry: take_step(carry, index),
            carry,
        )
        diverged = jnp.maximum(diverged, ~_finite(state.model))
        return state, sums | {"diverged": diverged.astype(jnp.float32)}

    return advance


def evaluate(measure: Measure, batch_size: int) -> Callable[..., Metrics]:
    """Turns a measure of one batch into `Detector.validate` over a whole source.

    Args:
        measure: `(key, model, batch) -> metrics`, means weighted by `batch.weight`.
        batch_size: Windows or samples per call B.

    Returns:
        `validate(key, model, source) -> metrics`, weighted means over the source.
    """

    def validate(key: Key, model: PyTree, source: Any) -> Metrics:
        order = _padded(jnp.arange(source.size, dtype=jnp.int32), batch_size)

        def summed(index: Array) -> Metrics:
            batch = _batch(source, order, index, batch_size)
            total = batch.weight.sum()
            metrics = measure(jax.random.fold_in(key, index), model, batch)
            scaled = {
                name: jnp.where(total > 0, total * value, 0.0)
                for name, value in metrics.items()
            }
            return scaled | {"weight": total}

        count = steps(source, batch_size)
        sums = jax.lax.map(summed, jnp.arange(count, dtype=jnp.int32))
        sums = {name: value.sum(axis=0) for name, value in sums.items()}
        weight = sums.pop("weight")
        return {name: value / weight for name, value in sums.items()}

    return validate


def _padded(order: Array, batch_size: int) -> Array:
    """Pads an order to whole batches by -1."""
    missing = -order.shape[0] % batch_size
    return jnp.pad(order, (0, missing), constant_values=-1)


def _batch(source: Any, order: Array, number: Array, size: int) -> Batch:
    """Takes the positions of a batch by its number; those below 0 get weight 0."""

    def positions(number: Array) -> Array:
        return jax.lax.dynamic_slice(order, (number * size,), (size,))

    chosen = positions(number)
    if isinstance(source, DiskWindows):
        later = jnp.maximum(positions(number + 1), 0)
        batch = source.take(jnp.maximum(chosen, 0), later)
    else:
        batch = source.take(jnp.maximum(chosen, 0))
    return batch._replace(weight=jnp.where(chosen < 0, 0.0, batch.weight))


def _finite(tree: PyTree) -> Array:
    leaves = [
        jnp.isfinite(leaf).all()
        for leaf in jax.tree.leaves(tree)
        if jnp.issubdtype(leaf.dtype, jnp.inexact)
    ]
    return jnp.stack(leaves).all()
