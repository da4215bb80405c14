"""A block of queries of anomaly attention, forward and backward: what `xla` loops over.

The mathematics of `association` with one logarithm per entry, for any stretch of query
rows; the kernels use its formulas, too.

Shape letters: B batch, T queries of the block, L window length (key), H heads, K head
width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from jaxtsad.ops import products
from jaxtsad.ops.attention import association
from jaxtsad.ops.attention.association import Direction, Epsilon
from jaxtsad.ops.products import Precision
from jaxtsad.types import Array

SWAPPED: dict[Direction, Direction] = {
    "symmetric": "symmetric",
    "forward": "reverse",
    "reverse": "forward",
}


class DivergenceSpec(NamedTuple):
    """Which divergences, and how exact the products are.

    Attributes:
        epsilon: How logarithms are kept finite (see `association.kl`).
        series_direction: Direction of the divergence that moves the series.
        prior_direction: Direction of the divergence that moves the prior.
        precision: Of products (see `products.PRECISIONS`).
    """

    epsilon: Epsilon
    series_direction: Direction
    prior_direction: Direction
    precision: Precision


def heads_first(x: Array) -> Array:
    """Swaps `[B, L, H, K]` and `[B, H, L, K]`."""
    return x.transpose(0, 2, 1, 3)


def like_operands(
    grads: Sequence[Array | None], likes: Sequence[Array]
) -> tuple[Array | None, ...]:
    """Gradients `[B, L, H, K]` in the precision of the operands."""
    return tuple(
        None if grad is None else heads_first(grad).astype(like.dtype)
        for grad, like in zip(grads, likes, strict=True)
    )


def softmax(query: Array, key: Array, precision: Precision) -> Array:
    """Series association `[B, H, T, L]` of `[B, H, T, K]` and `[B, H, L, K]`."""
    query = query * query.shape[-1] ** -0.5
    scores = products.einsum("bhik,bhjk->bhij", query, key, precision)
    return jax.nn.softmax(scores)


def mix(series: Array, value: Array, precision: Precision) -> Array:
    """Values `[B, H, L, K]`, float32, mixed by rows `[B, H, T, L]`."""
    return products.einsum("bhij,bhjk->bhik", series, value, precision)


def squared_distance(sigma: Array, first: Array | int, length: int) -> Array:
    """Squared distance `[..., T, L]` of the queries from `first` on to every key.

    Queries past the last step stand at it, so that every row has a key at its place.
    """
    query = jnp.minimum(
        first + jnp.arange(sigma.shape[-1], dtype=jnp.float32), length - 1
    )
    key = jnp.arange(length, dtype=jnp.float32)
    distance = jnp.square(query[:, None] - key[None, :])
    return jnp.broadcast_to(distance, (*sigma.shape, length))


def prior(sigma: Array, distance: Array) -> Array:
    """Prior association `[..., T, L]` of widths `[..., T]` in steps."""
    kernel = jnp.exp(distance * (-0.5 / jnp.square(sigma))[..., None])
    return kernel * (1 / kernel.sum(-1, keepdims=True))


def _finite(
    this: Array, other: Array, epsilon: Epsilon
) -> tuple[Array, Array, Array, Array]:
    """Both associations as factors, then as arguments of the logarithm."""
    if epsilon == "additive":
        return this, other, this + association.ADDED, other + association.ADDED
    this = jnp.maximum(this, association.FLOORS[epsilon])
    other = jnp.maximum(other, association.FLOORS[epsilon])
    return this, other, this, other


def divergence(
    series: Array, prior: Array, epsilon: Epsilon, direction: Direction
) -> Array:
    """`association.divergence` with one logarithm, of the ratio."""
    ratio = log_ratio(series, prior, epsilon)
    return terms(series, prior, ratio, epsilon, direction).sum(-1)


def log_ratio(this: Array, other: Array, epsilon: Epsilon) -> Array:
    """Logarithm of the ratio of both associations, kept finite by `epsilon`."""
    _, _, lifted, other_lifted = _finite(this, other, epsilon)
    return jnp.log(lifted / other_lifted)


def terms(
    series: Array,
    prior: Array,
    log_ratio: Array,
    epsilon: Epsilon,
    direction: Direction,
) -> Array:
    """What `divergence` sums over keys, entry by entry.

    Args:
        series: `[..., T, L]`.
        prior: The same shape.
        log_ratio: Of series and prior.
        epsilon: See `association.kl`.
        direction: See `association.divergence`.
    """
    this, other, _, _ = _finite(series, prior, epsilon)
    if direction == "forward":
        return this * log_ratio
    if direction == "reverse":
        return -other * log_ratio
    return (this - other) * log_ratio


def slope(
    this: Array,
    other: Array,
    log_ratio: Array,
    epsilon: Epsilon,
    direction: Direction,
) -> Array:
    """Derivative of the divergence with respect to `this`, entry by entry.

    Args:
        this: `[..., T, L]`.
        other: The same shape.
        log_ratio: Of this and other.
        epsilon: See `association.kl`.
        direction: `forward` where `this` is the first argument of the divergence.
    """
    gate = this > association.FLOORS.get(epsilon, 0.0)
    this, other, lifted, _ = _finite(this, other, epsilon)
    if direction == "reverse":
        slope = -other / lifted
    else:
        # What is added to both cancels in their difference.
        first = this - other if direction == "symmetric" else this
        slope = first / lifted + log_ratio
    return slope if epsilon == "additive" else jnp.where(gate, slope, 0.0)


def pull(prior: Array, slope: Array, sigma: Array, distance: Array) -> Array:
    """Derivative `[..., T]` of the divergence with respect to sigma.

    Args:
        prior: `[..., T, L]`.
        slope: Derivative of the divergence with respect to `prior`, the same shape.
        sigma: `[..., T]` in steps.
        distance: See `squared_distance`.
    """
    slope = prior * slope
    spread = (prior * distance).sum(-1)
    return ((slope * distance).sum(-1) - slope.sum(-1) * spread) / sigma**3


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
    series = softmax(query, key, spec.precision)
    distance = squared_distance(sigma, first, key.shape[2])
    gaussian = prior(sigma, distance)
    return (
        mix(series, value, spec.precision),
        divergence(series, gaussian, spec.epsilon, spec.series_direction),
        divergence(series, gaussian, spec.epsilon, spec.prior_direction),
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
        series = softmax(query, key, spec.precision)
    distance = squared_distance(sigma, first, key.shape[2])
    gaussian = prior(sigma, distance)
    ratio = log_ratio(series, gaussian, spec.epsilon)
    to_sigma, series_slope = None, None
    if to_prior is not None:
        swapped = SWAPPED[spec.prior_direction]
        prior_slope = slope(gaussian, series, -ratio, spec.epsilon, swapped)
        to_sigma = to_prior * pull(gaussian, prior_slope, sigma, distance)
    if to_series is not None:
        series_slope = slope(
            series, gaussian, ratio, spec.epsilon, spec.series_direction
        )
    to_query, to_key, to_value = _wide_gradients(
        (query, key, value),
        (series, series_slope, mixed),
        (to_mixed, to_series),
        spec[-1],
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
