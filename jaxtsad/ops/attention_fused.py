"""Anomaly attention whole: fast for short windows, L x L arrays kept for the backward.

One logarithm per entry and a backward pass written by hand.

Shape letters: B batch, L window length (i query, j key), H heads, K head width.
"""

from __future__ import annotations

import functools

import jax
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero

from jaxtsad.ops import attention_rows as rows
from jaxtsad.ops import products
from jaxtsad.ops.attention_rows import Kind
from jaxtsad.types import Array


@functools.partial(jax.custom_vjp, nondiff_argnums=(4,))
def fused(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    kind: Kind,
) -> tuple[Array, Array, Array]:
    """Values `[B, L, H, K]` and both divergences `[B, H, L]`."""
    epsilon, series_direction, prior_direction, precision = kind
    query, key = rows.heads_first(query), rows.heads_first(key)
    series = rows.softmax(query, key, precision)
    mixed = rows.mix(series, rows.heads_first(value), precision)
    prior = rows.prior(sigma, rows.squared_distance(sigma, 0, sigma.shape[-1]))
    return (
        rows.heads_first(mixed).astype(value.dtype),
        rows.divergence(series, prior, epsilon, series_direction),
        rows.divergence(series, prior, epsilon, prior_direction),
    )


def _forward(
    query_: CustomVJPPrimal,
    key_: CustomVJPPrimal,
    value_: CustomVJPPrimal,
    sigma_: CustomVJPPrimal,
    kind: Kind,
) -> tuple[tuple[Array, Array, Array], tuple[Array, ...]]:
    epsilon, series_direction, prior_direction, precision = kind
    query, key, value = (rows.heads_first(x.value) for x in (query_, key_, value_))
    sigma = sigma_.value
    series = rows.softmax(query, key, precision)
    mixed = rows.mix(series, value, precision)
    distance = rows.squared_distance(sigma, 0, sigma.shape[-1])
    prior = rows.prior(sigma, distance)
    out = (
        rows.heads_first(mixed).astype(value.dtype),
        rows.divergence(series, prior, epsilon, series_direction),
        rows.divergence(series, prior, epsilon, prior_direction),
    )
    ratio = rows.log_ratio(prior, series, epsilon)
    swapped = rows.SWAPPED[prior_direction]
    slope = rows.slope(prior, series, ratio, epsilon, swapped)
    pull = rows.pull(prior, slope, sigma, distance)
    return out, (query, key, value, series, mixed, sigma, pull)


def _backward(
    kind: Kind,
    saved: tuple[Array, ...],
    cotangents: tuple[Array | SymbolicZero, ...],
) -> tuple[Array | None, ...]:
    epsilon, series_direction, _, precision = kind
    query, key, value, series, mixed, sigma, pull = saved
    to_values, to_series, to_prior = cotangents
    to_sigma = None if isinstance(to_prior, SymbolicZero) else to_prior * pull
    to_value = None
    falls, totals = [], []
    if not isinstance(to_values, SymbolicZero):
        to_mixed = rows.heads_first(to_values)
        to_value = products.einsum("bhij,bhik->bhjk", series, to_mixed, precision)
        to_value = rows.heads_first(to_value).astype(value.dtype)
        falls.append(products.einsum("bhik,bhjk->bhij", to_mixed, value, precision))
        totals.append((to_mixed * mixed).sum(-1))
    if not isinstance(to_series, SymbolicZero):
        prior = rows.prior(sigma, rows.squared_distance(sigma, 0, sigma.shape[-1]))
        ratio = rows.log_ratio(series, prior, epsilon)
        slope = rows.slope(series, prior, ratio, epsilon, series_direction)
        falls.append(to_series[..., None] * slope)
        totals.append(to_series * (series * slope).sum(-1))
    if not falls:
        return None, None, None, to_sigma
    level = sum(falls[1:], falls[0]) - sum(totals[1:], totals[0])[..., None]
    to_scores = series * level * query.shape[-1] ** -0.5
    to_query = products.einsum("bhij,bhjk->bhik", to_scores, key, precision)
    to_key = products.einsum("bhij,bhik->bhjk", to_scores, query, precision)
    to_query = rows.heads_first(to_query).astype(query.dtype)
    to_key = rows.heads_first(to_key).astype(key.dtype)
    return to_query, to_key, to_value, to_sigma


fused.defvjp(_forward, _backward, symbolic_zeros=True)
