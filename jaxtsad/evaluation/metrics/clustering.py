"""How well clusters agree with classes: accuracy by the best matching, and NMI."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn import metrics


class Agreement(NamedTuple):
    """Agreement of clusters with classes.

    Attributes:
        accuracy: Share of samples in the cluster matched to their class (ACC).
        nmi: Normalized mutual information, by the arithmetic mean of the entropies.
        nmi_geometric: The same by their geometric mean.
        ari: Adjusted Rand index.
    """

    accuracy: float
    nmi: float
    nmi_geometric: float
    ari: float


def contingency(labels: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Counts `[M, M]` by cluster and class, padded to a square.

    Args:
        labels: `[N]` classes, whole numbers from 0.
        clusters: `[N]` clusters, whole numbers from 0.

    Raises:
        ValueError: If the lengths differ, nothing is given or a number is negative.

    Example:
        >>> contingency(np.array([0, 0, 1]), np.array([1, 1, 0])).tolist()
        [[0, 1], [2, 0]]
    """
    labels, clusters = np.asarray(labels), np.asarray(clusters)
    if labels.shape != clusters.shape or labels.ndim != 1 or not labels.size:
        raise ValueError(
            f"{labels.shape=} and {clusters.shape=}; expected as many labels as "
            "clusters, at least one"
        )
    if min(labels.min(), clusters.min()) < 0:
        raise ValueError("classes and clusters must be numbered from 0")
    size = int(max(labels.max(), clusters.max())) + 1
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (clusters, labels), 1)
    return counts


def accuracy(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Accuracy under the best one-to-one matching of clusters to classes.

    Example:
        >>> y, c = [0, 0, 0, 1, 1, 1, 2, 2, 2], [1, 1, 0, 0, 0, 0, 2, 2, 2]
        >>> round(accuracy(np.array(y), np.array(c)), 6)
        0.888889
    """
    counts = contingency(labels, clusters)
    rows, columns = linear_sum_assignment(-counts)
    return float(counts[rows, columns].sum() / counts.sum())


def agreement(labels: np.ndarray, clusters: np.ndarray) -> Agreement:
    """All measures of agreement.

    Raises:
        ValueError: If the lengths differ, nothing is given or a number is negative.

    Example:
        >>> agreement(np.array([0, 1, 1]), np.array([1, 0, 0]))
        Agreement(accuracy=1.0, nmi=1.0, nmi_geometric=1.0, ari=1.0)
    """
    matched = accuracy(labels, clusters)
    nmi = metrics.normalized_mutual_info_score
    return Agreement(
        matched,
        float(nmi(labels, clusters)),
        float(nmi(labels, clusters, average_method="geometric")),
        float(metrics.adjusted_rand_score(labels, clusters)),
    )
