"""Losses of the Anomaly Transformer: who moves, and in which direction.

The series phase raises the divergence through the series association, the prior phase
lowers it through the prior. The network gives each divergence in two copies, of which
one sends gradient to the series only and the other to the prior only; the signs and the
remaining stop-gradients are here.

Xu et al., "Anomaly Transformer", ICLR 2022, section 3.2. The paper's lambda is `k`; its
code's `loss1` is `series_phase`, `loss2` is `prior_phase` with reconstruction.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeAlias

import jax

from jaxtsad.ops.attention.association import Direction
from jaxtsad.types import Array

KlDirection: TypeAlias = Literal["symmetric", "sp_ps", "forward", "reverse"]
KL_DIRECTIONS: dict[KlDirection, tuple[Direction, Direction]] = {
    "symmetric": ("symmetric", "symmetric"),
    "sp_ps": ("forward", "reverse"),
    "forward": ("forward", "forward"),
    "reverse": ("reverse", "reverse"),
}
"""Directions of the series phase and of the prior phase."""


class Outputs(Protocol):
    """What a loss reads of a network's output."""

    @property
    def reconstruction(self) -> Array:
        """`[B, L, C]`."""

    @property
    def series(self) -> Array:
        """`[B, N, H, L]`, divergence that moves the series."""

    @property
    def prior(self) -> Array:
        """`[B, N, H, L]`, divergence that moves the prior."""


class Terms(NamedTuple):
    """The three terms of every loss, means over the windows of a batch.

    Attributes:
        reconstruction: Mean squared error.
        series: Divergence that moves the series.
        prior: Divergence that moves the prior.
    """

    reconstruction: Array
    series: Array
    prior: Array


def terms(values: Array, outputs: Outputs, weight: Array) -> Terms:
    """Means over windows weighted by `weight`, over layers, heads, steps and channels.

    Args:
        values: Windows `[B, L, C]`.
        outputs: The network's output for them.
        weight: `[B]`, 0 for padding.
    """
    share = weight / weight.sum()
    return Terms(
        share @ ((outputs.reconstruction - values) ** 2).mean((1, 2)),
        share @ outputs.series.mean((1, 2, 3)),
        share @ outputs.prior.mean((1, 2, 3)),
    )


def unstopped(divergence: Array, towards_partner: Array) -> Array:
    """A divergence whose gradient reaches both associations.

    Args:
        divergence: With its gradient to one of them.
        towards_partner: The same values with their gradient to the other.
    """
    return divergence + (towards_partner - jax.lax.stop_gradient(towards_partner))


def series_phase(terms: Terms, k: Array | float) -> Array:
    """Reconstruction less `k` times the divergence, raised through the series."""
    return terms.reconstruction - k * terms.series


def prior_phase(
    terms: Terms, k: Array | float, *, reconstruction: bool = True
) -> Array:
    """`k` times the divergence, lowered through the prior.

    Args:
        terms: Of the batch.
        k: Weight of the divergence.
        reconstruction: Adds the reconstruction error, as the published code does.
    """
    divergence = k * terms.prior
    return terms.reconstruction + divergence if reconstruction else divergence


def joint(terms: Terms, k: Array | float) -> Array:
    """Both phases in one: the gradient that two backward passes accumulate.

    The published step adds up the gradients of its two losses and takes one step of
    Adam, so reconstruction counts twice.
    """
    return series_phase(terms, k) + prior_phase(terms, k)
