"""What the kernels for NVIDIA's Hopper are put together from.

See `attention_mosaic`. Tiles lie in registers the way the tensor cores give them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import mosaic_gpu as gpu

from jaxtsad.ops.attention.kernels.tiles import TileOps
from jaxtsad.types import Array

BLOCK, WIDTH = 64, 64
LAYOUT = gpu.Layout.WGMMA
TILING = (gpu.TilingTransform((8, 64)), gpu.SwizzleTransform(128))
OUT_TILING = (gpu.TilingTransform((8, 32)), gpu.SwizzleTransform(128))
OPERAND = jnp.bfloat16


def launch(heads: int, padded: int, batch: int, interpret: Any) -> dict[str, Any]:
    """The grid, one program per batch, head and block, and how it is run."""
    given = {} if interpret is None else {"interpret": interpret}
    return {
        "grid": (heads, padded // BLOCK, batch),
        "grid_names": ("head", "block", "batch"),
        **given,
    }


def scratch(pieces: int, width: int, *, operands: int, numbers: int) -> list[Any]:
    """What a program holds beside its registers, laid out for the tensor cores.

    Args:
        pieces: Of an operand.
        width: Of an operand.
        operands: How many.
        numbers: Per query.

    Returns:
        Shared memory of the operands, of the numbers, of a tile that becomes an operand
        and of one that is written, then a barrier.
    """
    return [
        *(gpu.SMEM((pieces, BLOCK, width), OPERAND, transforms=TILING),) * operands,
        gpu.SMEM((numbers, BLOCK), jnp.float32),
        gpu.SMEM((BLOCK, BLOCK), OPERAND, transforms=TILING),
        gpu.SMEM((BLOCK, BLOCK), jnp.float32, transforms=OUT_TILING),
        gpu.Barrier(),
    ]


def where() -> tuple[Array, Array, Array]:
    """Batch, head and first step of this program."""
    index = jax.lax.axis_index
    return index("batch"), index("head"), index("block") * BLOCK


def bringer(
    barrier: Any, b: Array, h: Array, batch: int, pieces: int
) -> Callable[[Any, Any, Any], None]:
    """`(source, target, steps)` brings a block of an operand, piece by piece."""

    def bring(source: Any, target: Any, steps: Any) -> None:
        for number in range(pieces):
            part = source.at[number * batch + b, steps, h]
            fetch(barrier, part, target.at[number])

    return bring


def fetch(barrier: Any, source: Any, target: Any) -> None:
    """Copies to shared memory and waits."""
    gpu.copy_gmem_to_smem(source, target, barrier)
    gpu.barrier_wait(barrier)


def turned(operand: Any) -> Callable[[int], Any]:
    """The transposed pieces of an operand."""
    return lambda number: operand.at[number].transpose((1, 0))


def product(left: Any, right: Callable[[int], Any], pieces: int) -> Array:
    """Product of two operands in pieces, the small parts first: a `[64, 64]` tile."""

    def run(sums: Any) -> Array:
        for order in reversed(range(pieces)):
            for number in range(order + 1):
                gpu.wgmma(sums, left.at[number], right(order - number))
        return sums[...]

    return pl.run_scoped(run, gpu.ACC((BLOCK, BLOCK), jnp.float32))


def mixed(sums: Array, tile: Array, scratch: Any, right: Any, pieces: int) -> Array:
    """Adds the product of a tile, cut into pieces here, and an operand in pieces."""
    width = sums.shape[1]
    for number in range(pieces):
        piece = tile.astype(OPERAND)
        scratch[...] = piece
        gpu.commit_smem()

        def run(sums: Any, number: int = number) -> Array:
            for other in reversed(range(pieces - number)):
                gpu.wgmma(sums, scratch, right.at[other])
            return sums[...]

        sums += pl.run_scoped(run, gpu.ACC((BLOCK, width), jnp.float32))
        tile = tile - piece.astype(jnp.float32)
    return sums


def store(tile: Array, scratch: Any, target: Any, index: tuple, width: int) -> None:
    """Writes a `[64, width]` tile, 64 columns at a time."""
    b, block, h = index
    for column in range(0, width, BLOCK):
        scratch[...] = jax.lax.slice(tile, (0, column), (BLOCK, column + BLOCK))
        gpu.commit_smem()
        part = target.at[b, block, h, pl.ds(column, BLOCK)]
        gpu.copy_smem_to_gmem(scratch, part)
        gpu.wait_smem_to_gmem(0)


def tile_ops(keys: int) -> TileOps:
    """Tiles whose keys lie along that axis."""
    queries = 1 - keys

    def spread(per_query: Array) -> Array:
        return jax.lax.broadcast_in_dim(per_query, (BLOCK, BLOCK), (queries,))

    def total(tile: Array) -> Array:
        return tile.sum(keys)

    def highest(tile: Array) -> Array:
        return tile.max(keys)

    return TileOps(spread, total, highest)


def steps(query: Array, key: Array, queries: int) -> tuple[Array, Array]:
    """Steps of a tile's queries and keys, which begin at the given ones."""

    def along(axis: int, first: Array) -> Array:
        steps = gpu.broadcasted_iota(jnp.int32, (BLOCK, BLOCK), axis, layout=LAYOUT)
        return (steps + first).astype(jnp.float32)

    return along(queries, query), along(1 - queries, key)


def per_query(value: float, keys: int) -> Array:
    """A constant per query of tiles whose keys lie along that axis."""
    full = jnp.full((BLOCK,), value, jnp.float32)
    return gpu.layout_cast(full, LAYOUT.reduce(keys))


def tile(value: float, width: int) -> Array:
    """A tile of a constant."""
    return gpu.layout_cast(jnp.full((BLOCK, width), value, jnp.float32), LAYOUT)


def read(source: Any, keys: int) -> Array:
    """One number per query, from shared memory."""
    load: Any = gpu.load
    index = ((),) if jax.__version_info__ < (0, 11) else ()
    return load(source, *index, layout=LAYOUT.reduce(keys))
