"""Whether an explanation names the channels that are responsible for an event.

Channels are ranked by what they contribute; of channels that contribute equally each
counts as the mean of them, so that no order of channels is worth anything.

Reference:
    Su et al., "Robust Anomaly Detection for Multivariate Time Series through Stochastic
    Recurrent Neural Network", KDD 2019 (HitRate@P%). Jaervelin, Kekaelaeinen:
    "Cumulated gain-based evaluation of IR techniques", TOIS 2002 (NDCG); ties as
    McSherry and Najork, ECIR 2008.

Shape letters: C channels.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np


def hit_rate(
    contributions: np.ndarray, responsible: Collection[int], percent: int = 100
) -> float:
    """HitRate@P%: share of the responsible channels among the strongest ones.

    Args:
        contributions: `[C]`, higher contributes more.
        responsible: The G channels responsible, by place.
        percent: P; the strongest `G * P // 100` channels are looked at.

    Raises:
        ValueError: If no channel is responsible, one is none, or a contribution is not
            finite.

    Example:
        >>> hit_rate(np.array([5.0, 1.0, 4.0, 3.0]), [0, 3])
        0.5
        >>> hit_rate(np.array([5.0, 1.0, 4.0, 3.0]), [0, 3], percent=150)
        1.0
    """
    if percent < 1:
        raise ValueError(f"{percent=} must be at least 1")
    relevant = _ranked(contributions, responsible)
    looked_at = len(set(responsible)) * percent // 100
    return float(relevant[:looked_at].sum() / relevant.sum())


def ndcg(contributions: np.ndarray, responsible: Collection[int]) -> float:
    """Normalized discounted cumulative gain of the ranking of all channels, in (0, 1].

    Args:
        contributions: `[C]`, higher contributes more.
        responsible: The channels responsible, by place.

    Raises:
        ValueError: As `hit_rate`.

    Example:
        >>> round(ndcg(np.array([5.0, 1.0, 4.0, 3.0]), [0, 3]), 3)
        0.92
    """
    relevant = _ranked(contributions, responsible)
    discount = 1 / np.log2(np.arange(len(relevant)) + 2)
    ideal = discount[: len(set(responsible))].sum()
    return float((relevant * discount).sum() / ideal)


def _ranked(contributions: np.ndarray, responsible: Collection[int]) -> np.ndarray:
    """Relevance `[C]`, 1 for responsible, the strongest first, means where equal."""
    values = np.asarray(contributions, np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"{values.shape=} of contributions; expected [C], all finite")
    places = sorted(set(responsible))
    if not places or places[0] < 0 or places[-1] >= len(values):
        raise ValueError(f"responsible={places} must be places among {len(values)}")
    relevant = np.isin(np.arange(len(values)), places).astype(np.float64)
    _, group, count = np.unique(values, return_inverse=True, return_counts=True)
    means = np.bincount(group, relevant) / count
    ranked: np.ndarray = means[group][np.argsort(-values, kind="stable")]
    return ranked
