"""Anomaly attention by XLA, in blocks of what fits the cache.

A block is a group of windows, or some queries of all windows, with all keys: its rows
of both associations are made, used and forgotten, and the backward pass, written by
hand, makes them again, which costs less than to write and read them. Rows are whole, so
that softmax and divergences need no second pass. Where everything fits one block on a
device with memory of its own, the series association is kept for the backward pass.

Shape letters: B batch, L window length, T queries of a block, H heads, K head width.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero

from jaxtsad.ops.attention import rows
from jaxtsad.ops.attention.rows import DivergenceSpec
from jaxtsad.types import Array, PyTree

# Windows of up to so many steps are whole on a CPU.
WHOLE = 512
# Entries of one association that a block may have: in groups of windows and in blocks
# of queries what a CPU's cache serves best, on other devices a bound for the memory
# (half a gigabyte an array).
GROUP_ENTRIES = 2**19
QUERY_ENTRIES = 2**20
DEVICE_ENTRIES = 2**27
# Fewest queries of a block, however long the window.
LEAST_QUERIES = 16


class Blocks(NamedTuple):
    """How a batch is cut.

    Attributes:
        windows: Windows of a block.
        queries: Queries of a block, of each of its windows.
        keep_series: Whether the series association is kept for the backward pass.
    """

    windows: int
    queries: int
    keep_series: bool = False


def blocks_for(batch: int, heads: int, length: int, backend: str) -> Blocks:
    """Groups of whole windows where these are short, else some queries of all windows.

    On devices with memory of their own all that their bound allows goes at once.

    Args:
        batch: B.
        heads: H.
        length: L.
        backend: Name of JAX's backend.

    Example:
        >>> blocks_for(32, 8, 100, "cpu")
        Blocks(windows=4, queries=100, keep_series=False)
        >>> blocks_for(2, 8, 1024, "cpu")
        Blocks(windows=2, queries=64, keep_series=False)
        >>> blocks_for(16, 8, 1024, "gpu")
        Blocks(windows=16, queries=1024, keep_series=True)
    """
    if backend != "cpu":
        if batch * heads * length**2 <= DEVICE_ENTRIES:
            return Blocks(batch, length, keep_series=True)
        entries = DEVICE_ENTRIES
    elif length <= WHOLE:
        fitting = max(1, min(batch, GROUP_ENTRIES // (heads * length**2)))
        windows = max(size for size in range(1, fitting + 1) if batch % size == 0)
        return Blocks(windows, length)
    else:
        entries = QUERY_ENTRIES
    queries = max(LEAST_QUERIES, entries // (batch * heads * length))
    return Blocks(batch, min(length, queries))


def attend(
    query: Array, key: Array, value: Array, sigma: Array, spec: DivergenceSpec
) -> tuple[Array, Array, Array]:
    """Values `[B, L, H, K]` and both divergences `[B, H, L]`.

    Args:
        query: `[B, L, H, K]`.
        key: `[B, L, H, K]`.
        value: `[B, L, H, K]`.
        sigma: `[B, H, L]` width of the prior in steps.
        spec: Which divergences.
    """
    batch, heads, length = sigma.shape
    cut = blocks_for(batch, heads, length, jax.default_backend())
    return attend_in_blocks(query, key, value, sigma, spec, cut)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def attend_in_blocks(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    spec: DivergenceSpec,
    cut: Blocks,
) -> tuple[Array, Array, Array]:
    """What `attend` gives, cut as asked for.

    Without a gradient there is nothing to make again, and whole windows go at once.
    """
    if cut.queries == sigma.shape[-1]:
        cut = cut._replace(windows=len(sigma))
    return _forward_pass((query, key, value, sigma), spec, cut)[0]


def _forward(
    query: CustomVJPPrimal,
    key: CustomVJPPrimal,
    value: CustomVJPPrimal,
    sigma: CustomVJPPrimal,
    spec: DivergenceSpec,
    cut: Blocks,
) -> tuple[tuple[Array, Array, Array], tuple[Array | None, ...]]:
    operands = (query.value, key.value, value.value, sigma.value)
    out, series = _forward_pass(operands, spec, cut)
    return out, (*operands, out[0], series if cut.keep_series else None)


def _forward_pass(
    operands: tuple[Array, ...], spec: DivergenceSpec, cut: Blocks
) -> tuple[tuple[Array, Array, Array], Array | None]:
    """Values and divergences, and the series association where it is kept."""

    def group(operands: tuple[Array, ...]) -> Any:
        *wide, sigma = operands
        query, key, value = map(rows.heads_first, wide)

        def block(_: None, part: tuple[Array, ...]) -> Any:
            first, query, sigma = part
            *out, series = rows.forward(query, key, value, sigma, first, spec)
            return None, (*out, series if cut.keep_series else None)

        _, (mixed, *rest) = _over_queries(block, None, (query, sigma), (), cut.queries)
        return rows.heads_first(mixed).astype(value.dtype), *rest

    values, by_series, by_prior, series = _over_windows(group, operands, cut.windows)
    return (values, by_series, by_prior), series


def _backward(
    spec: DivergenceSpec,
    cut: Blocks,
    saved: tuple[Array | None, ...],
    cotangents: tuple[Array | SymbolicZero, ...],
) -> tuple[Array | None, ...]:
    wanted = [None if isinstance(x, SymbolicZero) else x for x in cotangents]

    def group(args: tuple[Any, ...]) -> tuple[Array | None, ...]:
        (*wide, sigma, values, series), (to_values, *to_divergences) = args
        query, key, value = map(rows.heads_first, wide)
        mixed = rows.heads_first(values)
        to_mixed = None if to_values is None else rows.heads_first(to_values)

        def block(sums: PyTree, part: tuple[Any, ...]) -> Any:
            first, query, sigma, series, mixed, *cotangents = part
            to_query, to_key, to_value, to_sigma = rows.backward(
                (query, key, value, sigma), (series, mixed), cotangents, first, spec
            )
            sums = jax.tree.map(jnp.add, sums, (to_key, to_value))
            return sums, (to_query, to_sigma)

        moved = to_mixed is not None or to_divergences[0] is not None
        sums = (
            jnp.zeros(key.shape, jnp.float32) if moved else None,
            None if to_mixed is None else jnp.zeros(value.shape, jnp.float32),
        )
        (to_key, to_value), (to_query, to_sigma) = _over_queries(
            block,
            sums,
            (query, sigma, series),
            (mixed, to_mixed, *to_divergences),
            cut.queries,
        )
        grads = (to_query, to_key, to_value)
        return *rows.like_operands(grads, (query, key, value)), to_sigma

    grads: tuple[Array | None, ...] = _over_windows(group, (saved, wanted), cut.windows)
    return grads


attend_in_blocks.defvjp(_forward, _backward, symbolic_zeros=True)


def _over_windows(run: Callable[..., Any], args: PyTree, size: int) -> Any:
    """Runs over groups of the leading axis; at once where that is one group."""
    if jax.tree.leaves(args)[0].shape[0] == size:
        return run(args)
    groups = jax.tree.map(lambda x: x.reshape(-1, size, *x.shape[1:]), args)
    out = jax.lax.map(run, groups)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), out)


def _over_queries(
    run: Callable[..., Any],
    carry: PyTree,
    repeated: tuple[Array | None, ...],
    zeroed: tuple[Array | None, ...],
    size: int,
) -> tuple[Any, Any]:
    """Runs over blocks of queries; at once where that is one block.

    Args:
        run: `(carry, (first, *parts)) -> (carry, outs)`, `first` the first query's
            step.
        carry: What `run` hands on.
        repeated: Arrays `[B, H, L, ...]` to cut; the last block is filled up with the
            last query.
        zeroed: More of them, filled up with zeros: gradients, to which a query that
            fills up adds nothing.
        size: Queries of a block.

    Returns:
        The last carry, and the outs `[B, H, L, ...]`.
    """
    length = next(x.shape[2] for x in repeated if x is not None)
    if length == size:
        return run(carry, (0, *repeated, *zeroed))

    def blocks_of(x: Array, mode: str) -> Array:
        pads = [(0, 0)] * x.ndim
        pads[2] = (0, -length % size)
        x = jnp.pad(x, pads, mode=mode)
        return jnp.moveaxis(x.reshape(*x.shape[:2], -1, size, *x.shape[3:]), 2, 0)

    def joined(x: Array) -> Array:
        x = jnp.moveaxis(x, 0, 2)
        return x.reshape(*x.shape[:2], -1, *x.shape[4:])[:, :, :length]

    firsts = jnp.arange(0, length, size, dtype=jnp.float32)
    parts = [
        None if x is None else blocks_of(x, mode)
        for xs, mode in ((repeated, "edge"), (zeroed, "constant"))
        for x in xs
    ]
    carry, outs = jax.lax.scan(run, carry, (firsts, *parts))
    return carry, jax.tree.map(joined, outs)
