"""Tiles of both associations: the mathematics inside the Pallas kernels.

Two passes over the tiles of a query's row: the first finds the numbers that normalise
both associations, the second makes the associations and adds up what is wanted of
them. `attention_mosaic` and `attention_pallas` call these functions from their loops,
on a GPU and on a TPU; only what their hardware wants differently is in a `TileOps`.

A tile is two-dimensional, its queries along either axis. Keys past the window's end,
which fill up the last tile, are `hidden`: 0 in both associations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp

from jaxtsad.ops.attention import rows
from jaxtsad.ops.attention.rows import DivergenceSpec
from jaxtsad.types import Array

LOWEST = -1e30
# Per query, in the order in which the backward kernels take them.
PER_QUERY = ("sigma", "top", "share", "norm", "to_series", "total")
Sums: TypeAlias = tuple[Array, ...]


class TileOps(NamedTuple):
    """How one number per query and a tile become each other.

    Attributes:
        spread: One number per query to a tile.
        total: Sum over the keys of a tile, one number per query.
        highest: Maximum over the keys of a tile.
    """

    spread: Callable[[Array], Array]
    total: Callable[[Array], Array]
    highest: Callable[[Array], Array]


class Place(NamedTuple):
    """Where a tile lies.

    Attributes:
        distance: Squared distance between query and key, in steps.
        shown: Whether the key is one of the window's.
    """

    distance: Array
    shown: Array


class Row(NamedTuple):
    """What normalises both associations, one number per query.

    Attributes:
        narrow: Factor of the squared distance in the prior's exponent.
        top: Largest score.
        share: 1 over the sum of the exponentials of scores less `top`.
        norm: 1 over the sum of the prior's kernel.
    """

    narrow: Array
    top: Array
    share: Array
    norm: Array


def place(query: Array, key: Array, length: int) -> Place:
    """Where the tile with these float steps lies in a window of `length`.

    Queries past the last step stand at it, so that every row has a key at its place.
    """
    distance = jnp.square(jnp.minimum(query, length - 1.0) - key)
    return Place(distance, key < float(length))


def narrowness(sigma: Array) -> Array:
    """Factor of the squared distance in the exponent of a prior of width `sigma`."""
    return -0.5 / jnp.square(sigma)


def unpack_row(read: Callable[[int], Array]) -> tuple[Row, Array, Array]:
    """The row of the queries of a tile and the last two of `PER_QUERY`.

    Args:
        read: Gives one of `PER_QUERY`, by its place there, one number per query.
    """
    sigma, top, share, norm, to_series, total = map(read, range(len(PER_QUERY)))
    return Row(narrowness(sigma), top, share, norm), to_series, total


def normaliser(
    tile_ops: TileOps, sums: Sums, scores: Array, at: Place, narrow: Array
) -> Sums:
    """First pass: running maximum, sum of exponentials and sum of the kernel.

    Start from `LOWEST`, 0 and 0.
    """
    top, exponentials, kernels = sums
    scores = jnp.where(at.shown, scores, LOWEST)
    higher = jnp.maximum(top, tile_ops.highest(scores))
    exponentials = exponentials * jnp.exp(top - higher)
    exponentials += tile_ops.total(jnp.exp(scores - tile_ops.spread(higher)))
    kernel = jnp.exp(at.distance * tile_ops.spread(narrow))
    return (
        higher,
        exponentials,
        kernels + tile_ops.total(jnp.where(at.shown, kernel, 0.0)),
    )


def associations(
    tile_ops: TileOps, row: Row, scores: Array, at: Place
) -> tuple[Array, Array]:
    """Series and prior association of a tile."""
    series = jnp.exp(jnp.where(at.shown, scores, LOWEST) - tile_ops.spread(row.top))
    prior = jnp.exp(at.distance * tile_ops.spread(row.narrow))
    prior = jnp.where(at.shown, prior, 0.0)
    return series * tile_ops.spread(row.share), prior * tile_ops.spread(row.norm)


def divergences(
    tile_ops: TileOps, spec: DivergenceSpec, sums: Sums, series: Array, prior: Array
) -> Sums:
    """Second pass: adds the tile's part of both divergences; start from 0, 0."""
    epsilon, series_direction, prior_direction, _ = spec
    ratio = rows.log_ratio(series, prior, epsilon)
    by_series = tile_ops.total(
        rows.terms(series, prior, ratio, epsilon, series_direction)
    )
    by_prior = by_series
    if prior_direction != series_direction:
        by_prior = tile_ops.total(
            rows.terms(series, prior, ratio, epsilon, prior_direction)
        )
    return sums[0] + by_series, sums[1] + by_prior


def slopes(
    tile_ops: TileOps,
    spec: DivergenceSpec,
    sums: Sums,
    series: Array,
    prior: Array,
    at: Place,
) -> Sums:
    """Second pass: adds the tile's part of what gradients need; start from four 0.

    The sums are of series times its slope; of prior times its slope, without and with
    the distance; and of prior times distance (see `pull`).
    """
    epsilon, series_direction, prior_direction, _ = spec
    ratio = rows.log_ratio(series, prior, epsilon)
    swapped = rows.SWAPPED[prior_direction]
    slope = series * rows.slope(series, prior, ratio, epsilon, series_direction)
    moved = prior * rows.slope(prior, series, -ratio, epsilon, swapped)
    parts = (slope, moved, moved * at.distance, prior * at.distance)
    added = [tile_ops.total(part) for part in parts]
    return tuple(a + b for a, b in zip(sums, added, strict=True))


def pull(sums: Sums, sigma: Array) -> Array:
    """Derivative of the prior's divergence with respect to sigma, of `slopes`' sums."""
    _, moved, far, spread = sums
    return (far - moved * spread) / (sigma * sigma * sigma)


def residuals(row: Row, sums: Sums, sigma: Array) -> list[Array]:
    """What the backward pass needs per query: top, share, norm, turn and pull.

    Args:
        row: Of the queries.
        sums: Of `slopes`.
        sigma: Width of the prior in steps.
    """
    return [row.top, row.share, row.norm, sums[0], pull(sums, sigma)]


def falling(
    tile_ops: TileOps,
    spec: DivergenceSpec,
    series: Array,
    prior: Array,
    fall: Array,
    to_series: Array,
    total: Array,
) -> Array:
    """Backward: gradient of a tile's scores.

    Args:
        tile_ops: See `TileOps`.
        spec: See `rows.DivergenceSpec`.
        series: Tile of the series association.
        prior: Tile of the prior.
        fall: Tile of products of the values' gradient and the values.
        to_series: Gradient of the divergence that moves the series, per query.
        total: What the softmax subtracts, per query.
    """
    ratio = rows.log_ratio(series, prior, spec.epsilon)
    slope = rows.slope(series, prior, ratio, spec.epsilon, spec.series_direction)
    level = fall + tile_ops.spread(to_series) * slope - tile_ops.spread(total)
    return series * level
