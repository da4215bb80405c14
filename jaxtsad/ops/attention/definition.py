"""Anomaly attention as it is defined: short, readable, and what the rest is tested by.

Every array of L x L entries is made and kept, and gradients are JAX's own. It is also
what runs with dropout, whose mask has that size anyway.

Shape letters: B batch, L window length (i query, j key), H heads, K head width.
"""

from __future__ import annotations

import jax

from jaxtsad.ops import products
from jaxtsad.ops.attention import association
from jaxtsad.ops.attention.rows import DivergenceSpec
from jaxtsad.types import Array


def definition(
    query: Array,
    key: Array,
    value: Array,
    sigma: Array,
    spec: DivergenceSpec,
    mask: Array | None = None,
    mask_divergence: bool = True,
) -> tuple[Array, Array, Array]:
    """Mixes values by attention and measures it against a Gaussian prior.

    Args:
        query: `[B, L, H, K]`.
        key: `[B, L, H, K]`.
        value: `[B, L, H, K]`.
        sigma: `[B, H, L]` width of the prior in steps.
        spec: Which divergences.
        mask: `[B, H, L, L]` multiplier of the series association, or None.
        mask_divergence: Whether the divergences see the masked association.

    Returns:
        Values `[B, L, H, K]` and both divergences `[B, H, L]`: the one that moves the
        series and the one that moves the prior.
    """
    series = association.series(query, key, spec.precision)
    prior = association.prior(sigma)
    mixing = series if mask is None else series * mask
    values = products.einsum("bhij,bjhk->bihk", mixing, value, spec.precision)
    compared = mixing if mask_divergence else series
    fixed = jax.lax.stop_gradient
    by_series = association.divergence(
        compared, fixed(prior), spec.epsilon, spec.series_direction
    )
    by_prior = association.divergence(
        fixed(compared), prior, spec.epsilon, spec.prior_direction
    )
    return values.astype(value.dtype), by_series, by_prior
