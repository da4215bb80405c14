"""Anomaly attention: mixed values and association divergences, in few passes.

`_reference` is the definition, in the words of `ops.association`. `attention_fused` and
`attention_tiled` compute the same with one logarithm per entry and backward passes
written by hand: the first keeps L x L arrays for the backward pass, the second keeps
nothing of that size and is what runs long windows.

Shape letters: B batch, L window length (i query, j key), H heads, K head width.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from jaxtsad.ops import association
from jaxtsad.ops.association import Direction, Epsilon
from jaxtsad.ops.attention_fused import fused
from jaxtsad.ops.attention_tiled import tiled
from jaxtsad.types import Array

Implementation: TypeAlias = Literal["auto", "reference", "fused", "tiled"]
IMPLEMENTATIONS: tuple[Implementation, ...] = ("auto", "reference", "fused", "tiled")
# Windows up to this many steps are kept whole by `auto`.
WHOLE = 512


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
        implementation: `reference`, `fused`, `tiled`, or `auto`: fused for windows of
            up to 512 steps, else tiled.

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
    if implementation == "auto":
        implementation = "fused" if query.shape[1] <= WHOLE else "tiled"
    run = fused if implementation == "fused" else tiled
    return Attended(
        *run(query, key, value, sigma, epsilon, series_direction, prior_direction)
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
