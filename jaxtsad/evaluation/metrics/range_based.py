"""Range-based precision and recall: how much of each range is covered, and where.

For a real range R and the predicted ranges P_1 .. P_m that overlap it,
`recall(R) = alpha [m > 0] + (1 - alpha) gamma sum_j omega(R, R n P_j)`; omega is the
positional weight of the overlap as a share of all of R. Recall is the mean over real
ranges; precision swaps the roles, without the existence term.

Reference:
    Tatbul et al., "Precision and Recall for Time Series", NeurIPS 2018. Our `bias` is
    their delta, `cardinality` their gamma.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import inputs

# Sum of the weights of positions 1 .. k in a range of n steps.
_BEFORE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "flat": lambda k, n: k,
    "front": lambda k, n: k * n - k * (k - 1) / 2,
    "back": lambda k, n: k * (k + 1) / 2,
    "middle": lambda k, n: np.where(
        2 * k <= n + 1,
        k * (k + 1) / 2,
        np.floor((n + 1) ** 2 / 4) - (n - k) * (n - k + 1) / 2,
    ),
}
CARDINALITIES = ("one", "reciprocal")


def range_recall(
    labels: np.ndarray,
    flags: np.ndarray,
    *,
    alpha: float = 0.0,
    bias: str = "flat",
    cardinality: str = "reciprocal",
) -> float:
    """Mean over real ranges of their existence and overlap reward.

    Args:
        labels: `[T]` 0/1.
        flags: `[T]` 0/1.
        alpha: Weight of being hit at all, in [0, 1].
        bias: Where in a range overlap counts most: "flat" everywhere the same,
            "front" n - i + 1, "back" i, "middle" min(i, n - i + 1), for position i
            of n.
        cardinality: "one", or "reciprocal": divide by the number of predicted ranges
            that share a real one.

    Returns:
        A value in [0, 1]; nan where nothing is labeled.

    Raises:
        ValueError: On an unknown option or arrays that do not match.

    Example:
        >>> labels = np.array([0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0])
        >>> flags = np.array([0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1])
        >>> range_recall(labels, flags), range_recall(labels, flags, cardinality="one")
        (0.375, 0.5)
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"{alpha=} must be in [0, 1]")
    known, predicted = inputs.with_flags(labels, flags)
    overlap, shared = _rewards(known, predicted, bias, cardinality)
    if len(overlap) == 0:
        return float("nan")
    return float(np.mean(alpha * (shared > 0) + (1 - alpha) * overlap))


def range_precision(
    labels: np.ndarray,
    flags: np.ndarray,
    *,
    bias: str = "flat",
    cardinality: str = "reciprocal",
) -> float:
    """Mean over predicted ranges of their overlap with real ones; 0 without any.

    Args:
        labels: `[T]` 0/1.
        flags: `[T]` 0/1.
        bias: As in `range_recall`, within a predicted range.
        cardinality: As in `range_recall`.

    Returns:
        A value in [0, 1].

    Raises:
        ValueError: On an unknown option or arrays that do not match.
    """
    known, predicted = inputs.with_flags(labels, flags)
    overlap, _ = _rewards(predicted, known, bias, cardinality)
    return float(np.mean(overlap)) if len(overlap) else 0.0


def range_f1(
    labels: np.ndarray,
    flags: np.ndarray,
    *,
    alpha: float = 0.0,
    bias: str = "flat",
    cardinality: str = "reciprocal",
) -> float:
    """Harmonic mean of range-based precision and recall; nan where nothing is labeled.

    Libraries differ in the default cardinality ("one" in some) and in alpha (0.2 in
    some), so a range-based F1 says little without both.
    """
    recall = range_recall(
        labels, flags, alpha=alpha, bias=bias, cardinality=cardinality
    )
    precision = range_precision(labels, flags, bias=bias, cardinality=cardinality)
    if np.isnan(recall):
        return float("nan")
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _rewards(
    ranges: np.ndarray, others: np.ndarray, bias: str, cardinality: str
) -> tuple[np.ndarray, np.ndarray]:
    """Overlap reward of every range `[R]` and how many others share it `[R]`."""
    if bias not in _BEFORE:
        raise ValueError(f"{bias=} is unknown; the choices are {', '.join(_BEFORE)}")
    if cardinality not in CARDINALITIES:
        raise ValueError(
            f"{cardinality=} is unknown; the choices are {', '.join(CARDINALITIES)}"
        )
    owners = segments.segments(ranges)
    # A run of steps inside both kinds lies in exactly one range of each.
    pieces = segments.segments(ranges & others)
    owner = np.searchsorted(owners[:, 0], pieces[:, 0], side="right") - 1
    start, length = owners[owner, 0], owners[owner, 1] - owners[owner, 0]
    before = _BEFORE[bias]
    share = before(pieces[:, 1] - start, length) - before(pieces[:, 0] - start, length)
    reward = np.bincount(
        owner, weights=share / before(length, length), minlength=len(owners)
    )
    shared = np.bincount(owner, minlength=len(owners))
    factor = 1 / np.maximum(shared, 1) if cardinality == "reciprocal" else 1.0
    return reward * factor, shared
