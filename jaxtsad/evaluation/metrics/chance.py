"""What flags drawn at random get: the row that every adjusted number stands beside.

With every step flagged independently with probability q, an event of m steps is hit
with probability `1 - (1 - q)^m`, so long events make noise look excellent once a hit
credits the whole event. Ratios are of expected counts.

Reference:
    Kim et al., "Toward a Rigorous Evaluation of Time-Series Anomaly Detection",
    AAAI 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import inputs, pa_k

KEYS = tuple(
    "auc_roc auc_pr precision recall f1 accuracy pa_f1 pa_k20_f1 pa_k_auc event_f1 "
    "delay alarms_per_1000".split()
)


class ExpectedPA(NamedTuple):
    """What random flags get after adjustment, from expected counts."""

    share: float
    precision: float
    recall: float
    f1: float


def expected(labels: np.ndarray, share: float) -> dict[str, float]:
    """Expected metrics of random flags, for the metrics that have a closed form.

    Args:
        labels: `[T]` 0/1.
        share: q, the share of flagged steps, in [0, 1].

    Returns:
        By metric key; nan where nothing or everything is labeled. `auc_pr` is its
        limit for long series.

    Raises:
        ValueError: If `share` is outside [0, 1].

    Example:
        >>> values = expected(np.repeat([0, 1, 0, 0], 25), share=0.1)
        >>> values["precision"], values["recall"], round(values["pa_f1"], 3)
        (0.25, 0.1, 0.833)
    """
    known = inputs.binary(labels, "labels")
    rate = float(np.mean(known))
    if rate in (0.0, 1.0):
        return dict.fromkeys(KEYS, float("nan"))
    adjusted = expected_pa(known, share)
    events = segments.segments(known)
    lengths = events[:, 1] - events[:, 0]
    event_recall = float(np.mean(1 - (1 - share) ** lengths))
    values = (
        0.5,
        rate,
        rate if share else 0.0,
        share,
        2 * rate * share / (rate + share),
        rate * share + (1 - rate) * (1 - share),
        adjusted.f1,
        float(expected_pa_k_curve(known, share, [20])[0]),
        expected_pa_k_auc(known, share),
        2 * rate * event_recall / (rate + event_recall),
        _expected_delay(lengths, share),
        _expected_alarms(known, share),
    )
    return dict(zip(KEYS, values, strict=True))


def expected_pa(labels: np.ndarray, share: float) -> ExpectedPA:
    """Adjusted precision, recall and F1 of flags drawn at random.

    With every step flagged independently with probability q, an event of m steps is
    credited with probability `1 - (1 - q)^m`: `E[TP] = sum m (1 - (1 - q)^m)`,
    `E[FP] = q (T - n)` for n labeled steps; the ratios are of these expectations.

    Args:
        labels: `[T]` 0/1.
        share: q, the share of flagged steps, in [0, 1].

    Returns:
        The expectations; nan where nothing is labeled.

    Raises:
        ValueError: If `share` is outside [0, 1].

    Example:
        >>> labels = np.zeros(10_000)
        >>> labels[2_000:3_000] = 1
        >>> round(expected_pa(labels, 0.01).f1, 6)
        0.956916
    """
    if not 0 <= share <= 1:
        raise ValueError(f"{share=} must be in [0, 1]")
    known = inputs.binary(labels, "labels")
    events = segments.segments(known)
    return _expected(events[:, 1] - events[:, 0], len(known), float(share))


def best_expected_pa(labels: np.ndarray) -> ExpectedPA:
    """The share at which random flags get their largest expected adjusted F1.

    Args:
        labels: `[T]` 0/1.

    Returns:
        The expectations at that share; nan where nothing is labeled.
    """
    known = inputs.binary(labels, "labels")
    events = segments.segments(known)
    lengths = events[:, 1] - events[:, 0]
    if len(lengths) == 0:
        return _expected(lengths, len(known), float("nan"))
    grid = np.geomspace(0.01 / len(known), 1, 400)
    values = [_expected(lengths, len(known), q).f1 for q in grid]
    best = int(np.argmax(values))
    around = np.log(grid[max(best - 1, 0)]), np.log(grid[min(best + 1, 399)])
    optimum = optimize.minimize_scalar(
        lambda log_q: -_expected(lengths, len(known), np.exp(log_q)).f1,
        bounds=around,
        method="bounded",
        options={"xatol": 1e-9},
    )
    share = (
        float(np.exp(optimum.x)) if -optimum.fun > values[best] else float(grid[best])
    )
    return _expected(lengths, len(known), share)


def expected_pa_k_curve(
    labels: np.ndarray, share: float, levels: Sequence[float] = pa_k.LEVELS
) -> np.ndarray:
    """F1 after PA%K of flags drawn at random, from expected counts.

    The number of flags in an event of m steps is binomial, so with r as above
    `E[TP] = sum m P(n >= r) + E[n; n < r]`.

    Args:
        labels: `[T]` 0/1.
        share: q, the share of flagged steps, in [0, 1].
        levels: Values of K in percent.

    Returns:
        `[K]` F1 of the expected counts; nan where nothing is labeled.

    Raises:
        ValueError: If `share` is outside [0, 1] or a level outside [0, 100].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"{share=} must be in [0, 1]")
    known = inputs.binary(labels, "labels")
    events = segments.segments(known)
    lengths = (events[:, 1] - events[:, 0])[None, :]
    needed = pa_k.needed_flags(lengths[0], pa_k.checked(levels))
    credited = lengths * stats.binom.sf(needed - 1, lengths, share)
    single = lengths * share * stats.binom.cdf(needed - 2, lengths - 1, share)
    alarms = share * (len(known) - lengths.sum())
    return pa_k.f1_of((credited + single).sum(axis=1), alarms, lengths.sum())


def expected_pa_k_auc(
    labels: np.ndarray, share: float, levels: Sequence[float] = pa_k.LEVELS
) -> float:
    """Area under the expected F1 of random flags; see `expected_pa_k_curve`."""
    return pa_k.area(expected_pa_k_curve(labels, share, levels), levels)


def _expected(lengths: np.ndarray, steps: int, share: float) -> ExpectedPA:
    labeled = int(lengths.sum())
    if labeled == 0:
        return ExpectedPA(share, float("nan"), float("nan"), float("nan"))
    hits = float(np.sum(lengths * (1 - (1 - share) ** lengths)))
    alarms = share * (steps - labeled)
    precision = hits / (hits + alarms) if hits + alarms > 0 else 0.0
    f1 = 2 * hits / (hits + alarms + labeled)
    return ExpectedPA(share, precision, hits / labeled, f1)


def _expected_delay(lengths: np.ndarray, share: float) -> float:
    """Steps to the first flag of an event, given that there is one."""
    if share == 0:
        return float("nan")
    missed = 1 - share
    before = missed * (1 - missed**lengths) / share - lengths * missed**lengths
    return float(np.sum(before) / np.sum(1 - missed**lengths))


def _expected_alarms(known: np.ndarray, share: float) -> float:
    """Flagged runs that touch no event, per 1000 normal steps.

    Runs begin with probability q (1 - q) per normal step, q at the very first; those
    that begin in a gap of g steps and run on into the next event do not count.
    """
    gaps = segments.segments(~known)
    lengths = gaps[:, 1] - gaps[:, 0]
    first, followed = gaps[:, 0] == 0, gaps[:, 1] < len(known)
    begun = share * (1 - share) * lengths + np.where(first, share**2, 0)
    joined = share**2 * np.where(first, 1, 1 - share**lengths)
    return float(1000 * np.sum(begun - followed * joined) / np.sum(lengths))
