"""Point-wise metrics: every step counts once, and nothing is adjusted.

Nothing is added to a denominator. Where a number has no meaning it is nan: recall and
F1 without a labeled step, areas under a curve with one class only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from jaxtsad.evaluation.metrics import inputs, sweep


class Confusion(NamedTuple):
    """Counts of steps: flagged and labeled, flagged only, labeled only, neither."""

    tp: int
    fp: int
    fn: int
    tn: int


def confusion(labels: np.ndarray, flags: np.ndarray) -> Confusion:
    """Counts true and false positives and negatives.

    Args:
        labels: `[T]` 0/1, 1 where the step is anomalous.
        flags: `[T]` 0/1, 1 where the step was flagged.

    Returns:
        The four counts.

    Raises:
        ValueError: If the two are not 0/1 arrays of one length.

    Example:
        >>> confusion(np.array([0, 1, 1, 0]), np.array([1, 1, 0, 0]))
        Confusion(tp=1, fp=1, fn=1, tn=1)
    """
    known, predicted = inputs.with_flags(labels, flags)
    tp = int(np.count_nonzero(known & predicted))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(known)) - tp
    return Confusion(tp, fp, fn, len(known) - tp - fp - fn)


def precision(labels: np.ndarray, flags: np.ndarray) -> float:
    """Share of flagged steps that are labeled; 0 where nothing is flagged."""
    return precision_of(confusion(labels, flags))


def recall(labels: np.ndarray, flags: np.ndarray) -> float:
    """Share of labeled steps that are flagged; nan where nothing is labeled."""
    return recall_of(confusion(labels, flags))


def accuracy(labels: np.ndarray, flags: np.ndarray) -> float:
    """Share of steps whose flag equals their label."""
    counts = confusion(labels, flags)
    return (counts.tp + counts.tn) / sum(counts)


def f1(labels: np.ndarray, flags: np.ndarray) -> float:
    """Harmonic mean of precision and recall; nan where nothing is labeled.

    Example:
        >>> f1(np.array([0, 1, 1, 0]), np.array([1, 1, 0, 0]))
        0.5
    """
    return f_beta(labels, flags, 1.0)


def f_beta(labels: np.ndarray, flags: np.ndarray, beta: float) -> float:
    """Weighted harmonic mean of precision and recall.

    Args:
        labels: `[T]` 0/1.
        flags: `[T]` 0/1.
        beta: Recall weighs `beta` times as much as precision.

    Returns:
        A value in [0, 1], or nan where nothing is labeled.
    """
    return f_beta_of(confusion(labels, flags), beta)


def precision_of(counts: Confusion) -> float:
    """Precision from counts; see `precision`."""
    predicted = counts.tp + counts.fp
    return counts.tp / predicted if predicted else 0.0


def recall_of(counts: Confusion) -> float:
    """Recall from counts; see `recall`."""
    known = counts.tp + counts.fn
    return counts.tp / known if known else float("nan")


def f_beta_of(counts: Confusion, beta: float = 1.0) -> float:
    """F-beta from counts; see `f_beta`."""
    if counts.tp + counts.fn == 0:
        return float("nan")
    weight = beta * beta
    hits = (1 + weight) * counts.tp
    return hits / (hits + weight * counts.fn + counts.fp)


def auc_roc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve: how often an anomalous step outranks a normal one.

    Ties count one half (mid-ranks), so a constant score gets 0.5.

    Args:
        labels: `[T]` 0/1.
        scores: `[T]`, higher is more anomalous.

    Returns:
        A value in [0, 1]; nan where only one class is present.

    Raises:
        ValueError: If shapes differ or a score is not finite.

    Example:
        >>> auc_roc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.75
    """
    known, values = inputs.with_scores(labels, scores)
    positives = int(np.count_nonzero(known))
    negatives = len(known) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    ranks = stats.rankdata(values)[known]
    # Centerd on the mean rank, so that the sum loses no digits over long series.
    excess = float(np.sum(ranks - (len(known) + 1) / 2))
    return 0.5 + excess / (positives * negatives)


def auc_pr(labels: np.ndarray, scores: np.ndarray) -> float:
    """Average precision: the area under the precision-recall steps.

    Distinct thresholds are taken in decreasing order with ties in one group, each
    adding `(recall gained) * precision`. Its chance level is the share of labeled
    steps.

    Args:
        labels: `[T]` 0/1.
        scores: `[T]`, higher is more anomalous.

    Returns:
        A value in (0, 1]; nan where only one class is present.

    Raises:
        ValueError: If shapes differ or a score is not finite.

    Example:
        >>> round(auc_pr(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])), 6)
        0.833333
    """
    curve = _curve(labels, scores)
    if curve is None:
        return float("nan")
    gained = np.diff(curve.tp, prepend=0.0) / curve.tp[-1]
    return float(np.sum(gained * curve.tp / (curve.tp + curve.fp)))


def oracle_f1(labels: np.ndarray, scores: np.ndarray) -> sweep.Oracle:
    """Largest F1 over every threshold, and that threshold.

    It has seen the labels, hence the name. It can never be below the all-positive
    value `2 p / (1 + p)` for a labeled share p.

    Args:
        labels: `[T]` 0/1.
        scores: `[T]`, higher is more anomalous.

    Returns:
        The F1 and a threshold just below the lowest flagged score, so that
        `scores > threshold` reproduces it; both nan where nothing is labeled.

    Raises:
        ValueError: If shapes differ or a score is not finite.

    Example:
        >>> best = oracle_f1(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        >>> round(best.value, 6), round(best.threshold, 6)
        (0.8, 0.35)
    """
    known, values = inputs.with_scores(labels, scores)
    curve = sweep.sweep(values, known, ~known)
    return sweep.best_f1(curve, int(np.count_nonzero(known)))


def _curve(labels: np.ndarray, scores: np.ndarray) -> sweep.Sweep | None:
    known, values = inputs.with_scores(labels, scores)
    if known.all() or not known.any():
        return None
    return sweep.sweep(values, known, ~known)
