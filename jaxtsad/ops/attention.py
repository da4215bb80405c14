"""Anomaly attention: mixed values and association divergences, in few passes.

`_reference` is the definition, in the words of `ops.association`. `_fused` computes the
same with one logarithm per entry and a backward pass written by hand, and is what runs.

Shape letters: B batch, L window length (i query, j key), H heads, K head width.
"""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero

from jaxtsad.ops import association
from jaxtsad.ops.association import Direction, Epsilon
from jaxtsad.types import Array

Implementation: TypeAlias = Literal["auto", "reference", "fused"]
IMPLEMENTATIONS: tuple[Implementation, ...] = ("auto", "reference", "fused")
SWAPPED: dict[Direction, Direction] = {
    "symmetric": "symmetric",
    "forward": "reverse",
    "reverse": "forward",
}


class Attended(NamedTuple):
    """What anomaly attention gives.

    Attributes:
        values: `[B, L, H, K]`, values mixed by the series association.
        series: `[B, H, L]`, divergence whose gradient reaches query and key only.
        prior: `[B, H, L]`, divergence whose gradient reaches sigma only.
    """

    values: Array
    series: Array
    prior: Array


def anomaly_attention(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    *,
    epsilon: Epsilon = "additive",
    series_direction: Direction = "symmetric",
    prior_direction: Direction = "symmetric",
    mask: Array | None = None,
    mask_divergence: bool = True,
    implementation: Implementation = "auto",
) -> Attended:
    """Mixes values by attention and measures it against a Gaussian prior.

    Softmax and divergences are float32 whatever the inputs are. Both divergences are
    per head and step; they differ in who receives their gradient, and in direction
    where that is asked for.

    Args:
        query: `[B, L, H, K]`.
        key: `[B, L, H, K]`.
        value: `[B, L, H, K]`.
        sigma: `[B, H, L]` width of the prior in steps.
        epsilon: How logarithms are kept finite (see `association.kl`).
        series_direction: Direction of the divergence that moves the series.
        prior_direction: Direction of the divergence that moves the prior.
        mask: `[B, H, L, L]` multiplier of the series association (dropout), or None.
            With a mask the reference implementation runs.
        mask_divergence: Whether the divergences see the masked association.
        implementation: `reference`, `fused`, or `auto` for the fastest.

    Raises:
        ValueError: If a choice is unknown.

    Example:
        >>> x = jnp.ones((1, 5, 2, 3))
        >>> out = anomaly_attention(x, x, x, jnp.ones((1, 2, 5)))
        >>> out.values.shape, [round(float(d), 4) for d in out.series[0, 0, :2]]
        ((1, 5, 2, 3), [2.5555, 1.1028])

    Reference:
        Xu et al., "Anomaly Transformer", ICLR 2022, equations 2 to 4.
    """
    for name, choice, choices in (
        ("epsilon", epsilon, association.EPSILONS),
        ("series_direction", series_direction, association.DIRECTIONS),
        ("prior_direction", prior_direction, association.DIRECTIONS),
        ("implementation", implementation, IMPLEMENTATIONS),
    ):
        if choice not in choices:
            raise ValueError(f"{name}={choice!r} is not one of {', '.join(choices)}")
    if mask is not None or implementation == "reference":
        directions = (series_direction, prior_direction)
        return _reference(
            query, key, value, sigma, epsilon, directions, mask, mask_divergence
        )
    return Attended(
        *_fused(query, key, value, sigma, epsilon, series_direction, prior_direction)
    )


def _reference(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    epsilon: Epsilon,
    directions: tuple[Direction, Direction],
    mask: Array | None,
    mask_divergence: bool,
) -> Attended:
    series = association.series(query, key)
    prior = association.prior(sigma)
    mixing = series if mask is None else series * mask
    values = jnp.einsum("bhij,bjhk->bihk", mixing, value)
    compared = mixing if mask_divergence else series
    fixed = jax.lax.stop_gradient
    return Attended(
        values,
        association.divergence(compared, fixed(prior), epsilon, directions[0]),
        association.divergence(fixed(compared), prior, epsilon, directions[1]),
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5, 6))
def _fused(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    epsilon: Epsilon,
    series_direction: Direction,
    prior_direction: Direction,
) -> tuple[Array, Array, Array]:
    series = _softmax(_heads_first(query), _heads_first(key))
    mixed = _mix(series, _heads_first(value))
    prior = _prior(sigma)
    return (
        _heads_first(mixed),
        _rows(series, prior, epsilon, series_direction),
        _rows(series, prior, epsilon, prior_direction),
    )


def _fused_forward(
    query_: CustomVJPPrimal,
    key_: CustomVJPPrimal,
    value_: CustomVJPPrimal,
    sigma_: CustomVJPPrimal,
    epsilon: Epsilon,
    series_direction: Direction,
    prior_direction: Direction,
) -> tuple[tuple[Array, Array, Array], tuple[Array, ...]]:
    query, key, value = (_heads_first(x.value) for x in (query_, key_, value_))
    sigma = sigma_.value
    series = _softmax(query, key)
    mixed = _mix(series, value)
    prior = _prior(sigma)
    out = (
        _heads_first(mixed),
        _rows(series, prior, epsilon, series_direction),
        _rows(series, prior, epsilon, prior_direction),
    )
    slope = prior * _slope(prior, series, epsilon, SWAPPED[prior_direction])
    distance = jnp.broadcast_to(
        association.squared_distance(sigma.shape[-1]), prior.shape
    )
    spread = (prior * distance).sum(-1)
    pull = ((slope * distance).sum(-1) - slope.sum(-1) * spread) / sigma**3
    return out, (query, key, value, series, mixed, sigma, pull)


def _fused_backward(
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
        to_mixed = _heads_first(to_values)
        to_value = _heads_first(jnp.einsum("bhij,bhik->bhjk", series, to_mixed))
        falls.append(jnp.einsum("bhik,bhjk->bhij", to_mixed, value))
        totals.append((to_mixed * mixed).sum(-1))
    if not isinstance(to_series, SymbolicZero):
        slope = _slope(series, _prior(sigma), epsilon, series_direction)
        falls.append(to_series[..., None] * slope)
        totals.append(to_series * (series * slope).sum(-1))
    if not falls:
        return None, None, None, to_sigma
    level = sum(falls[1:], falls[0]) - sum(totals[1:], totals[0])[..., None]
    to_scores = series * level * query.shape[-1] ** -0.5
    to_query = jnp.einsum("bhij,bhjk->bhik", to_scores, key)
    to_key = jnp.einsum("bhij,bhik->bhjk", to_scores, query)
    return _heads_first(to_query), _heads_first(to_key), to_value, to_sigma


_fused.defvjp(_fused_forward, _fused_backward, symbolic_zeros=True)


def _heads_first(x: Array) -> Array:
    """Swaps `[B, L, H, K]` and `[B, H, L, K]`."""
    return x.transpose(0, 2, 1, 3)


def _softmax(query: Array, key: Array) -> Array:
    query = query * query.shape[-1] ** -0.5
    scores = jnp.einsum(
        "bhik,bhjk->bhij", query, key, preferred_element_type=jnp.float32
    )
    return jax.nn.softmax(scores)


def _mix(series: Array, value: Array) -> Array:
    return jnp.einsum("bhij,bhjk->bhik", series.astype(value.dtype), value)


def _prior(sigma: Array) -> Array:
    kernel = jnp.exp(association.log_kernel(sigma))
    return kernel * (1 / kernel.sum(-1, keepdims=True))


def _lift(
    own: Array, other: Array, epsilon: Epsilon
) -> tuple[Array, Array, Array, Array]:
    """Both associations as factors, then as arguments of the logarithm."""
    if epsilon == "clip":
        own = jnp.maximum(own, association.FLOOR)
        other = jnp.maximum(other, association.FLOOR)
        return own, other, own, other
    return own, other, own + association.ADDED, other + association.ADDED


def _rows(series: Array, prior: Array, epsilon: Epsilon, direction: Direction) -> Array:
    """`association.divergence` with one logarithm, of the ratio."""
    own, other, lifted, other_lifted = _lift(series, prior, epsilon)
    log_ratio = jnp.log(lifted / other_lifted)
    if direction == "forward":
        return (own * log_ratio).sum(-1)
    if direction == "reverse":
        return -(other * log_ratio).sum(-1)
    return ((own - other) * log_ratio).sum(-1)


def _slope(own: Array, other: Array, epsilon: Epsilon, direction: Direction) -> Array:
    """Derivative of the divergence with respect to `own`, entry by entry.

    `direction` is `forward` where `own` is the first argument of the divergence.
    """
    gate = own > association.FLOOR
    own, other, lifted, other_lifted = _lift(own, other, epsilon)
    if direction == "reverse":
        slope = -other / lifted
    else:
        ratio = other_lifted / lifted
        first = 1 - ratio if direction == "symmetric" else own / lifted
        slope = first - jnp.log(ratio)
    return jnp.where(gate, slope, 0.0) if epsilon == "clip" else slope
