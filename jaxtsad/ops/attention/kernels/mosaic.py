"""Anomaly attention's kernels for NVIDIA's Hopper: Pallas Mosaic GPU.

One warpgroup per 64 queries (64 keys where the gradients of key and value are made)
walks over the tiles of the other side. Tensor cores multiply bfloat16 and add up in
float32; a float32 operand comes as the sum of several bfloat16 `pieces`, whose products
are added up: three are float32 to the last bits, two are finer than TF32.

The kernels have run on an H100 with JAX 0.11: gradients within 4e-7 of XLA's float32.

Shape letters: N pieces, B batch, L padded window length, H heads, K padded head width.
Operands are `[N * B, L, H, K]`, what belongs to a query is `[B, H, number, L]`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as gpu

from jaxtsad.ops.attention.kernels import mosaic_parts as parts
from jaxtsad.ops.attention.kernels import tiles
from jaxtsad.ops.attention.kernels.tiles import Row
from jaxtsad.ops.attention.rows import DivergenceSpec
from jaxtsad.types import Array

BLOCK, WIDTH = parts.BLOCK, parts.WIDTH


def forward(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    *,
    pieces: int,
    length: int,
    spec: DivergenceSpec,
    gradients: bool,
    interpret: Any = None,
) -> tuple[Array, Array]:
    """Mixed values and, per query, both divergences and what the backward pass needs.

    Args:
        query: Scaled queries `[N * B, L, H, K]`, bfloat16.
        key: The same shape.
        value: The same shape.
        sigma: `[B, H, 1, L]`.
        pieces: N.
        length: Steps of the window before padding.
        spec: Which divergences.
        gradients: Whether what the backward pass needs is given.
        interpret: Parameters of Pallas' interpreter, or None to compile.

    Returns:
        `[B, L, H, K]` and `[B, H, 2, L]`, or `[B, H, 7, L]` with `tiles.residuals`
        behind the divergences; float32.
    """
    _, padded, heads, width = query.shape
    batch, count = query.shape[0] // pieces, 7 if gradients else 2

    def body(query, key, value, sigma, mixed, stats, *scratch):  # type: ignore[no-untyped-def]
        query_s, key_s, value_s, sigma_s, mixing_s, mixed_s, barrier, stats_s = scratch
        b, h, first = parts.where()
        bring = parts.bringer(barrier, b, h, batch, pieces)
        block = pl.ds(first, BLOCK)
        bring(query, query_s, block)
        parts.fetch(barrier, sigma.at[b, h, :, block], sigma_s)
        tile_ops, zero = parts.tile_ops(1), parts.per_query(0.0, 1)
        width_of = parts.read(sigma_s.at[0], 1)
        narrow = tiles.narrowness(width_of)

        def scores(step: Array) -> tuple[Array, tiles.Place]:
            across = pl.ds(step * BLOCK, BLOCK)
            bring(key, key_s, across)
            tile = parts.product(query_s, parts.turned(key_s), pieces)
            return tile, tiles.place(*parts.steps(first, step * BLOCK, 0), length)

        def first_pass(step: Array, sums: tiles.Sums) -> tiles.Sums:
            return tiles.normaliser(tile_ops, sums, *scores(step), narrow)

        start = (parts.per_query(tiles.LOWEST, 1), zero, zero)
        top, exponentials, kernels = jax.lax.fori_loop(
            0, padded // BLOCK, first_pass, start
        )
        row = Row(narrow, top, 1.0 / exponentials, 1.0 / kernels)

        def second_pass(step: Array, carry: Any) -> Any:
            mixed, both, sums = carry
            tile, at = scores(step)
            across = pl.ds(step * BLOCK, BLOCK)
            bring(value, value_s, across)
            series, prior = tiles.associations(tile_ops, row, tile, at)
            both = tiles.divergences(tile_ops, spec, both, series, prior)
            if gradients:
                sums = tiles.slopes(tile_ops, spec, sums, series, prior, at)
            mixed = parts.mixed(mixed, series, mixing_s, value_s, pieces)
            return mixed, both, sums

        begin = (parts.tile(0.0, width), (zero, zero), (zero,) * 4 if gradients else ())
        mixed_sum, both, sums = jax.lax.fori_loop(
            0, padded // BLOCK, second_pass, begin
        )
        outputs = list(both)
        if gradients:
            outputs += tiles.residuals(row, sums, width_of)
        for number, output in enumerate(outputs):
            stats_s[number] = output
        gpu.commit_smem()
        gpu.copy_smem_to_gmem(stats_s, stats.at[b, h, :, block])
        parts.store(mixed_sum, mixed_s, mixed, (b, block, h), width)

    scratch = parts.scratch(pieces, width, operands=3, numbers=1)
    return gpu.kernel(
        body,
        out_type=(
            jax.ShapeDtypeStruct((batch, padded, heads, width), jnp.float32),
            jax.ShapeDtypeStruct((batch, heads, count, padded), jnp.float32),
        ),
        scratch_types=[*scratch, gpu.SMEM((count, BLOCK), jnp.float32)],
        **parts.launch(heads, padded, batch, interpret),
    )(query, key, value, sigma)


def to_query(
    query: Array,
    key: Array,
    value: Array,
    to_mixed: Array,
    per_query: Array,
    *,
    pieces: int,
    length: int,
    spec: DivergenceSpec,
    interpret: Any = None,
) -> Array:
    """Gradient `[B, L, H, K]` of the scaled queries.

    Args:
        query: `[N * B, L, H, K]`, as in `forward`.
        key: The same shape.
        value: The same shape.
        to_mixed: Gradient of the mixed values, in pieces like the operands.
        per_query: `[B, H, 6, L]`: `tiles.PER_QUERY`, the last two the gradient of the
            series' divergence and what the softmax subtracts.
        pieces: N.
        length: Steps of the window before padding.
        spec: Which divergences.
        interpret: Parameters of Pallas' interpreter, or None to compile.
    """
    _, padded, heads, width = query.shape
    batch = query.shape[0] // pieces

    def body(query, key, value, to_mixed, per_query, out, *scratch):  # type: ignore[no-untyped-def]
        query_s, key_s, value_s, to_mixed_s, rows_s, falling_s, out_s, barrier = scratch
        b, h, first = parts.where()
        bring = parts.bringer(barrier, b, h, batch, pieces)
        block = pl.ds(first, BLOCK)
        bring(query, query_s, block)
        bring(to_mixed, to_mixed_s, block)
        parts.fetch(barrier, per_query.at[b, h, :, block], rows_s)
        tile_ops = parts.tile_ops(1)
        row, to_series, total = tiles.unpack_row(lambda n: parts.read(rows_s.at[n], 1))

        def step_of(step: Array, query_sum: Array) -> Array:
            across = pl.ds(step * BLOCK, BLOCK)
            bring(key, key_s, across)
            bring(value, value_s, across)
            scores = parts.product(query_s, parts.turned(key_s), pieces)
            at = tiles.place(*parts.steps(first, step * BLOCK, 0), length)
            series, prior = tiles.associations(tile_ops, row, scores, at)
            fall = parts.product(to_mixed_s, parts.turned(value_s), pieces)
            falling = tiles.falling(
                tile_ops, spec, series, prior, fall, to_series, total
            )
            return parts.mixed(query_sum, falling, falling_s, key_s, pieces)

        query_sum = jax.lax.fori_loop(
            0, padded // BLOCK, step_of, parts.tile(0.0, width)
        )
        parts.store(query_sum, out_s, out, (b, block, h), width)

    return gpu.kernel(
        body,
        out_type=jax.ShapeDtypeStruct((batch, padded, heads, width), jnp.float32),
        scratch_types=parts.scratch(
            pieces, width, operands=4, numbers=len(tiles.PER_QUERY)
        ),
        **parts.launch(heads, padded, batch, interpret),
    )(query, key, value, to_mixed, per_query)


def to_key_and_value(
    query: Array,
    key: Array,
    value: Array,
    to_mixed: Array,
    per_query: Array,
    *,
    pieces: int,
    length: int,
    spec: DivergenceSpec,
    interpret: Any = None,
) -> tuple[Array, Array]:
    """Gradients `[B, L, H, K]` of keys and values; tiles have their keys first.

    Args:
        query: `[N * B, L, H, K]`, as in `forward`.
        key: The same shape.
        value: The same shape.
        to_mixed: See `to_query`.
        per_query: See `to_query`.
        pieces: N.
        length: Steps of the window before padding.
        spec: Which divergences.
        interpret: Parameters of Pallas' interpreter, or None to compile.
    """
    _, padded, heads, width = query.shape
    batch = query.shape[0] // pieces

    def body(query, key, value, to_mixed, per_query, to_key, to_value, *scratch):  # type: ignore[no-untyped-def]
        key_s, value_s, query_s, to_mixed_s, rows_s, tile_s, out_s, barrier = scratch
        b, h, first = parts.where()
        bring = parts.bringer(barrier, b, h, batch, pieces)
        block = pl.ds(first, BLOCK)
        bring(key, key_s, block)
        bring(value, value_s, block)
        tile_ops = parts.tile_ops(0)

        def step_of(step: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            key_sum, value_sum = carry
            along = pl.ds(step * BLOCK, BLOCK)
            bring(query, query_s, along)
            bring(to_mixed, to_mixed_s, along)
            parts.fetch(barrier, per_query.at[b, h, :, along], rows_s)
            row, to_series, total = tiles.unpack_row(
                lambda n: parts.read(rows_s.at[n], 0)
            )
            scores = parts.product(key_s, parts.turned(query_s), pieces)
            at = tiles.place(*parts.steps(step * BLOCK, first, 1), length)
            series, prior = tiles.associations(tile_ops, row, scores, at)
            value_sum = parts.mixed(value_sum, series, tile_s, to_mixed_s, pieces)
            fall = parts.product(value_s, parts.turned(to_mixed_s), pieces)
            falling = tiles.falling(
                tile_ops, spec, series, prior, fall, to_series, total
            )
            return parts.mixed(key_sum, falling, tile_s, query_s, pieces), value_sum

        begin = (parts.tile(0.0, width), parts.tile(0.0, width))
        key_sum, value_sum = jax.lax.fori_loop(0, padded // BLOCK, step_of, begin)
        parts.store(key_sum, out_s, to_key, (b, block, h), width)
        parts.store(value_sum, out_s, to_value, (b, block, h), width)

    out = jax.ShapeDtypeStruct((batch, padded, heads, width), jnp.float32)
    return gpu.kernel(
        body,
        out_type=(out, out),
        scratch_types=parts.scratch(
            pieces, width, operands=4, numbers=len(tiles.PER_QUERY)
        ),
        **parts.launch(heads, padded, batch, interpret),
    )(query, key, value, to_mixed, per_query)
