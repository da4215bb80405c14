"""How sure a number is: over seeds, over entities, and against a baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jaxtsad.evaluation import measure

# With n pairs all of one sign a two-sided sign test reaches 5 % from n = 6 on; the
# bootstrap interval of fewer pairs is too narrow to be believed.
FEWEST_PAIRS = 6


class Estimate(NamedTuple):
    """A mean with its spread.

    Attributes:
        mean: Mean of the defined values.
        sd: Their standard deviation (n - 1 in the denominator).
        low: Lower end of the interval of the mean.
        high: Upper end.
        n: How many values were defined (not nan).
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int


class Verdict(NamedTuple):
    """What a comparison may claim, and the interval of the difference behind it."""

    text: str
    difference: Estimate


def over_seeds(values: np.ndarray, *, level: float = 0.95) -> Estimate:
    """Mean, standard deviation and Student-t interval of a few repetitions.

    Args:
        values: `[S]`, one per seed; nan is left out.
        level: Coverage of the interval, in (0, 1).

    Returns:
        The estimate; sd and interval are nan with fewer than two values.

    Raises:
        ValueError: If `level` is outside (0, 1).

    Example:
        >>> estimate = over_seeds(np.array([0.5, 0.6, 0.7]))
        >>> round(estimate.mean, 3), round(estimate.low, 3), round(estimate.high, 3)
        (0.6, 0.352, 0.848)
    """
    _check(level)
    known = _defined(values)
    mean, sd = _moments(known)
    half = math.nan
    if len(known) > 1:
        # Importing it takes longer than loading and scoring do.
        from scipy import stats

        quantile = stats.t.ppf((1 + level) / 2, len(known) - 1)
        half = float(quantile * sd / math.sqrt(len(known)))
    return Estimate(mean, sd, mean - half, mean + half, len(known))


def bootstrap(
    values: np.ndarray, *, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> Estimate:
    """Mean over entities with a percentile bootstrap interval.

    Entities are drawn with replacement, because it is to other entities that a result
    should carry over; seeds of one entity are no independent evidence.

    Args:
        values: `[E]` one value per entity, or `[S, E]` with seeds, which are averaged
            first. nan is left out.
        level: Coverage of the interval, in (0, 1).
        draws: Number of resamples.
        seed: Of the resampling; equal seeds give equal intervals.

    Returns:
        The estimate; the interval is nan with fewer than two entities.

    Raises:
        ValueError: If `level` is outside (0, 1) or `draws` is below 1.
    """
    _check(level)
    if draws < 1:
        raise ValueError(f"{draws=} must be at least 1")
    known = _defined(_per_entity(values))
    mean, sd = _moments(known)
    if len(known) < 2:
        return Estimate(mean, sd, math.nan, math.nan, len(known))
    generator = np.random.default_rng(seed)
    drawn = generator.integers(len(known), size=(draws, len(known)))
    means = known[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(mean, sd, float(low), float(high), len(known))


def paired_bootstrap(
    first: np.ndarray,
    second: np.ndarray,
    *,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """Mean difference `first - second` over the same entities, with its interval.

    Args:
        first: `[E]` or `[S, E]`.
        second: `[E]` or `[S', E]`; entity e is the same as in `first`.
        level: Coverage of the interval, in (0, 1).
        draws: Number of resamples.
        seed: Of the resampling.

    Returns:
        The estimate over the entities where both are defined.

    Raises:
        ValueError: If the numbers of entities differ, or as `bootstrap`.
    """
    ours, theirs = _per_entity(first), _per_entity(second)
    if len(ours) != len(theirs):
        raise ValueError(
            f"paired values need the same entities, got {len(ours)} and {len(theirs)}"
        )
    return bootstrap(ours - theirs, level=level, draws=draws, seed=seed)


def verdict(
    values: Mapping[str, np.ndarray],
    baselines: Mapping[str, Mapping[str, np.ndarray]],
    *,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> dict[str, dict[str, Verdict]]:
    """What may be claimed of a detector against each baseline, metric by metric.

    Args:
        values: The detector's metrics, each `[E]` or `[S, E]`.
        baselines: By baseline name ("random", "pca"), its metrics of the same entities.
        level: Coverage of the intervals, in (0, 1).
        draws: Number of resamples.
        seed: Of the resampling.

    Returns:
        `result[metric][baseline]`: "better than <baseline>", "worse than <baseline>",
        or "not distinguishable" where the interval of the paired difference contains 0
        or fewer than six entities have both numbers. Thresholds are not compared; for
        delay and alarms_per_1000 lower is better.

    Raises:
        ValueError: If the numbers of entities differ, or as `bootstrap`.

    Example:
        >>> ours = {"vus_pr": np.array([0.6, 0.7, 0.5, 0.8, 0.6, 0.7])}
        >>> random = {"vus_pr": np.array([0.1, 0.2, 0.1, 0.1, 0.2, 0.1])}
        >>> verdict(ours, {"random": random})["vus_pr"]["random"].text
        'better than random'
    """
    claims: dict[str, dict[str, Verdict]] = {}
    for metric, ours in values.items():
        if metric.endswith("threshold"):
            continue
        claims[metric] = {}
        for name, baseline in baselines.items():
            if metric not in baseline:
                continue
            difference = paired_bootstrap(
                ours, baseline[metric], level=level, draws=draws, seed=seed
            )
            claims[metric][name] = Verdict(_claim(metric, name, difference), difference)
    return claims


def _claim(metric: str, name: str, difference: Estimate) -> str:
    sign = -1 if metric in measure.LOWER_IS_BETTER else 1
    if difference.n >= FEWEST_PAIRS:
        if sign * difference.low > 0 and sign * difference.high > 0:
            return f"better than {name}"
        if sign * difference.low < 0 and sign * difference.high < 0:
            return f"worse than {name}"
    return "not distinguishable"


def _check(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"{level=} must be in (0, 1)")


def _per_entity(values: np.ndarray) -> np.ndarray:
    """Mean over seeds `[E]`, of the defined ones; nan where none is."""
    table = np.atleast_2d(np.asarray(values, np.float64))
    known = ~np.isnan(table)
    count = known.sum(axis=0)
    total = np.where(known, table, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def _defined(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64).ravel()
    return values[~np.isnan(values)]


def _moments(known: np.ndarray) -> tuple[float, float]:
    mean = float(known.mean()) if len(known) else math.nan
    return mean, float(known.std(ddof=1)) if len(known) > 1 else math.nan
