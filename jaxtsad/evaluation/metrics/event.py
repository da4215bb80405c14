"""Event-wise metrics: every true event counts once, however long it is.

References:
    Hundman et al., "Detecting Spacecraft Anomalies Using LSTMs and Nonparametric
    Dynamic Thresholding", KDD 2018, for the counts by overlap. Garg et al., "An
    Evaluation of Anomaly Detection and Diagnosis in Multivariate Time Series", TNNLS
    2022, for the composite F1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import inputs, point, point_adjusted


class EventCounts(NamedTuple):
    """Detected events, false alarms (as events) and missed events."""

    tp: int
    fp: int
    fn: int


def overlap_counts(
    labels: np.ndarray, flags: np.ndarray, *, compat: bool = False
) -> EventCounts:
    """Counts events by overlap.

    A true event with any flagged step is detected, once, however many flagged events
    hit it. A flagged event that touches no true one is a false alarm.

    Args:
        labels: `[T]` 0/1.
        flags: `[T]` 0/1.
        compat: A flagged event that spans several true ones detects the first only.

    Returns:
        The counts.

    Raises:
        ValueError: If the two are not 0/1 arrays of one length.

    Example:
        >>> overlap_counts(np.array([1, 1, 0, 1, 0, 0]), np.array([0, 1, 1, 1, 0, 1]))
        EventCounts(tp=2, fp=1, fn=0)
    """
    known, predicted = inputs.with_flags(labels, flags)
    events, alarms = segments.segments(known), segments.segments(predicted)
    touching = point_adjusted.counts_within(alarms, known) > 0
    if compat:
        first = np.searchsorted(events[:, 1], alarms[touching, 0], side="right")
        detected = len(np.unique(first))
    else:
        hits = point_adjusted.counts_within(events, predicted)
        detected = int(np.count_nonzero(hits))
    false = len(alarms) - int(np.count_nonzero(touching))
    return EventCounts(detected, false, len(events) - detected)


def event_recall(labels: np.ndarray, flags: np.ndarray) -> float:
    """Share of true events with any flagged step; nan where nothing is labeled."""
    counts = overlap_counts(labels, flags)
    events = counts.tp + counts.fn
    return counts.tp / events if events else float("nan")


def composite_f1(labels: np.ndarray, flags: np.ndarray) -> float:
    """Harmonic mean of event recall and point-wise precision.

    Long events do not dominate, and flagging everything does not pay.

    Args:
        labels: `[T]` 0/1.
        flags: `[T]` 0/1.

    Returns:
        A value in [0, 1]; nan where nothing is labeled.

    Raises:
        ValueError: If the two are not 0/1 arrays of one length.

    Example:
        >>> composite_f1(np.array([0, 1, 1, 0, 1]), np.array([0, 0, 1, 0, 0]))
        0.6666666666666666
    """
    recall, precision = event_recall(labels, flags), point.precision(labels, flags)
    if np.isnan(recall):
        return float("nan")
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def delay(labels: np.ndarray, flags: np.ndarray) -> float:
    """Mean number of steps from an event's start to its first flag.

    Args:
        labels: `[T]` 0/1.
        flags: `[T]` 0/1.

    Returns:
        The mean over detected events, in steps; nan where none is detected. A detector
        that misses the hard events gets a small delay: read it with event recall.

    Raises:
        ValueError: If the two are not 0/1 arrays of one length.
    """
    known, predicted = inputs.with_flags(labels, flags)
    events = segments.segments(known)
    steps = np.flatnonzero(predicted)
    position = np.searchsorted(steps, events[:, 0])
    first = np.append(steps, len(known))[position]
    detected = first < events[:, 1]
    if not detected.any():
        return float("nan")
    return float(np.mean(first[detected] - events[detected, 0]))


def alarms_per_1000(labels: np.ndarray, flags: np.ndarray) -> float:
    """False alarms, as events, per 1000 normal steps.

    Args:
        labels: `[T]` 0/1.
        flags: `[T]` 0/1.

    Returns:
        Flagged events that touch no true one, per 1000 steps that are not labeled;
        nan where every step is labeled.

    Raises:
        ValueError: If the two are not 0/1 arrays of one length.
    """
    normal = int(np.count_nonzero(~inputs.binary(labels, "labels")))
    if normal == 0:
        return float("nan")
    return 1000 * overlap_counts(labels, flags).fp / normal
