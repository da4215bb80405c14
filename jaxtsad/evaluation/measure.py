"""Every metric of one recording, side by side, so that none can stand alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from jaxtsad.evaluation.metrics import (
    affiliation,
    event,
    inputs,
    pa_k,
    point,
    point_adjusted,
    range_based,
    vus,
)

SCORE_KEYS = (
    "auc_roc",
    "auc_pr",
    "vus_roc",
    "vus_pr",
    "oracle_f1",
    "oracle_threshold",
)
FLAG_KEYS = (
    "precision",
    "recall",
    "f1",
    "accuracy",
    "pa_f1",
    "pa_k20_f1",
    "pa_k_auc",
    "event_f1",
    "range_f1",
    "affiliation_precision",
    "affiliation_recall",
    "affiliation_f1",
    "delay",
    "alarms_per_1000",
)
SAMPLE_SCORE_KEYS = ("auc_roc", "auc_pr", "oracle_f1", "oracle_threshold")
SAMPLE_FLAG_KEYS = ("precision", "recall", "f1", "accuracy")
LOWER_IS_BETTER = frozenset({"delay", "alarms_per_1000"})

_WITHOUT_EVENTS = frozenset({"accuracy", "alarms_per_1000"})


def measure(
    labels: np.ndarray,
    scores: np.ndarray,
    flags: np.ndarray | None = None,
    *,
    vus_length: int = 100,
    compat: bool = False,
) -> dict[str, float]:
    """All metrics of one recording's scores, and of its flags where given.

    `auc_*` and `vus_*` rank scores; `oracle_*` has seen the labels; the rest judges
    the flags. `pa_*` are adjusted and mean nothing without the same metrics of a random
    score, see `baselines`.

    Args:
        labels: `[T]` 0/1, 1 where the step is anomalous.
        scores: `[T]`, higher is more anomalous, all finite.
        flags: `[T]` 0/1, `scores > threshold`; None leaves out what needs them.
        vus_length: Largest buffer of VUS, in steps.
        compat: Point adjustment leaves index 0 alone, as papers' code does.

    Returns:
        `SCORE_KEYS`, and `FLAG_KEYS` where flags are given. A value is nan where it has
        no meaning, never a stand-in: everything but accuracy and alarms_per_1000 where
        nothing is labeled; the areas and alarms_per_1000 where everything is; delay
        where nothing is detected.

    Raises:
        ValueError: If shapes differ, a score is not finite (its step is named), or a
            label or flag is not 0 or 1.

    Example:
        >>> labels = np.array([0, 0, 0, 1, 1, 0, 0, 0])
        >>> scores = np.array([0.1, 0.2, 0.1, 0.4, 0.9, 0.3, 0.1, 0.2])
        >>> metrics = measure(labels, scores, scores > 0.5)
        >>> metrics["auc_pr"], metrics["recall"], metrics["pa_f1"], metrics["delay"]
        (1.0, 0.5, 1.0, 1.0)
    """
    known, values = inputs.with_scores(labels, scores)
    volume = vus.vus(known, values, length=vus_length)
    metrics = _ranking(known, values)
    metrics["vus_roc"], metrics["vus_pr"] = volume.roc, volume.pr
    metrics = {key: metrics[key] for key in SCORE_KEYS}
    if flags is None:
        return metrics
    near = affiliation.affiliation(known, flags)
    judged = _pointwise(known, flags) | {
        "pa_f1": point_adjusted.pa_f1(known, flags, compat=compat),
        "pa_k20_f1": pa_k.pa_k_f1(known, flags, 20),
        "pa_k_auc": pa_k.pa_k_auc(known, flags),
        "event_f1": event.composite_f1(known, flags),
        "range_f1": range_based.range_f1(known, flags),
        "affiliation_precision": near.precision,
        "affiliation_recall": near.recall,
        "affiliation_f1": near.f1,
        "delay": event.delay(known, flags),
        "alarms_per_1000": event.alarms_per_1000(known, flags),
    }
    return metrics | _defined(judged, known)


def measure_samples(
    labels: np.ndarray, scores: np.ndarray, flags: np.ndarray | None = None
) -> dict[str, float]:
    """The metrics of independent samples (images, table rows), which have no events.

    Args:
        labels: `[N]` 0/1.
        scores: `[N]`, higher is more anomalous, all finite.
        flags: `[N]` 0/1, or None.

    Returns:
        `SAMPLE_SCORE_KEYS`, and `SAMPLE_FLAG_KEYS` where flags are given; nan as in
        `measure`.

    Raises:
        ValueError: As `measure`.
    """
    known, values = inputs.with_scores(labels, scores)
    metrics = _ranking(known, values)
    if flags is None:
        return metrics
    return metrics | _defined(_pointwise(known, flags), known)


def macro(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric over recordings, every recording counting the same.

    Args:
        rows: What `measure` returned, one per recording.

    Returns:
        Means by key over the recordings where it is defined; nan where it never is.

    Example:
        >>> macro([{"f1": 0.5}, {"f1": float("nan")}, {"f1": 1.0}])
        {'f1': 0.75}
    """
    keys = dict.fromkeys(key for row in rows for key in row)
    means = {}
    for key in keys:
        values = [row[key] for row in rows if not math.isnan(row.get(key, math.nan))]
        means[key] = sum(values) / len(values) if values else math.nan
    return means


def _ranking(known: np.ndarray, values: np.ndarray) -> dict[str, float]:
    oracle = point.oracle_f1(known, values)
    return {
        "auc_roc": point.auc_roc(known, values),
        "auc_pr": point.auc_pr(known, values),
        "oracle_f1": oracle.value,
        "oracle_threshold": oracle.threshold,
    }


def _pointwise(known: np.ndarray, flags: np.ndarray) -> dict[str, float]:
    counts = point.confusion(known, flags)
    return {
        "precision": point.precision_of(counts),
        "recall": point.recall_of(counts),
        "f1": point.f_beta_of(counts),
        "accuracy": (counts.tp + counts.tn) / sum(counts),
    }


def _defined(judged: dict[str, float], known: np.ndarray) -> dict[str, float]:
    """Without a labeled step even a zero would be a silent number."""
    if known.any():
        return judged
    return {
        key: value if key in _WITHOUT_EVENTS else math.nan
        for key, value in judged.items()
    }
