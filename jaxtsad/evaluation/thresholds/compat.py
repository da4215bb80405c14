"""How TranAD and OmniAnomaly report POT: kept to check their published numbers.

Their streaming run is not dynamic: the first score above the *initial* threshold t
sets the threshold to t for good, and the evaluation averages the thresholds over the
test stream, labels, point adjustment and small constants included. What comes out is
close to t and hardly depends on the risk q. Do not use it for anything else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad import types
from jaxtsad.evaluation.segments import segments
from jaxtsad.evaluation.thresholds.threshold import finite, stream

EPSILON = 1e-5


class PotEvaluation(NamedTuple):
    """Counts and ratios of point-adjusted predictions, with 1e-5 in denominators.

    Attributes:
        threshold: Mean of the thresholds over the test stream.
        flags: `[T]` int8, adjusted; index 0 is never filled in.
        precision: TP / (TP + FP + 1e-5).
        recall: TP / (TP + FN + 1e-5).
        f1: 2 P R / (P + R + 1e-5).
        tp: True positives.
        tn: True negatives.
        fp: False positives.
        fn: False negatives.
        latency: Steps filled in backwards per detected event (plus 1e-4).
    """

    threshold: float
    flags: np.ndarray
    precision: float
    recall: float
    f1: float
    tp: int
    tn: int
    fp: int
    fn: int
    latency: float


def static_thresholds(
    scores: types.Scores | np.ndarray, initial: float, extreme: float
) -> np.ndarray:
    """Thresholds `[T]` of the static run.

    Args:
        scores: Test scores `[T]`.
        initial: t, the initial threshold.
        extreme: z, the extreme quantile.

    Returns:
        z until the first score above t, and t from that step on; the run's alarms are
        all scores above t.

    Example:
        >>> static_thresholds(np.array([0.0, 2.0, 0.0]), initial=1.0, extreme=5.0)
        array([5., 1., 1.])
    """
    above = np.maximum.accumulate(stream(scores) > initial)
    return np.where(above, float(initial), float(extreme))


def pot_eval(
    scores: types.Scores | np.ndarray,
    labels: np.ndarray,
    initial: float,
    extreme: float,
) -> PotEvaluation:
    """TranAD's and OmniAnomaly's evaluation of a POT run, with multiplier 1.

    Args:
        scores: Test scores `[T]`.
        labels: `[T]` 0/1.
        initial: t, the initial threshold.
        extreme: z, the extreme quantile.

    Returns:
        Their figures.

    Raises:
        ValueError: If labels and scores do not have the same shape.

    Example:
        >>> result = pot_eval(
        ...     np.array([0.0, 2.0, 0.0]), np.array([0, 1, 1]), initial=1.0, extreme=1.0
        ... )
        >>> result.flags, result.tp
        (array([0, 1, 1], dtype=int8), 2)
    """
    values, labels = stream(scores), finite(labels)
    if labels.shape != values.shape:
        raise ValueError(f"{labels.shape=}, expected {values.shape}")
    threshold = float(np.mean(static_thresholds(values, initial, extreme)))
    flags = values > threshold
    detected = filled = 0
    for start, stop in segments(labels):
        hits = np.flatnonzero(flags[start:stop])
        if hits.size:
            first = max(start, 1)
            detected += 1
            filled += max(0, int(start + hits[0] - first))
            flags[first:stop] = True
    actual = labels != 0
    tp, fp = int((flags & actual).sum()), int((flags & ~actual).sum())
    fn, tn = int((~flags & actual).sum()), int((~flags & ~actual).sum())
    precision = tp / (tp + fp + EPSILON)
    recall = tp / (tp + fn + EPSILON)
    f1 = 2 * precision * recall / (precision + recall + EPSILON)
    latency = filled / (detected + 1e-4)
    return PotEvaluation(
        threshold,
        flags.astype(np.int8),
        precision,
        recall,
        f1,
        tp,
        tn,
        fp,
        fn,
        latency,
    )
