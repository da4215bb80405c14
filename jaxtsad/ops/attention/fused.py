"""Anomaly attention whole: fast for short windows, L x L arrays kept for the backward.

One logarithm per entry and a backward pass written by hand.

Shape letters: B batch, L window length (i query, j key), H heads, K head width.
"""

from __future__ import annotations

import functools

import jax
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero

from jaxtsad.ops.attention import blocks, rows
from jaxtsad.ops.attention.rows import Kind
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
    query, key, value = (rows.heads_first(x) for x in (query, key, value))
    mixed, series, prior = blocks.forward(query, key, value, sigma, 0, kind)
    return rows.heads_first(mixed).astype(value.dtype), series, prior


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
    to_mixed, falls, slope = None, None, None
    if not isinstance(to_values, SymbolicZero):
        to_mixed = rows.heads_first(to_values)
    if not isinstance(to_series, SymbolicZero):
        falls = to_series
        prior = rows.prior(sigma, rows.squared_distance(sigma, 0, sigma.shape[-1]))
        ratio = rows.log_ratio(series, prior, epsilon)
        slope = rows.slope(series, prior, ratio, epsilon, series_direction)
    grads = blocks.gradients(
        (query, key, value),
        (series, slope, mixed),
        (to_mixed, falls),
        precision,
        query.shape[-1] ** -0.5,
    )
    return *rows.laid(grads, (query, key, value)), to_sigma


fused.defvjp(_forward, _backward, symbolic_zeros=True)
