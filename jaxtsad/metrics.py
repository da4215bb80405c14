"""Metrics by name: functions of true labels `[T]` and of scores or flags `[T]`.

Threshold-free ones take scores, higher is more anomalous; the others take flags. What
uses the test labels to choose a threshold says so: `oracle_f1`, `best_pa_f1`. Point
adjustment credits a whole event for one hit and is always named (`pa_`).

Example:
    >>> import numpy as np
    >>> labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.3, 0.9])
    >>> auc_roc(labels, scores)
    0.75
    >>> f1(labels, scores > 0.5)
    0.6666666666666666
"""

from __future__ import annotations

from jaxtsad.evaluation.metrics.affiliation import affiliation
from jaxtsad.evaluation.metrics.chance import (
    best_expected_pa,
    expected_pa,
    expected_pa_k_auc,
    expected_pa_k_curve,
)
from jaxtsad.evaluation.metrics.event import (
    alarms_per_1000,
    composite_f1,
    delay,
    event_recall,
    overlap_counts,
)
from jaxtsad.evaluation.metrics.pa_k import (
    pa_k_auc,
    pa_k_curve,
    pa_k_f1,
)
from jaxtsad.evaluation.metrics.point import (
    accuracy,
    auc_pr,
    auc_roc,
    confusion,
    f1,
    f_beta,
    oracle_f1,
    precision,
    recall,
)
from jaxtsad.evaluation.metrics.point_adjusted import adjust, best_pa_f1, pa_f1
from jaxtsad.evaluation.metrics.range_based import (
    range_f1,
    range_precision,
    range_recall,
)
from jaxtsad.evaluation.metrics.vus import vus

__all__ = [
    "accuracy",
    "adjust",
    "affiliation",
    "alarms_per_1000",
    "auc_pr",
    "auc_roc",
    "best_expected_pa",
    "best_pa_f1",
    "composite_f1",
    "confusion",
    "delay",
    "event_recall",
    "expected_pa",
    "expected_pa_k_auc",
    "expected_pa_k_curve",
    "f1",
    "f_beta",
    "oracle_f1",
    "overlap_counts",
    "pa_f1",
    "pa_k_auc",
    "pa_k_curve",
    "pa_k_f1",
    "precision",
    "range_f1",
    "range_precision",
    "range_recall",
    "recall",
    "vus",
]


def __dir__() -> list[str]:
    return list(__all__)
