"""Anomaly attention's kernels for a TPU: the GPU kernels' tiles in Pallas' own words.

One program per head and block of queries (of keys, where their gradients are made),
with the whole other side of the head in VMEM. The kernels have been lowered for TPU and
run by Pallas' interpreter; they have not yet run on a TPU.

Shape letters: B batch, L padded window length, H heads, K padded head width. Operands
are `[B, L, H, K]`, what belongs to a query is `[B, H, number, L]`, both float32.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from jaxtsad.ops.attention.kernels import tiles
from jaxtsad.ops.attention.kernels.tiles import Row, TileOps
from jaxtsad.ops.attention.rows import DivergenceSpec, heads_first
from jaxtsad.types import Array

BLOCK, WIDTH = 128, 128
product = functools.partial(
    jax.lax.dot_general,
    precision=jax.lax.Precision.HIGHEST,
    preferred_element_type=jnp.float32,
)
# Contracted axes: rows with rows, and columns with rows.
ACROSS, ALONG = (((1,), (1,)), ((), ())), (((1,), (0,)), ((), ()))


def forward(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    *,
    length: int,
    spec: DivergenceSpec,
    gradients: bool,
    interpret: bool,
) -> tuple[Array, Array]:
    """See `attention_mosaic.forward`; there is one piece, of float32."""
    batch, padded, heads, width = query.shape
    count = 7 if gradients else 2

    def body(query, key, value, sigma, mixed, stats):  # type: ignore[no-untyped-def]
        first = pl.program_id(1) * BLOCK
        tile_ops, zero = _tile_ops(1), jnp.zeros((BLOCK, 1), jnp.float32)
        narrow = tiles.narrowness(sigma[0])

        def scores(step: Array) -> tuple[Array, tiles.Place]:
            keys = key[0, pl.ds(step * BLOCK, BLOCK)]
            at = tiles.place(*_steps(first, step * BLOCK, 0), length)
            return product(query[0], keys, ACROSS), at

        def first_pass(step: Array, sums: tiles.Sums) -> tiles.Sums:
            return tiles.normaliser(tile_ops, sums, *scores(step), narrow)

        start = (jnp.full_like(zero, tiles.LOWEST), zero, zero)
        top, exponentials, kernels = jax.lax.fori_loop(
            0, padded // BLOCK, first_pass, start
        )
        row = Row(narrow, top, 1.0 / exponentials, 1.0 / kernels)

        def second_pass(step: Array, carry: Any) -> Any:
            mixed_sum, both, sums = carry
            series, prior = tiles.associations(tile_ops, row, *(there := scores(step)))
            both = tiles.divergences(tile_ops, spec, both, series, prior)
            if gradients:
                sums = tiles.slopes(tile_ops, spec, sums, series, prior, there[1])
            values = value[0, pl.ds(step * BLOCK, BLOCK)]
            return mixed_sum + product(series, values, ALONG), both, sums

        wide = jnp.zeros((BLOCK, width), jnp.float32)
        begin = (wide, (zero, zero), (zero,) * 4 if gradients else ())
        mixed_sum, both, sums = jax.lax.fori_loop(
            0, padded // BLOCK, second_pass, begin
        )
        outputs = list(both)
        if gradients:
            outputs += tiles.residuals(row, sums, sigma[0])
        mixed[0] = mixed_sum
        for number, output in enumerate(outputs):
            stats[0, :, number : number + 1] = output

    mixed, stats = pl.pallas_call(
        body,
        grid=(batch * heads, padded // BLOCK),
        in_specs=[_block(width), _all(padded, width), _all(padded, width), _block(1)],
        out_specs=[_block(width), _block(count)],
        out_shape=[
            jax.ShapeDtypeStruct((batch * heads, padded, width), jnp.float32),
            jax.ShapeDtypeStruct((batch * heads, padded, count), jnp.float32),
        ],
        interpret=interpret,
    )(*(_by_head(x) for x in (query, key, value)), _columns(sigma))
    stats = stats.reshape(batch, heads, padded, count).swapaxes(2, 3)
    return _by_batch(mixed, batch), stats


def to_query(
    query: Array,
    key: Array,
    value: Array,
    to_mixed: Array,
    per_query: Array,
    *,
    length: int,
    spec: DivergenceSpec,
    interpret: bool,
) -> Array:
    """See `attention_mosaic.to_query`."""
    batch, padded, heads, width = query.shape

    def body(query, key, value, to_mixed, per_query, out):  # type: ignore[no-untyped-def]
        first, tile_ops = pl.program_id(1) * BLOCK, _tile_ops(1)
        row, to_series, total = tiles.unpack_row(lambda n: per_query[0, :, n : n + 1])

        def step_of(step: Array, query_sum: Array) -> Array:
            keys = key[0, pl.ds(step * BLOCK, BLOCK)]
            values = value[0, pl.ds(step * BLOCK, BLOCK)]
            at = tiles.place(*_steps(first, step * BLOCK, 0), length)
            scores = product(query[0], keys, ACROSS)
            series, prior = tiles.associations(tile_ops, row, scores, at)
            fall = product(to_mixed[0], values, ACROSS)
            falling = tiles.falling(
                tile_ops, spec, series, prior, fall, to_series, total
            )
            return query_sum + product(falling, keys, ALONG)

        wide = jnp.zeros((BLOCK, width), jnp.float32)
        out[0] = jax.lax.fori_loop(0, padded // BLOCK, step_of, wide)

    whole = _all(padded, width)
    gradients = pl.pallas_call(
        body,
        grid=(batch * heads, padded // BLOCK),
        in_specs=[
            _block(width),
            whole,
            whole,
            _block(width),
            _block(len(tiles.PER_QUERY)),
        ],
        out_specs=_block(width),
        out_shape=jax.ShapeDtypeStruct((batch * heads, padded, width), jnp.float32),
        interpret=interpret,
    )(*(_by_head(x) for x in (query, key, value, to_mixed)), _columns(per_query))
    return _by_batch(gradients, batch)


def to_key_and_value(
    query: Array,
    key: Array,
    value: Array,
    to_mixed: Array,
    per_query: Array,
    *,
    length: int,
    spec: DivergenceSpec,
    interpret: bool,
) -> tuple[Array, Array]:
    """See `attention_mosaic.to_key_and_value`; tiles have their keys first."""
    batch, padded, heads, width = query.shape

    def body(query, key, value, to_mixed, per_query, to_key, to_value):  # type: ignore[no-untyped-def]
        first, tile_ops = pl.program_id(1) * BLOCK, _tile_ops(0)

        def step_of(step: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            key_sum, value_sum = carry
            along = pl.ds(step * BLOCK, BLOCK)
            queries, falls = query[0, along], to_mixed[0, along]
            row, to_series, total = tiles.unpack_row(
                lambda n: per_query[0, n : n + 1, along]
            )
            at = tiles.place(*_steps(step * BLOCK, first, 1), length)
            scores = product(key[0], queries, ACROSS)
            series, prior = tiles.associations(tile_ops, row, scores, at)
            fall = product(value[0], falls, ACROSS)
            falling = tiles.falling(
                tile_ops, spec, series, prior, fall, to_series, total
            )
            return (
                key_sum + product(falling, queries, ALONG),
                value_sum + product(series, falls, ALONG),
            )

        wide = jnp.zeros((BLOCK, width), jnp.float32)
        gradients = jax.lax.fori_loop(0, padded // BLOCK, step_of, (wide, wide))
        to_key[0], to_value[0] = gradients

    whole = _all(padded, width)
    rows = pl.BlockSpec((1, len(tiles.PER_QUERY), padded), lambda n, block: (n, 0, 0))
    shape = jax.ShapeDtypeStruct((batch * heads, padded, width), jnp.float32)
    gradients = pl.pallas_call(
        body,
        grid=(batch * heads, padded // BLOCK),
        in_specs=[whole, _block(width), _block(width), whole, rows],
        out_specs=[_block(width), _block(width)],
        out_shape=[shape, shape],
        interpret=interpret,
    )(
        *(_by_head(x) for x in (query, key, value, to_mixed)),
        per_query.reshape(batch * heads, -1, padded),
    )
    return _by_batch(gradients[0], batch), _by_batch(gradients[1], batch)


def _by_head(x: Array) -> Array:
    """`[B * H, L, K]` of `[B, L, H, K]`."""
    return heads_first(x).reshape(-1, x.shape[1], x.shape[3])


def _by_batch(x: Array, batch: int) -> Array:
    """The inverse of `_by_head`."""
    return heads_first(x.reshape(batch, -1, *x.shape[1:]))


def _columns(per_query: Array) -> Array:
    """`[B * H, L, number]` of `[B, H, number, L]`."""
    flat = per_query.reshape(-1, *per_query.shape[2:])
    return flat.swapaxes(1, 2)


def _block(width: int) -> pl.BlockSpec:
    return pl.BlockSpec((1, BLOCK, width), lambda n, block: (n, block, 0))


def _all(padded: int, width: int) -> pl.BlockSpec:
    return pl.BlockSpec((1, padded, width), lambda n, block: (n, 0, 0))


def _tile_ops(keys: int) -> TileOps:
    """Tiles whose keys lie along that axis; a query's number keeps both axes."""

    def spread(per_query: Array) -> Array:
        return jnp.broadcast_to(per_query, (BLOCK, BLOCK))

    def total(tile: Array) -> Array:
        return tile.sum(keys, keepdims=True)

    def highest(tile: Array) -> Array:
        return tile.max(keys, keepdims=True)

    return TileOps(spread, total, highest)


def _steps(query: Array, key: Array, queries: int) -> tuple[Array, Array]:
    """Steps of a tile's queries and keys, which begin at the given ones."""

    def along(axis: int, first: Array) -> Array:
        steps = jax.lax.broadcasted_iota(jnp.int32, (BLOCK, BLOCK), axis)
        return (steps + first).astype(jnp.float32)

    return along(queries, query), along(1 - queries, key)
