"""Series and prior associations, their divergence, and the weights made of them.

The readable reference of the Anomaly Transformer's mathematics; `ops.attention`
computes the same faster and is tested against this file.

Xu, Wu, Wang, Long, "Anomaly Transformer: Time Series Anomaly Detection with Association
Discrepancy", ICLR 2022. The paper's S is `series` here, its P is `prior`.

Shape letters: B batch, N layers, H heads, L window length (i query, j key).
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp

from jaxtsad.ops import products
from jaxtsad.ops.products import Precision
from jaxtsad.types import Array

Epsilon: TypeAlias = Literal["additive", "clip", "none"]
Direction: TypeAlias = Literal["symmetric", "forward", "reverse"]
EPSILONS: tuple[Epsilon, ...] = get_args(Epsilon)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
ADDED = 1e-4
# The least that float32 needs changes no entry that matters.
FLOORS: dict[Epsilon, float] = {"clip": 1e-7, "none": 1e-30}


def dynamic_sigma(raw: Array) -> Array:
    """Maps a projection to the prior's width in steps, in (1.1e-5, 2.00003).

    Args:
        raw: Any shape.

    Returns:
        `3^(sigmoid(5 raw) + 1e-5) - 1`, the same shape.

    Example:
        >>> [round(float(s), 4) for s in dynamic_sigma(jnp.array([-1.0, 0.0, 1.0]))]
        [0.0074, 0.7321, 1.9781]
    """
    return jnp.power(3.0, jax.nn.sigmoid(5 * raw) + 1e-5) - 1


def bounded_sigma(raw: Array) -> Array:
    """Maps a projection to a width in about (0.98, 2): `dynamic_sigma` of a squash."""
    return dynamic_sigma(2 * jax.nn.sigmoid(raw) + 0.1)


def wide_sigma(raw: Array, cap: float | None = None) -> Array:
    """Maps a projection to a width of at least 0.1 steps, without the ceiling of 2.

    Args:
        raw: Any shape.
        cap: Largest width in steps; None for no limit.
    """
    sigma = 0.1 + jax.nn.softplus(raw)
    return sigma if cap is None else jnp.minimum(sigma, cap)


def squared_distance(length: int) -> Array:
    """Squared distance `[L, L]` between query and key, in steps."""
    step = jnp.arange(length, dtype=jnp.float32)
    return jnp.square(step[:, None] - step[None, :])


def log_kernel(sigma: Array) -> Array:
    """Logarithm of the Gaussian `[..., L, L]` of `i - j`, 1 on the diagonal.

    Args:
        sigma: Width of each query's Gaussian in steps, `[..., L]`.
    """
    length = sigma.shape[-1]
    distance = jnp.broadcast_to(squared_distance(length), (*sigma.shape, length))
    return distance * (-0.5 / jnp.square(sigma))[..., None]


def prior(sigma: Array) -> Array:
    """Prior association: a Gaussian of `i - j` whose rows sum to one.

    The density's factor cancels in the normalisation, which is therefore a softmax.

    Args:
        sigma: Width of each query's Gaussian in steps, `[..., L]`.

    Returns:
        `[..., L, L]`.

    Example:
        >>> [round(float(p), 3) for p in prior(jnp.ones(5))[0]]
        [0.57, 0.346, 0.077, 0.006, 0.0]
    """
    return jax.nn.softmax(log_kernel(sigma))


def prior_density(sigma: Array) -> Array:
    """The Gaussian density `[..., L, L]` of widths `[..., L]`, rows not normalised."""
    factor = 1 / (jnp.sqrt(2 * jnp.pi) * sigma)
    return factor[..., None] * jnp.exp(log_kernel(sigma))


def series(query: Array, key: Array, precision: Precision = "default") -> Array:
    """Series association: attention rows.

    Args:
        query: `[B, L, H, K]`.
        key: `[B, L, H, K]`.
        precision: Of the product (see `products.einsum`).

    Returns:
        `[B, H, L, L]`, rows summing to one.
    """
    scores = products.einsum("bihk,bjhk->bhij", query, key, precision)
    return jax.nn.softmax(scores / query.shape[-1] ** 0.5)


def kl(p: Array, q: Array, epsilon: Epsilon = "additive") -> Array:
    """Kullback-Leibler divergence of the rows of `p` from those of `q`.

    Args:
        p: `[..., L, L]`, rows summing to one.
        q: The same shape.
        epsilon: `additive`, 1e-4 inside both logarithms, as published; `clip`, both
            raised to at least 1e-7; `none`, to 1e-30. Rows are not normalised again.

    Returns:
        `[..., L]`; at most 9.2104 in the additive style, where it may fall slightly
        below 0.

    Example:
        >>> uniform = jnp.full((5, 5), 0.2)
        >>> [round(float(d), 4) for d in kl(uniform, prior(jnp.ones(5)))[:3]]
        [1.865, 0.7448, 0.2999]
    """
    if epsilon != "additive":
        floor = FLOORS[epsilon]
        p, q = jnp.maximum(p, floor), jnp.maximum(q, floor)
        return (p * (jnp.log(p) - jnp.log(q))).sum(-1)
    return (p * (jnp.log(p + ADDED) - jnp.log(q + ADDED))).sum(-1)


def divergence(
    series: Array,
    prior: Array,
    epsilon: Epsilon = "additive",
    direction: Direction = "symmetric",
) -> Array:
    """Divergence `[..., L]` between series and prior association, by direction.

    Args:
        series: `[..., L, L]`.
        prior: `[..., L, L]`.
        epsilon: See `kl`.
        direction: `forward`, KL(series || prior); `reverse`, KL(prior || series);
            `symmetric`, their sum, which is the paper's association discrepancy.
    """
    if direction == "forward":
        return kl(series, prior, epsilon)
    if direction == "reverse":
        return kl(prior, series, epsilon)
    return kl(series, prior, epsilon) + kl(prior, series, epsilon)


def symmetrised(series: Array, prior: Array, floor: float = 1e-8) -> Array:
    """Half the sum of both divergences `[..., L]`, the head-wise mode's discrepancy.

    Args:
        series: `[..., L, L]`.
        prior: The same shape.
        floor: Both are raised to at least this and not normalised again, which bounds
            the discrepancy by -log(floor); 1e-30 changes no entry that matters.

    Example:
        >>> uniform, ones = jnp.full((10, 10), 0.1), jnp.ones(10)
        >>> round(float(symmetrised(uniform, prior(ones), floor=1e-30).sum()), 4)
        39.0184
    """
    series, prior = jnp.maximum(series, floor), jnp.maximum(prior, floor)
    return 0.5 * ((series - prior) * (jnp.log(series) - jnp.log(prior))).sum(-1)


def discrepancy_weight(discrepancy: Array, temperature: float) -> Array:
    """Weights `[B, L]` summing to one per window, large where the discrepancy is low.

    Args:
        discrepancy: `[B, L]`, mean over heads and sum over layers.
        temperature: Multiplier of the discrepancy; the paper's code uses 50, at which
            most steps of a window have a weight below the least number of float32: 0.
    """
    return jax.nn.softmax(-temperature * discrepancy)


def row_weight(series: Array, prior: Array, temperature: float) -> Array:
    """The S+P weight as it was written down: uniform, since rows sum to one.

    Args:
        series: `[B, N, H, L, L]`.
        prior: `[B, N, H, L, L]`.
        temperature: Multiplier inside the softmax.

    Returns:
        `[B, L]`, 1/L everywhere.
    """
    return jax.nn.softmax(temperature * (series + prior).mean((1, 2, 4)))


def column_weight(series: Array, prior: Array, temperature: float) -> Array:
    """Weights `[B, L]` by the attention that each step receives in S + P.

    Args:
        series: `[B, N, H, L, L]`.
        prior: `[B, N, H, L, L]`.
        temperature: Multiplier inside the softmax.
    """
    received = (series + prior).mean((1, 2, 3)) * series.shape[-1]
    return jax.nn.softmax(temperature * received)
