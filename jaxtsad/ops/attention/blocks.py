"""A block of queries of anomaly attention, forward and backward, nothing kept.

What `attention_grouped` and `attention_tiled` run in their loops: the first over groups
of windows, all queries at once, the second over stretches of queries. `attention_fused`
is one block, whose rows are kept.

Shape letters: B batch, T queries of the block, L window length, H heads, K head width.
"""

from __future__ import annotations

from typing import TypeAlias

from jaxtsad.ops import products
from jaxtsad.ops.attention import rows
from jaxtsad.ops.attention.rows import Kind
from jaxtsad.ops.products import Precision
from jaxtsad.types import Array

Cotangents: TypeAlias = tuple[Array | None, Array | None, Array | None]


def forward(
    query: Array, key: Array, value: Array, sigma: Array, first: Array | int, kind: Kind
) -> tuple[Array, Array, Array]:
    """Mixed values and both divergences of a block.

    Args:
        query: `[B, H, T, K]`.
        key: `[B, H, L, K]`.
        value: `[B, H, L, K]`.
        sigma: `[B, H, T]`.
        first: Step of the first query.
        kind: Which divergences.

    Returns:
        `[B, H, T, K]`, float32, and `[B, H, T]` twice.
    """
    series = rows.softmax(query, key, kind.precision)
    distance = rows.squared_distance(sigma, first, key.shape[2])
    prior = rows.prior(sigma, distance)
    return (
        rows.mix(series, value, kind.precision),
        rows.divergence(series, prior, kind.epsilon, kind.series_direction),
        rows.divergence(series, prior, kind.epsilon, kind.prior_direction),
    )


def backward(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    mixed: Array,
    cotangents: Cotangents,
    first: Array | int,
    kind: Kind,
) -> tuple[Array | None, Array | None, Array | None, Array | None]:
    """Gradients of a block, whose rows are made again.

    Args:
        query: `[B, H, T, K]`.
        key: `[B, H, L, K]`.
        value: `[B, H, L, K]`.
        sigma: `[B, H, T]`.
        mixed: `[B, H, T, K]`, what `forward` gave.
        cotangents: Of what `forward` gives, None where nothing depends on it.
        first: Step of the first query.
        kind: Which divergences.

    Returns:
        Gradients of query, key, value and sigma, None where there is none; those of key
        and value are this block's part.
    """
    epsilon, series_direction, prior_direction, precision = kind
    to_mixed, to_series, to_prior = cotangents
    scale = query.shape[-1] ** -0.5
    series = rows.softmax(query, key, precision)
    distance = rows.squared_distance(sigma, first, key.shape[2])
    prior = rows.prior(sigma, distance)
    ratio = rows.log_ratio(series, prior, epsilon)
    to_sigma, slope = None, None
    if to_prior is not None:
        swapped = rows.SWAPPED[prior_direction]
        moved = rows.slope(prior, series, -ratio, epsilon, swapped)
        to_sigma = to_prior * rows.pull(prior, moved, sigma, distance)
    if to_series is not None:
        slope = rows.slope(series, prior, ratio, epsilon, series_direction)
    to_query, to_key, to_value = gradients(
        (query * scale, key, value),
        (series, slope, mixed),
        (to_mixed, to_series),
        precision,
    )
    to_query = None if to_query is None else to_query * scale
    return to_query, to_key, to_value, to_sigma


def gradients(
    operands: tuple[Array, Array, Array],
    made: tuple[Array, Array | None, Array],
    cotangents: tuple[Array | None, Array | None],
    precision: Precision,
    scale: float = 1.0,
) -> tuple[Array | None, Array | None, Array | None]:
    """Gradients of query, key and value of a block whose rows are at hand.

    Args:
        operands: Query, key and value.
        made: Series association `[B, H, T, L]`, the slope of the divergence that moves
            it, the same shape, and mixed values.
        cotangents: Of the mixed values and of that divergence, None where nothing
            depends on it; without the latter there need be no slope.
        precision: Of products.
        scale: Of the scores, where that of the queries does not hold it.

    Returns:
        Gradients, None where there is none.
    """
    query, key, value = operands
    series, slope, mixed = made
    to_mixed, to_series = cotangents
    to_value = None
    falls, totals = [], []
    if to_mixed is not None:
        to_value = products.einsum("bhij,bhik->bhjk", series, to_mixed, precision)
        falls.append(products.einsum("bhik,bhjk->bhij", to_mixed, value, precision))
        totals.append((to_mixed * mixed).sum(-1))
    if to_series is not None and slope is not None:
        falls.append(to_series[..., None] * slope)
        totals.append(to_series * (series * slope).sum(-1))
    if not falls:
        return None, None, None
    level = sum(falls[1:], falls[0]) - sum(totals[1:], totals[0])[..., None]
    to_scores = series * level * scale
    to_query = products.einsum("bhij,bhjk->bhik", to_scores, key, precision)
    to_key = products.einsum("bhij,bhik->bhjk", to_scores, query, precision)
    return to_query, to_key, to_value
