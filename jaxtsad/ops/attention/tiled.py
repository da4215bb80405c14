"""Anomaly attention in blocks of queries: memory linear in the window's length.

A block's rows of both associations are made, used and forgotten; the backward pass
makes them again. Rows are whole, so that softmax and divergences need no second pass.
It runs on any backend.

Shape letters: B batch, L window length, T queries of a block, H heads, K head width.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.ops.attention import blocks, rows
from jaxtsad.ops.attention.rows import Kind
from jaxtsad.types import Array

# Entries of one L x L block of all heads and windows that are worked on at once.
ENTRIES = 2**20
LEAST, MOST = 16, 128


def block_of(batch: int, heads: int, length: int) -> int:
    """Queries per block: as many as fit `ENTRIES`, within `LEAST` and `MOST`.

    Example:
        >>> [block_of(1, 8, length) for length in (7, 1000, 2048, 8192)]
        [7, 128, 64, 16]
    """
    fitting = ENTRIES // (batch * heads * length)
    return min(length, max(LEAST, min(MOST, fitting)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def tiled(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    kind: Kind,
) -> tuple[Array, Array, Array]:
    """Values `[B, L, H, K]` and both divergences `[B, H, L]`."""
    return _forward(query, key, value, sigma, kind)[0]


def _forward(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    kind: Kind,
) -> tuple[tuple[Array, Array, Array], tuple[Array, ...]]:
    length = sigma.shape[-1]
    query, key, value = (rows.heads_first(x) for x in (query, key, value))

    def block(args: tuple[Array, ...]) -> tuple[Array, Array, Array]:
        first, query, sigma = args
        return blocks.forward(query, key, value, sigma, first, kind)

    out = jax.lax.map(block, (_firsts(query), *_blocks("edge", query, sigma)))
    mixed, series, prior = (_joined(x, length) for x in out)
    saved = (query, key, value, sigma, mixed)
    return (rows.heads_first(mixed).astype(value.dtype), series, prior), saved


def _backward(
    kind: Kind,
    saved: tuple[Array, ...],
    cotangents: tuple[Array, Array, Array],
) -> tuple[Array, Array, Array, Array]:
    query, key, value, sigma, mixed = saved
    length = sigma.shape[-1]
    to_values, to_series, to_prior = cotangents
    to_mixed = rows.heads_first(to_values).astype(jnp.float32)

    def block(carry: tuple[Array, Array], args: tuple[Array, ...]) -> Any:
        first, query, sigma, mixed, to_mixed, to_series, to_prior = args
        falling = (to_mixed, to_series, to_prior)
        found: Any = blocks.backward(
            query, key, value, sigma, mixed, falling, first, kind
        )
        to_query, to_key, to_value, to_sigma = found
        return (carry[0] + to_key, carry[1] + to_value), (to_query, to_sigma)

    seen = _blocks("edge", query, sigma)
    falling = _blocks("constant", mixed, to_mixed, to_series, to_prior)
    zeros = (jnp.zeros(key.shape, jnp.float32), jnp.zeros(value.shape, jnp.float32))
    (to_key, to_value), (to_query, to_sigma) = jax.lax.scan(
        block, zeros, (_firsts(query), *seen, *falling)
    )
    return (
        rows.heads_first(_joined(to_query, length).astype(query.dtype)),
        rows.heads_first(to_key.astype(key.dtype)),
        rows.heads_first(to_value.astype(value.dtype)),
        _joined(to_sigma, length),
    )


tiled.defvjp(_forward, _backward)


def _firsts(whole: Array) -> Array:
    """First query of each block of `[B, H, L, ...]`."""
    size = block_of(*whole.shape[:3])
    return jnp.arange(0, whole.shape[2], size, dtype=jnp.float32)


def _blocks(mode: str, *wholes: Array) -> list[Array]:
    """Blocks `[N, B, H, T, ...]` of `[B, H, L, ...]`.

    Args:
        mode: How the last block is filled up: `edge` repeats the last query, `constant`
            puts 0, for gradients to which the repeated query adds nothing.
        wholes: What to cut.
    """
    blocks = []
    for whole in wholes:
        batch, heads, length = whole.shape[:3]
        size = block_of(batch, heads, length)
        pads = [(0, 0)] * whole.ndim
        pads[2] = (0, -length % size)
        filled = jnp.pad(whole, pads, mode=mode)
        shape = (batch, heads, -1, size, *whole.shape[3:])
        blocks.append(jnp.moveaxis(filled.reshape(shape), 2, 0))
    return blocks


def _joined(blocks: Array, length: int) -> Array:
    """The inverse of `_blocks`."""
    whole = jnp.moveaxis(blocks, 0, 2)
    shape = (*whole.shape[:2], -1, *whole.shape[4:])
    return whole.reshape(shape)[:, :, :length]
