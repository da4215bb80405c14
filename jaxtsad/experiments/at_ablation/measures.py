"""Metrics of one score: areas, and F1 under three thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad import types
from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.metrics import affiliation, point, point_adjusted, vus
from jaxtsad.evaluation.thresholds.dynamic import transductive_dynamic

AREAS = ("auc_roc", "auc_pr", "vus_pr", "oracle_f1")
RULES = ("quantile", "pot", "dynamic")
FLAGGED = ("f1", "pa_f1", "affiliation_f1", "flagged")
GLUED = "glued"


def rows(
    scores: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    calibration: types.Scores,
    names: Sequence[str],
    **about: Any,
) -> list[dict[str, Any]]:
    """Measures one model's score on every entity, and on all of them end to end.

    Args:
        scores: `[T]` of each entity, higher is stranger and none below 0.
        labels: `[T]` 0/1 of each entity.
        calibration: What quantile and POT thresholds are fitted on.
        names: Of the entities.
        **about: What else each row says.

    Returns:
        A row per entity and one of `GLUED`. The dynamic threshold looks at the test
        scores and is named transductive elsewhere; here it is the key `dynamic`.
    """
    fitted = {kind: thresholds.fit(kind, calibration) for kind in RULES[:2]}
    found, flags = [], []
    for name, score, label in zip(names, scores, labels, strict=True):
        own = {kind: one.flags(score) for kind, one in fitted.items()}
        own["dynamic"] = transductive_dynamic(score).flags
        flags.append(own)
        found.append({**about, "entity": name, "metrics": measure(score, label, own)})
    together = {rule: np.concatenate([own[rule] for own in flags]) for rule in RULES}
    whole = measure(np.concatenate(scores), np.concatenate(labels), together)
    return [*found, {**about, "entity": GLUED, "metrics": whole}]


def measure(
    score: np.ndarray, label: np.ndarray, flags: dict[str, np.ndarray]
) -> dict[str, float]:
    """Areas of a score, and `rule/metric` of each rule's flags.

    Example:
        >>> label = np.repeat([0, 1, 0], [40, 10, 50])
        >>> found = measure(label * 1.0, label, {"quantile": label})
        >>> found["auc_pr"], found["quantile/f1"], found["quantile/flagged"]
        (1.0, 1.0, 0.1)
    """
    values = np.asarray(score, np.float64)
    found = {
        "auc_roc": point.auc_roc(label, values),
        "auc_pr": point.auc_pr(label, values),
        "vus_pr": vus.vus(label, values).pr,
        "oracle_f1": point.oracle_f1(label, values).value,
    }
    for rule, own in flags.items():
        near = affiliation.affiliation(label, own).f1 if label.any() else float("nan")
        found |= {
            f"{rule}/f1": point.f1(label, own),
            f"{rule}/pa_f1": point_adjusted.pa_f1(label, own),
            f"{rule}/affiliation_f1": near,
            f"{rule}/flagged": float(np.mean(own)),
        }
    return found
