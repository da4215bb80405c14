"""Anomaly attention in groups of windows: what a group makes stays in the CPU's cache.

A group's rows of both associations are made, used and forgotten; the backward pass
makes them again, which costs less than to write and read what it would keep.

Shape letters: B batch, L window length, H heads, K head width.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero

from jaxtsad.ops.attention import blocks, rows
from jaxtsad.ops.attention.fused import fused
from jaxtsad.ops.attention.rows import Kind
from jaxtsad.types import Array, PyTree

# Entries of an L x L array of all heads and windows of a group.
ENTRIES = 2**19


def group_of(batch: int, heads: int, length: int) -> int:
    """Windows per group: the largest divisor of the batch that fits `ENTRIES`.

    Example:
        >>> [group_of(32, 8, length) for length in (10, 100, 200, 512)]
        [32, 4, 1, 1]
    """
    fitting = max(1, min(batch, ENTRIES // (heads * length**2)))
    return max(size for size in range(1, fitting + 1) if batch % size == 0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def grouped(
    query: Array, key: Array, value: Array, sigma: Array, kind: Kind
) -> tuple[Array, Array, Array]:
    """Values `[B, L, H, K]` and both divergences `[B, H, L]`.

    Without a gradient there is nothing to make again, and all windows go at once.
    """
    return fused(query, key, value, sigma, kind)


def _mixed(
    query: Array, key: Array, value: Array, sigma: Array, kind: Kind
) -> tuple[Array, Array, Array]:
    """What `grouped` gives, group by group."""
    args = (query, key, value, sigma)
    return _mapped(lambda args: fused(*args, kind), args, sigma.shape)


def _forward(
    query: CustomVJPPrimal,
    key: CustomVJPPrimal,
    value: CustomVJPPrimal,
    sigma: CustomVJPPrimal,
    kind: Kind,
) -> tuple[tuple[Array, Array, Array], tuple[Array, ...]]:
    args = (query.value, key.value, value.value, sigma.value)
    out = _mixed(*args, kind)
    return out, (*args, out[0])


def _backward(
    kind: Kind,
    saved: tuple[Array, ...],
    cotangents: tuple[Array | SymbolicZero, ...],
) -> tuple[Array | None, ...]:
    sigma = saved[3]
    wanted = [None if isinstance(x, SymbolicZero) else x for x in cotangents]

    def group(args: tuple[Any, ...]) -> tuple[Array | None, ...]:
        (query, key, value, sigma, mixed), (to_values, to_series, to_prior) = args
        query, key, value, mixed = map(rows.heads_first, (query, key, value, mixed))
        to_mixed = None if to_values is None else rows.heads_first(to_values)
        falling = (to_mixed, to_series, to_prior)
        *grads, to_sigma = blocks.backward(
            query, key, value, sigma, mixed, falling, 0, kind
        )
        return *rows.laid(grads, (query, key, value)), to_sigma

    grads: tuple[Array | None, ...] = _mapped(group, (saved, wanted), sigma.shape)
    return grads


grouped.defvjp(_forward, _backward, symbolic_zeros=True)


def _mapped(run: Callable[..., Any], args: PyTree, shape: tuple[int, ...]) -> Any:
    """Runs over groups of the leading axis; all at once where that is one group."""
    batch, heads, length = shape
    size = group_of(batch, heads, length)
    if size == batch:
        return run(args)
    groups = jax.tree.map(lambda x: x.reshape(-1, size, *x.shape[1:]), args)
    out = jax.lax.map(run, groups)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), out)
