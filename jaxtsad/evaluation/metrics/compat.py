"""Numbers as the TSB-AD benchmark computes them, quirks included, for comparison only.

Where they differ from the definitions in this package:

- Without flags, the adjusted, event, range and affiliation F1 are the best over 100
  thresholds evenly spaced between the least and the largest score, so they change
  under a monotone transform of the score. They are oracle numbers.
- Constants are added to denominators: 1e-5 in the oracle F1 (a perfect score gets
  0.999995), 1e-15 in two others.
- Point adjustment never fills index 0; event recall never looks at the last step.
- Affiliation is nan where nothing is flagged.
- Soft labels pile up from one buffer to the next when VUS is computed from flags.
- Boolean flags are misread as one range that never ends by the range-based F1.

Reference:
    Liu and Paparrizos, "The Elephant in the Room: Toward A Reliable Time-Series
    Anomaly Detection Benchmark", NeurIPS 2024.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import (
    affiliation,
    event,
    inputs,
    point,
    point_adjusted,
    range_based,
    sweep,
    vus,
)

GRID = 100


class FlagVus(NamedTuple):
    """Means over buffers of soft recall, precision and F1 of flags."""

    recall: float
    precision: float
    f1: float


def tsb_ad(
    labels: np.ndarray,
    scores: np.ndarray,
    flags: np.ndarray | None = None,
    *,
    length: int = 100,
    thresholds: int = 250,
) -> dict[str, float]:
    """The benchmark's nine metrics under its own names.

    Args:
        labels: `[T]` 0/1, both present.
        scores: `[T]`, higher is more anomalous.
        flags: `[T]` 0/1; None takes an oracle threshold for each metric.
        length: Largest VUS buffer in steps.
        thresholds: Number of VUS thresholds.

    Returns:
        The metrics by name.

    Raises:
        ValueError: If shapes differ, a score is not finite, or labels are not 0/1.
    """
    known, values = inputs.with_scores(labels, scores)
    volume = vus.vus(known, values, length=length, thresholds=thresholds)
    metrics = {
        "AUC-PR": point.auc_pr(known, values),
        "AUC-ROC": point.auc_roc(known, values),
        "VUS-PR": volume.pr,
        "VUS-ROC": volume.roc,
    }
    if flags is not None:
        return metrics | of_flags(known, flags)
    metrics["Standard-F1"] = oracle_f1(known, values)
    for name, metric in _BY_FLAGS.items():
        metrics[name] = best_on_grid(metric, known, values)
    return metrics


def of_flags(labels: np.ndarray, flags: np.ndarray) -> dict[str, float]:
    """The benchmark's five threshold-dependent metrics for given flags, by name."""
    known, predicted = inputs.with_flags(labels, flags)
    values = {name: metric(known, predicted) for name, metric in _BY_FLAGS.items()}
    return {"Standard-F1": point.f1(known, predicted), **values}


def oracle_f1(labels: np.ndarray, scores: np.ndarray) -> float:
    """Largest `2 P R / (P + R + 1e-5)` over every threshold."""
    known, values = inputs.with_scores(labels, scores)
    curve = sweep.sweep(values, known, ~known)
    precision, recall = curve.tp / (curve.tp + curve.fp), curve.tp / known.sum()
    return float(np.max(2 * precision * recall / (precision + recall + 1e-5)))


def best_on_grid(
    metric: Callable[[np.ndarray, np.ndarray], float],
    labels: np.ndarray,
    scores: np.ndarray,
) -> float:
    """Largest metric over 100 thresholds between the least and the largest score."""
    known, values = inputs.with_scores(labels, scores)
    grid = np.linspace(values.min(), values.max(), GRID)
    # Built-in max, as the reference: a nan at the last threshold, where nothing is
    # flagged, never wins.
    return float(max(metric(known, values > threshold) for threshold in grid))


def pa_f1(labels: np.ndarray, flags: np.ndarray) -> float:
    """Point-adjusted F1 without index 0."""
    return point_adjusted.pa_f1(labels, flags, compat=True)


def event_f1(labels: np.ndarray, flags: np.ndarray) -> float:
    """Composite F1, 1e-15 in the denominator, blind to an event on the last step."""
    known, predicted = inputs.with_flags(labels, flags)
    precision = point.precision(known, predicted)
    recall = event.event_recall(known, np.append(predicted[:-1], False))
    return 2 * recall * precision / (recall + precision + 1e-15)


def range_f1(labels: np.ndarray, flags: np.ndarray) -> float:
    """Range-based F1 with existence weight 0.2, flat bias, reciprocal cardinality."""
    return range_based.range_f1(labels, flags, alpha=0.2)


def affiliation_f1(labels: np.ndarray, flags: np.ndarray) -> float:
    """Affiliation F1 with 1e-15 in the denominator; nan where nothing is flagged."""
    result = affiliation.affiliation(labels, flags)
    if not result.predicted:
        return float("nan")
    total = result.precision + result.recall + 1e-15
    return 2 * result.precision * result.recall / total


def range_f1_of_booleans(labels: np.ndarray, flags: np.ndarray) -> float:
    """Range-based F1 of boolean flags, misread as one range from the first change on.

    It documents a number that was published; it measures nothing.
    """
    known, predicted = inputs.with_flags(labels, flags)
    changes = np.flatnonzero(predicted[1:] != predicted[:-1]) + 1
    if len(changes) == 0:
        return 0.0
    start, events = int(changes[0]), segments.segments(known)
    hits = point_adjusted.counts_within(events, predicted)
    touched = events[:, 1] > start
    overlap = np.where(touched, hits / (events[:, 1] - events[:, 0]), 0.0)
    recall = float(np.mean(0.2 * (hits > 0) + 0.8 * overlap))
    precision = float(np.mean(known[start:])) / max(int(touched.sum()), 1)
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def vus_of_flags(
    labels: np.ndarray, flags: np.ndarray, *, length: int = 100
) -> FlagVus:
    """Soft recall, precision and F1 of flags, mean over buffers.

    The soft labels of a buffer are added to those of the buffers before it, as the
    reference does, which makes the values up to a few hundredths too high.

    Args:
        labels: `[T]` 0/1, both present.
        flags: `[T]` 0/1, some of them 1.
        length: Largest buffer in steps.

    Returns:
        The three means; precision and F1 are nan where nothing is flagged.

    Raises:
        ValueError: If the two are not 0/1 arrays of one length.
    """
    known, predicted = inputs.with_flags(labels, flags)
    step, distance = vus.ramp_pairs(known, segments.segments(known), length // 2)
    soft, labeled = known.astype(np.float64), int(known.sum())
    flagged = int(predicted.sum())
    rows = np.empty((length + 1, 3))
    for buffer in range(length + 1):
        near = np.searchsorted(distance, buffer // 2, side="right")
        if near:
            ramp = np.sqrt(1 - distance[:near] / buffer)
            soft += np.bincount(step[:near], weights=ramp, minlength=len(known))
        soft = np.where(known, 1.0, np.where(predicted, np.minimum(soft, 1), 0.0))
        tp = float(soft[predicted].sum())
        recall = min(2 * tp / (labeled + float(soft.sum())), 1.0)
        precision = tp / flagged if flagged else float("nan")
        total = precision + recall
        f1 = 2 * precision * recall / total if total else 0.0
        rows[buffer] = recall, precision, f1
    return FlagVus(*(float(mean) for mean in rows.mean(axis=0)))


_BY_FLAGS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "PA-F1": pa_f1,
    "Event-based-F1": event_f1,
    "R-based-F1": range_f1,
    "Affiliation-F": affiliation_f1,
}
