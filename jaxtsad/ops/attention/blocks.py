"""A block of queries of anomaly attention, forward and backward: what `xla` loops over.

Shape letters: B windows of the block, T queries of the block, L window length, H heads,
K head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import jax.numpy as jnp

from jaxtsad.ops import products
from jaxtsad.ops.attention import rows
from jaxtsad.ops.attention.rows import DivergenceSpec
from jaxtsad.ops.products import Precision
from jaxtsad.types import Array

Gradients: TypeAlias = tuple[Array | None, Array | None, Array | None]


def forward(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    first: Array | int,
    spec: DivergenceSpec,
) -> tuple[Array, Array, Array, Array]:
    """Mixed values and both divergences of a block.

    Args:
        query: `[B, H, T, K]`.
        key: `[B, H, L, K]`.
        value: `[B, H, L, K]`.
        sigma: `[B, H, T]`.
        first: Step of the first query.
        spec: Which divergences.

    Returns:
        `[B, H, T, K]`, float32, `[B, H, T]` twice, and the series association
        `[B, H, T, L]`.
    """
    series = rows.softmax(query, key, spec.precision)
    distance = rows.squared_distance(sigma, first, key.shape[2])
    prior = rows.prior(sigma, distance)
    return (
        rows.mix(series, value, spec.precision),
        rows.divergence(series, prior, spec.epsilon, spec.series_direction),
        rows.divergence(series, prior, spec.epsilon, spec.prior_direction),
        series,
    )


def backward(
    operands: tuple[Array, Array, Array, Array],
    residuals: tuple[Array | None, Array],
    cotangents: Sequence[Array | None],
    first: Array | int,
    spec: DivergenceSpec,
) -> tuple[Array | None, Array | None, Array | None, Array | None]:
    """Gradients of a block.

    Args:
        operands: Query `[B, H, T, K]`, key and value `[B, H, L, K]`, sigma `[B, H, T]`.
        residuals: The series association, or None to make it again, and the mixed
            values `[B, H, T, K]`.
        cotangents: Of mixed values, the divergence that moves the series and the one
            that moves the prior; None where nothing depends on it.
        first: Step of the first query.
        spec: Which divergences.

    Returns:
        Gradients of query, key, value and sigma, float32, None where there is none;
        those of key and value are this block's part.
    """
    query, key, value, sigma = operands
    series, mixed = residuals
    to_mixed, to_series, to_prior = cotangents
    if series is None:
        series = rows.softmax(query, key, spec.precision)
    distance = rows.squared_distance(sigma, first, key.shape[2])
    prior = rows.prior(sigma, distance)
    ratio = rows.log_ratio(series, prior, spec.epsilon)
    to_sigma, slope = None, None
    if to_prior is not None:
        swapped = rows.SWAPPED[spec.prior_direction]
        prior_slope = rows.slope(prior, series, -ratio, spec.epsilon, swapped)
        to_sigma = to_prior * rows.pull(prior, prior_slope, sigma, distance)
    if to_series is not None:
        slope = rows.slope(series, prior, ratio, spec.epsilon, spec.series_direction)
    to_query, to_key, to_value = _wide_gradients(
        (query, key, value), (series, slope, mixed), (to_mixed, to_series), spec[-1]
    )
    return to_query, to_key, to_value, to_sigma


def _wide_gradients(
    operands: tuple[Array, Array, Array],
    made: tuple[Array, Array | None, Array],
    cotangents: tuple[Array | None, Array | None],
    precision: Precision,
) -> Gradients:
    """Gradients of query, key and value.

    Args:
        operands: Query, key and value.
        made: Series association `[B, H, T, L]`, the slope of the divergence that moves
            it, the same shape, and mixed values.
        cotangents: Of the mixed values and of that divergence, None where nothing
            depends on it; without the latter there need be no slope.
        precision: Of products.
    """
    query, key, value = operands
    series, slope, mixed = made
    to_mixed, to_series = cotangents
    scale = query.shape[-1] ** -0.5
    to_value = None
    # The softmax subtracts from each row's cotangent its mean under the association.
    to_rows, means = [], []
    if to_mixed is not None:
        to_value = products.einsum("bhij,bhik->bhjk", series, to_mixed, precision)
        to_rows.append(products.einsum("bhik,bhjk->bhij", to_mixed, value, precision))
        means.append((to_mixed.astype(jnp.float32) * mixed).sum(-1))
    if to_series is not None and slope is not None:
        to_rows.append(to_series[..., None] * slope)
        means.append(to_series * (series * slope).sum(-1))
    if not to_rows:
        return None, None, None
    centred = sum(to_rows[1:], to_rows[0]) - sum(means[1:], means[0])[..., None]
    to_scores = series * centred
    to_query = products.einsum("bhij,bhjk->bhik", to_scores, key, precision) * scale
    to_key = products.einsum("bhij,bhik->bhjk", to_scores, query * scale, precision)
    return to_query, to_key, to_value
