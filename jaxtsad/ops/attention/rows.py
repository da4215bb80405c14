"""Rows of both associations and their divergence, as the fast implementations use them.

The mathematics of `ops.association` with one logarithm per entry, for any stretch of
query rows.

Shape letters: B batch, T queries of the stretch, L window length (key), H heads, K head
width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
