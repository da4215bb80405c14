"""How unusual statistics of a sample are, beside those of held-out normal samples.

Morningstar, Ham, Gallagher et al., "Density of States Estimation for
Out-of-Distribution Detection", AISTATS 2021: a sample is strange if a model explains it
too well as much as if it explains it badly. Here with one Gaussian for the statistics,
whose mean may depend linearly on what else is known of the sample, such as its
brightness, so that this alone does not count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ROUNDING = 1e-9
"""Share of a statistic's variance that can be float32's rounding."""


class Usual(NamedTuple):
    """The statistics of normal samples.

    Attributes:
        weights: `[1 + K, F]`, their expectation by a constant and the K known values.
        precision: `[F, F]`, the inverse covariance of what is left.
    """

    weights: np.ndarray
    precision: np.ndarray


def fit(statistics: np.ndarray, known: np.ndarray) -> Usual:
    """Learns what is usual.

    Args:
        statistics: `[N, F]` of normal samples that trained nothing.
        known: `[N, K]`, what the statistics' expectation may depend on; K may be 0.

    Raises:
        ValueError: If values are not finite, there are too few samples, or a statistic
            does not vary by itself.

    Example:
        >>> seen = np.random.default_rng(0).normal(size=(500, 2))
        >>> usual = fit(seen, np.empty((500, 0)))
        >>> unusual(usual, np.array([[0.0, 0.0], [3.0, 4.0]]), np.empty((2, 0))).round()
        array([ 0., 27.])
    """
    rows = _rows(statistics, known)
    spare = len(rows) - rows.shape[1]
    needed = statistics.shape[1]
    if spare < needed:
        raise ValueError(
            f"{len(rows)} normal samples are too few for {needed} statistics and "
            f"{known.shape[1]} known values, expected at least "
            f"{rows.shape[1] + needed}"
        )
    weights = np.linalg.lstsq(rows, statistics, rcond=None)[0]
    left = statistics - rows @ weights
    covariance = left.T @ left / spare
    spread = statistics.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    if np.linalg.eigvalsh(covariance / np.outer(scale, scale))[0] < ROUNDING:
        raise ValueError(
            "every statistic must vary among normal samples, and by more than what the "
            "others and the known values tell of it"
        )
    return Usual(weights, np.linalg.inv(covariance))


def unusual(usual: Usual, statistics: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distance `[N]` from what is usual; F for normal samples.

    Args:
        usual: What is.
        statistics: `[N, F]`.
        known: `[N, K]`.

    Raises:
        ValueError: If values are not finite.
    """
    left = statistics - _rows(statistics, known) @ usual.weights
    found: np.ndarray = np.einsum("nf,fg,ng->n", left, usual.precision, left)
    return found


def _rows(statistics: np.ndarray, known: np.ndarray) -> np.ndarray:
    for name, values in (("statistics", statistics), ("known", known)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite")
    return np.concatenate([np.ones((len(known), 1)), known], axis=1)
