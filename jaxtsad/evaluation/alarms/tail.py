"""The largest scores of normal data: how often events come that are as high.

Calibration scores above a level, joined over gaps of their correlation time, are runs
(see `rules`); the largest scores of runs, less the level, are excesses. Runs come at a
rate per step, excesses follow a generalized Pareto distribution (Davison and Smith,
"Models for Exceedances over High Thresholds", J. R. Stat. Soc. B 52(3), 1990). Few
calibration steps say little of either, so neither is a single number: a rate of events
is the mean over all rates and distributions, weighted by likelihood and prior (a gamma
distribution of rates by Jeffreys' prior; shapes by a normal one, scales by one that is
uniform in their logarithm). Fewer steps give heavier tails and so higher thresholds.

Shape letters: P peaks, G shapes and scales, K quantiles.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from jaxtsad.evaluation.alarms.correlation import correlation_time
from jaxtsad.evaluation.alarms.rules import Rules, find

LEVELS = (0.98, 0.95, 0.9, 0.8)
"""Quantiles of the calibration scores that runs may lie above, tried in this order."""
PEAKS, RATE = 20, 0.02
"""Runs that are enough, and per step."""
MOST_GAP = 4
"""Longest gap that is joined over: long ones join what budgets count one by one."""
SHAPE, SHAPE_SPREAD = 0.5, 0.5
"""Mean and standard deviation of the prior of the shape: scores have heavy tails."""
SHAPES = np.linspace(-0.5, 1.2, 35)
SCALES = np.exp(np.linspace(-3.0, 3.5, 66))
"""In units of the mean excess."""
JEFFREYS = 0.5
QUANTILES = 201
DRAWS = 4000
CHUNK = 512
ALIKE = 1e-3
"""Share of a score by which others differ that are the same but for rounding."""


@dataclasses.dataclass(frozen=True, eq=False)
class Tail:
    """What is known of the scores of normal data.

    Attributes:
        steps: Number n of calibration scores.
        level: Score above which runs lie.
        share: Share of the steps whose score is above it.
        gap: Steps below the level over which runs are joined.
        excesses: `[P]`, largest score of each run less `level`, increasing; P may be 0.
        quantiles: `[K]`, scores at even shares of the calibration steps.
    """

    steps: int
    level: float
    share: float
    gap: int
    excesses: np.ndarray
    quantiles: np.ndarray

    @property
    def rate(self) -> float:
        """Expected runs per step."""
        return (len(self.excesses) + JEFFREYS) / self.steps

    @property
    def independent(self) -> int:
        """Number of steps that tell as much as the calibration steps, independent.

        Steps above the level come in runs; so many fewer are independent (the extremal
        index of Leadbetter, "Extremes and local dependence in stationary sequences",
        Z. Wahrsch. verw. Gebiete 65, 1983).
        """
        if not len(self.excesses):
            return self.steps
        return max(1, min(self.steps, round(len(self.excesses) / self.share)))

    @functools.cached_property
    def posterior(self) -> _Posterior | None:
        """Distributions that fit the excesses; None where there are none."""
        return _posterior(self.excesses) if len(self.excesses) else None

    def events_per_step(self, scores: np.ndarray) -> np.ndarray:
        """Expected events of normal data per step whose peak is above each score `[N]`.

        Of scores at or below the level it is the rate of runs.
        """
        above = np.maximum(np.asarray(scores, np.float64) - self.level, 0.0)
        if self.posterior is None:
            return np.where(above > 0, JEFFREYS / self.steps, self.rate)
        return self.rate * self.posterior.beyond(above)

    def score_of(self, rate: float) -> float:
        """The score that events of normal data surpass at a rate per step.

        At least the level: more often than they do no runs come.
        """
        if self.posterior is None:
            return self.level
        return self.level + self.posterior.excess(rate / self.rate)

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Share of the steps of normal data whose score is higher, for each `[N]`.

        Up to the level it is that of the calibration steps; above, it falls with the
        tail of the runs.
        """
        values = np.asarray(scores, np.float64)
        shares = 1 - np.linspace(0, 1, len(self.quantiles))
        # Of equal quantiles the last: as many steps are not higher.
        place = np.searchsorted(self.quantiles, values, side="right")
        low = np.clip(place - 1, 0, len(shares) - 2)
        width = self.quantiles[low + 1] - self.quantiles[low]
        part = np.where(
            width > 0,
            (values - self.quantiles[low]) / np.where(width > 0, width, 1.0),
            1.0,
        )
        part = np.clip(part, 0, 1)
        body = shares[low] + part * (shares[low + 1] - shares[low])
        body = np.where(values < self.quantiles[0], 1.0, body)
        tail = self.share * self.events_per_step(values) / self.rate
        return np.where(values > self.level, tail, np.maximum(body, self.share))

    def rules(self, opens: float, **changes: int) -> Rules:
        """Event rules with a level at which events open.

        Args:
            opens: Score above which an event opens.
            **changes: Other values for `gap`, `shortest` or `cool_down`.
        """
        return Rules(opens, min(opens, self.level), **{"gap": self.gap} | changes)

    def event_probability(self, scores: np.ndarray) -> np.ndarray:
        """Probability that 1000 normal steps hold an event as high as each `[N]`."""
        return -np.expm1(-1000 * self.events_per_step(scores))

    def expected(self, score: float, steps: float) -> tuple[int, int]:
        """Events above a score that so many normal steps will hold, nine times in ten.

        What few calibration steps leave open is counted in.
        """
        random = np.random.default_rng(0)
        rates = random.gamma(len(self.excesses) + JEFFREYS, 1 / self.steps, DRAWS)
        if self.posterior is not None:
            rates = rates * self.posterior.draws(random, score - self.level)
        low, high = np.quantile(random.poisson(rates * steps), [0.05, 0.95])
        return int(low), int(high)


def fit(scores: np.ndarray, gap: int | None = None) -> Tail:
    """Learns the tail of calibration scores.

    Args:
        scores: `[n]` finite, of normal data in order of time.
        gap: Steps over which runs are joined; None for the correlation time less 1, at
            most 4. Of independent samples it is 0.

    Returns:
        The tail. Its level is the highest of four quantiles above which there are 20
        runs and twenty in 1000 steps, or where none has as many, that with most runs.
        Where all scores are alike, as of constant data, it is above them all.

    Example:
        >>> tail = fit(np.random.default_rng(0).exponential(size=20_000))
        >>> tail.gap, bool(abs(tail.score_of(1e-3) - np.log(1000)) < 0.3)
        (0, True)
    """
    values = np.asarray(scores, np.float64)
    if gap is None:
        gap = min(correlation_time(values) - 1, MOST_GAP)
    best: tuple[float, np.ndarray] | None = None
    for share in LEVELS:
        level = float(np.quantile(values, share))
        made = Rules(level, level, gap)
        excesses = np.array([run.score - level for run in find(made, values)])
        if best is None or len(excesses) > len(best[1]):
            best = (level, excesses)
        if len(excesses) >= PEAKS and len(excesses) >= RATE * len(values):
            break
    assert best is not None
    level, excesses = best
    high = float(values.max())
    if high - float(values.min()) <= ALIKE * abs(high):
        level, excesses = high + ALIKE * abs(high), np.zeros(0)
    quantiles = np.quantile(values, np.linspace(0, 1, QUANTILES))
    share = float(np.mean(values > level))
    return Tail(len(values), level, share, gap, np.sort(excesses), quantiles)


class _Posterior(NamedTuple):
    """Generalized Pareto distributions `[G]` with their probability.

    Attributes:
        shape: `[G]`.
        scale: `[G]`.
        weight: `[G]`, sums to 1.
    """

    shape: np.ndarray
    scale: np.ndarray
    weight: np.ndarray

    def beyond(self, excesses: np.ndarray) -> np.ndarray:
        """Probability of an excess above each of `[N]`."""
        flat = np.ravel(excesses)
        parts = [
            _log_beyond(self.shape, self.scale, flat[i : i + CHUNK, None])
            for i in range(0, len(flat), CHUNK)
        ]
        if not parts:
            return np.zeros(np.shape(excesses))
        shares = np.concatenate([np.exp(part) @ self.weight for part in parts])
        return shares.reshape(np.shape(excesses))

    def excess(self, share: float) -> float:
        """Excess that is surpassed with a probability; 0 where that is 1 or more."""
        if share >= 1:
            return 0.0
        low, high = 0.0, float(self.scale.mean())
        while self.beyond(np.array([high]))[0] > share:
            low, high = high, 2 * high
        while high - low > 1e-9 * high:
            middle = (low + high) / 2
            if self.beyond(np.array([middle]))[0] > share:
                low = middle
            else:
                high = middle
        return high

    def draws(self, random: np.random.Generator, excess: float) -> np.ndarray:
        """Draws `[DRAWS]` of the probability of an excess above one."""
        chosen = random.choice(len(self.weight), DRAWS, p=self.weight)
        above = np.array(max(excess, 0.0))
        return np.exp(_log_beyond(self.shape[chosen], self.scale[chosen], above))


def _posterior(excesses: np.ndarray) -> _Posterior:
    mean = float(excesses.mean())
    shape, scale = (grid.ravel() for grid in np.meshgrid(SHAPES, SCALES, indexing="ij"))
    log = -0.5 * ((shape - SHAPE) / SHAPE_SPREAD) ** 2
    for first in range(0, len(excesses), CHUNK):
        y = excesses[first : first + CHUNK, None] / mean
        # density: survival ** (1 + shape) / scale
        survival = _log_beyond(shape, scale, y)
        with np.errstate(invalid="ignore"):
            density = (1 + shape) * survival - np.log(scale)
        log = log + density.sum(axis=0)
    weight = np.exp(log - log.max())
    kept = weight > 1e-12
    weight = weight[kept] / weight[kept].sum()
    return _Posterior(shape[kept], scale[kept] * mean, weight)


def _log_beyond(shape: np.ndarray, scale: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Logarithm of the probability of an excess above y."""
    units = y / scale
    flat = np.abs(shape) < 1e-9
    safe = np.where(flat, 1.0, shape)
    with np.errstate(divide="ignore"):
        curved = -np.log(np.maximum(1 + safe * units, 0.0)) / safe
    # A tail that is bounded: beyond its end the logarithm was taken of 0.
    return np.where(flat, -units, np.where(1 + safe * units > 0, curved, -np.inf))
