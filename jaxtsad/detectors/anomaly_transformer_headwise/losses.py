"""Losses of the head-wise Anomaly Transformer: which group moves the discrepancy where.

As the public notebook has it (`reversed`), the network lowers the discrepancy and the
widths of the prior raise it. In the paper (`paper`) it is the other way round.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeAlias

from jaxtsad.models import reconstruction as errors
from jaxtsad.types import Array

Direction: TypeAlias = Literal["reversed", "paper"]


class Outputs(Protocol):
    """What a loss reads of a network's output."""

    @property
    def reconstruction(self) -> Array:
        """`[B, L, C]`."""

    @property
    def series(self) -> Array:
        """`[B, N, L]`, discrepancy that moves everything but the prior."""

    @property
    def prior(self) -> Array:
        """`[B, N, L]`, discrepancy that moves the prior."""


class Terms(NamedTuple):
    """The terms of both losses, means over the windows of a batch.

    Attributes:
        reconstruction: Mean squared error.
        series: Discrepancy of a window, summed over its steps; moves the network.
        prior: The same; moves the prior.
    """

    reconstruction: Array
    series: Array
    prior: Array


def terms(values: Array, outputs: Outputs, weight: Array) -> Terms:
    """Means over windows weighted by `weight`; discrepancies are means over layers.

    Args:
        values: Windows `[B, L, C]`.
        outputs: The network's output for them.
        weight: `[B]`, 0 for padding.
    """
    return Terms(
        errors.mean_squared_error(outputs.reconstruction, values, weight),
        errors.mean(outputs.series.mean(1).sum(1), weight),
        errors.mean(outputs.prior.mean(1).sum(1), weight),
    )


def network_loss(terms: Terms, k: float, direction: Direction) -> Array:
    """Reconstruction plus (`paper`: less) `k` times the discrepancy.

    Example:
        >>> network_loss(Terms(1.0, 20.0, 20.0), 0.1, "reversed")
        3.0
    """
    return terms.reconstruction + _sign(direction) * k * terms.series


def prior_loss(terms: Terms, direction: Direction) -> Array:
    """The discrepancy that the prior lowers in the paper and raises in reverse.

    Example:
        >>> prior_loss(Terms(1.0, 20.0, 20.0), "reversed")
        -20.0
    """
    return -_sign(direction) * terms.prior


def _sign(direction: Direction) -> int:
    return 1 if direction == "reversed" else -1
