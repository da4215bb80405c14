"""Anomaly attention whole: fast for short windows, L x L arrays kept for the backward.

One logarithm per entry and a backward pass written by hand.

Shape letters: B batch, L window length (i query, j key), H heads, K head width.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero

from jaxtsad.ops import attention_rows as rows
from jaxtsad.ops.association import Direction, Epsilon
from jaxtsad.types import Array


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5, 6))
def fused(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    epsilon: Epsilon,
    series_direction: Direction,
    prior_direction: Direction,
) -> tuple[Array, Array, Array]:
    """Values `[B, L, H, K]` and both divergences `[B, H, L]`."""
    series = rows.softmax(rows.heads_first(query), rows.heads_first(key))
    mixed = rows.mix(series, rows.heads_first(value))
    prior = rows.prior(sigma, rows.squared_distance(sigma, 0, sigma.shape[-1]))
    return (
        rows.heads_first(mixed),
        rows.divergence(series, prior, epsilon, series_direction),
        rows.divergence(series, prior, epsilon, prior_direction),
    )


def _forward(
    query_: CustomVJPPrimal,
    key_: CustomVJPPrimal,
    value_: CustomVJPPrimal,
    sigma_: CustomVJPPrimal,
    epsilon: Epsilon,
    series_direction: Direction,
    prior_direction: Direction,
) -> tuple[tuple[Array, Array, Array], tuple[Array, ...]]:
    query, key, value = (rows.heads_first(x.value) for x in (query_, key_, value_))
    sigma = sigma_.value
    series = rows.softmax(query, key)
    mixed = rows.mix(series, value)
    distance = rows.squared_distance(sigma, 0, sigma.shape[-1])
    prior = rows.prior(sigma, distance)
    out = (
        rows.heads_first(mixed),
        rows.divergence(series, prior, epsilon, series_direction),
        rows.divergence(series, prior, epsilon, prior_direction),
    )
    slope = rows.slope(prior, series, epsilon, rows.SWAPPED[prior_direction])
    pull = rows.pull(prior, slope, sigma, distance)
    return out, (query, key, value, series, mixed, sigma, pull)


def _backward(
    epsilon: Epsilon,
    series_direction: Direction,
    prior_direction: Direction,
    saved: tuple[Array, ...],
    cotangents: tuple[Array | SymbolicZero, ...],
) -> tuple[Array | None, ...]:
    del prior_direction
    query, key, value, series, mixed, sigma, pull = saved
    to_values, to_series, to_prior = cotangents
    to_sigma = None if isinstance(to_prior, SymbolicZero) else to_prior * pull
    to_value = None
    falls, totals = [], []
    if not isinstance(to_values, SymbolicZero):
        to_mixed = rows.heads_first(to_values)
        to_value = rows.heads_first(jnp.einsum("bhij,bhik->bhjk", series, to_mixed))
        falls.append(jnp.einsum("bhik,bhjk->bhij", to_mixed, value))
        totals.append((to_mixed * mixed).sum(-1))
    if not isinstance(to_series, SymbolicZero):
        prior = rows.prior(sigma, rows.squared_distance(sigma, 0, sigma.shape[-1]))
        slope = rows.slope(series, prior, epsilon, series_direction)
        falls.append(to_series[..., None] * slope)
        totals.append(to_series * (series * slope).sum(-1))
    if not falls:
        return None, None, None, to_sigma
    level = sum(falls[1:], falls[0]) - sum(totals[1:], totals[0])[..., None]
    to_scores = series * level * query.shape[-1] ** -0.5
    to_query = jnp.einsum("bhij,bhjk->bhik", to_scores, key)
    to_key = jnp.einsum("bhij,bhik->bhjk", to_scores, query)
    return rows.heads_first(to_query), rows.heads_first(to_key), to_value, to_sigma


fused.defvjp(_forward, _backward, symbolic_zeros=True)
