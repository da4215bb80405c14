"""Point adjustment (PA): one hit credits the whole event.

It makes noise look excellent: an event of m steps is credited with probability
`1 - (1 - q)^m` by a detector that flags every step at random with probability q. So
an adjusted number never stands without what noise gets on the same labels, see
`chance`.

References:
    Xu et al., "Unsupervised Anomaly Detection via Variational Auto-Encoder for
    Seasonal KPIs in Web Applications", WWW 2018. Kim et al., "Toward a Rigorous
    Evaluation of Time-Series Anomaly Detection", AAAI 2022.
"""

from __future__ import annotations

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import inputs, point, sweep


def adjust(
    flags: np.ndarray, labels: np.ndarray, *, compat: bool = False
) -> np.ndarray:
    """Flags every step of each true event that has at least one flag.

    Args:
        flags: `[T]` 0/1 predictions; not changed in place.
        labels: `[T]` 0/1.
        compat: Leave index 0 as it was, as the widely copied backward loop does.

    Returns:
        `[T]` bool.

    Raises:
        ValueError: If the two are not 0/1 arrays of one length.

    Example:
        >>> adjust(np.array([1, 0, 0, 0, 1]), np.array([0, 0, 1, 1, 1])).astype(int)
        array([1, 0, 1, 1, 1])
    """
    known, predicted = inputs.with_flags(labels, flags)
    events = segments.segments(known)
    hits = counts_within(events, predicted)
    adjusted = predicted | segments.flags_of(events[hits > 0], len(known))
    if compat:
        adjusted[0] = predicted[0]
    return adjusted


def counts_within(events: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Number of flagged steps inside each event `[E, 2]`, as `[E]` int64."""
    total = np.concatenate([[0], np.cumsum(flags, dtype=np.int64)])
    return total[events[:, 1]] - total[events[:, 0]]


def pa_f1(labels: np.ndarray, flags: np.ndarray, *, compat: bool = False) -> float:
    """F1 after point adjustment; nan where nothing is labeled."""
    return point.f1(labels, adjust(flags, labels, compat=compat))


def best_pa_f1(labels: np.ndarray, scores: np.ndarray) -> sweep.Oracle:
    """Largest point-adjusted F1 over every threshold, and that threshold.

    Once its largest score is flagged an event counts in full, so sorting one number
    per event together with the normal scores suffices: `O(T log T)`.

    Args:
        labels: `[T]` 0/1.
        scores: `[T]`, higher is more anomalous.

    Returns:
        The F1 and a threshold that attains it; both nan where nothing is labeled.

    Raises:
        ValueError: If shapes differ or a score is not finite.
    """
    known, values = inputs.with_scores(labels, scores)
    events = segments.segments(known)
    if len(events) == 0:
        return sweep.Oracle(float("nan"), float("nan"))
    peaks = segments.reduce_within(np.maximum, values, events)
    lengths = events[:, 1] - events[:, 0]
    normal = values[~known]
    curve = sweep.sweep(
        np.concatenate([peaks, normal]),
        np.concatenate([lengths, np.zeros(len(normal), np.int64)]),
        np.concatenate([np.zeros(len(peaks)), np.ones(len(normal))]),
    )
    return sweep.best_f1(curve, int(lengths.sum()))
