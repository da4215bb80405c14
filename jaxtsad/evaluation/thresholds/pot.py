"""Peaks over threshold: extrapolates the tail of normal scores to a chosen risk.

Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017. The
paper's gamma and sigma are `Pareto.shape` and `Pareto.scale`, its z_q the threshold.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from jaxtsad import validation
from jaxtsad.evaluation.thresholds import gpd
from jaxtsad.validation import InnerShare

ENOUGH = 20
STEP = 0.005
LOWEST = 0.5
Level = Annotated[float, Field(ge=LOWEST, lt=1)]


class Peaks(NamedTuple):
    """The largest calibration scores.

    Attributes:
        initial: t, the order statistic at the level; also called initial threshold.
        excesses: `[N_t]`, score - t of the scores strictly above t.
        level: The level used, at most the one asked for.
    """

    initial: float
    excesses: np.ndarray
    level: float


@validation.options
def peaks(scores: np.ndarray, level: Level = 0.98) -> Peaks:
    """Finds the initial threshold and the excesses over it.

    Where fewer than 20 scores lie above, the level is lowered in steps of 0.005,
    down to 0.5.

    Args:
        scores: Calibration scores `[n]`, normal ones.
        level: Share of the scores below the initial threshold, in [0.5, 1).

    Returns:
        The initial threshold, excesses and level.

    Raises:
        ValueError: If `level` is outside [0.5, 1) or there are too few excesses.

    Example:
        >>> peaks(np.arange(1000.0), level=0.9).initial
        900.0
    """
    ordered = np.sort(scores)
    used = level
    while True:
        initial = float(ordered[int(used * len(ordered))])
        excesses = scores[scores > initial] - initial
        if len(excesses) >= ENOUGH:
            return Peaks(initial, excesses, used)
        if used - STEP < LOWEST:
            raise ValueError(
                f"POT needs {ENOUGH} calibration scores above a quantile of {LOWEST} "
                f"or more, got {len(excesses)} of {len(scores)}; use more calibration "
                "data or another kind of threshold"
            )
        used = round(used - STEP, 6)


def tail_threshold(
    tail: gpd.Pareto, initial: float, excesses: int, n: int, q: float
) -> float:
    """Score that normal data surpass with probability `q`.

    z = t + (sigma / gamma) ((q n / N_t)^(-gamma) - 1), or t - sigma ln(q n / N_t) for
    an exponential tail.

    Args:
        tail: Distribution of the excesses over t.
        initial: t.
        excesses: N_t.
        n: Number of scores, those below t included.
        q: Risk per step.

    Raises:
        ValueError: If `q` is not in (0, N_t / n): z would lie below t.
    """
    if not 0 < q < excesses / n:
        raise ValueError(
            f"{q=} must be in (0, N_t / n = {excesses / n:.6g}), the share of scores "
            "above the initial threshold; lower q or the level"
        )
    return initial + tail.excess(q * n / excesses)


@validation.options
def value(scores: np.ndarray, q: InnerShare = 1e-3, level: Level = 0.98) -> float:
    """Threshold that normal scores surpass with probability `q` at each step.

    Args:
        scores: Calibration scores `[n]`, normal ones only.
        q: Risk per step, below the share of scores above the initial threshold.
        level: Share of the scores below the initial threshold, in [0.5, 1).

    Returns:
        The threshold; the common value if all scores are equal.

    Raises:
        ValueError: If an option is out of range or the scores are too few.

    Example:
        >>> scores = np.random.default_rng(0).exponential(size=100_000)
        >>> abs(value(scores, q=1e-3) - 6.908) < 0.25
        True
    """
    if scores.min() == scores.max():
        return float(scores[0])
    initial, excesses, _ = peaks(scores, level)
    return tail_threshold(gpd.fit(excesses), initial, len(excesses), len(scores), q)
