"""Says when and in which channels a stream is no longer what was fitted on.

Every value becomes the share of remembered normal steps (`pipeline.memory`) that are
lower, every score the share of calibration steps whose score is lower, so that all lie
in [0, 1] and no unit counts. Steps of one period belong together: what is tested are
means over blocks as long as the main period or correlation time of the channel, in
units of how blocks of normal steps differ. The test is that of Page and Hinkley (E. S.
Page, "Continuous Inspection Schemes", Biometrika 41, 1954) of the library river, which
has seen the normal blocks before. Nothing adapts: what to do is up to whoever is told.
"""

from __future__ import annotations

import importlib
import math
from typing import Any, NamedTuple

import numpy as np

from jaxtsad.evaluation.alarms.correlation import correlation_time
from jaxtsad.evaluation.metrics.period import dominant_period
from jaxtsad.pipeline.members import Fitted
from jaxtsad.streaming import causal

SCORE = "score"
SHORTEST = 8
"""Steps of a block, at least."""
ALLOWED = 0.5
"""Deviations by which blocks may differ for long."""
FURTHEST = 4.0
"""A block counts as at most so many deviations away: one anomaly is no drift."""
UNKNOWN = 3.0
"""Deviations of independent steps that blocks have where too few are known."""
LEAST = 8
"""Blocks of normal steps that tell how blocks differ."""


class Drift(NamedTuple):
    """A change that was found.

    Attributes:
        step: Step at which it was found, counted from 0.
        since: Step from which on later values count, about.
        channel: Name of the channel, or "score".
        before: Mean rank of the steps before among those fitted on, in [0, 1]; normal
            is 0.5.
        after: Mean rank since.
    """

    step: int
    since: int
    channel: str
    before: float
    after: float

    @property
    def words(self) -> str:
        """A line to read."""
        return (
            f"drift of {self.channel} since step {self.since} or so: mean rank "
            f"{self.before:.2f} before, {self.after:.2f} since (found at step "
            f"{self.step})"
        )


class DriftMonitor:
    """Watches values and scores of one entity for drift.

    Args:
        fitted: The members, of which one watches the entity; causal ones
            (`streaming.causal`) for scores of a stream.
        channels: Names of the channels.
        member: Which member.
        error: Drifts told of normal data in 1,000 blocks, of all channels together, as
            far as blocks are independent and normally distributed.

    Raises:
        ValueError: If `error` is no probability, river is not installed, or the
            detector was saved without what it is compared with.
    """

    def __init__(
        self,
        fitted: Fitted,
        channels: list[str],
        member: int = 0,
        error: float = 0.01,
    ) -> None:
        if not 0 < error < 1000:
            raise ValueError(f"{error=} must be above 0 and below 1000")
        if not fitted.remembered or not fitted.tails:
            raise ValueError(
                "this detector was saved by a version that kept nothing to compare "
                "with; fit it again"
            )
        try:
            drift = importlib.import_module("river.drift")
        except ImportError:
            raise ValueError(
                "watching for drift needs river: pip install 'jaxtsad[drift]'"
            ) from None
        self.channels = [*channels, SCORE]
        self.step = 0
        normal = fitted.remembered[member].fit
        values = np.asarray(normal.values, np.float64)[normal.normal]
        self._sorted = np.sort(values, axis=0)
        self._tail = fitted.tails[member]
        window = fitted.setup.window
        lengths = [_length(column, window) for column in values.T]
        # A score is of a window: blocks of it are that long at least.
        self._lengths = np.array([*lengths, max([*lengths, window])])
        number = len(self.channels)
        # How far a sum of deviations less what is allowed gets by chance.
        threshold = math.log(1000 * number / error) / (2 * ALLOWED)
        self._tests = [
            drift.PageHinkley(min_instances=1, delta=ALLOWED, threshold=threshold)
            for _ in range(number)
        ]
        self._sums, self._counts = np.zeros(number), np.zeros(number, int)
        self._means: list[list[float]] = [[] for _ in range(number)]
        self._middles, self._spreads = np.full(number, 0.5), np.ones(number)
        ranks = self._ranks(values, np.zeros(0))
        for place in range(number):
            length = int(self._lengths[place])
            if place < number - 1:
                blocks = _blocks(ranks[:, place], length)
                self._middles[place] = blocks.mean()
            else:
                blocks = np.zeros(0)
            # Independent ranks have a deviation of 12 ** -0.5; blocks at least theirs.
            least = (12 * length) ** -0.5
            if len(blocks) < LEAST:
                self._spreads[place] = UNKNOWN * least
            else:
                self._spreads[place] = max(blocks.std(ddof=1), least)
            for mean in blocks:
                self._tests[place].update(self._standard(place, float(mean)))

    def update(self, values: np.ndarray, scores: np.ndarray) -> list[Drift]:
        """Takes steps `[K, C]` with their scores `[K]`; the changes they make clear.

        Missing values are left out. After a change the steps since are what later ones
        are compared with.
        """
        found = []
        ranks = self._ranks(np.asarray(values, np.float64), np.asarray(scores))
        for row in ranks:
            known = np.isfinite(row)
            self._sums[known] += row[known]
            self._counts[known] += 1
            for place in np.flatnonzero(self._counts >= self._lengths):
                mean = self._sums[place] / self._counts[place]
                self._sums[place] = self._counts[place] = 0
                drift = self._test(int(place), float(mean))
                if drift is not None:
                    found.append(drift)
            self.step += 1
        return found

    def _standard(self, place: int, mean: float) -> float:
        """The mean of a block in deviations from normal ones."""
        away = (mean - self._middles[place]) / self._spreads[place]
        return float(np.clip(away, -FURTHEST, FURTHEST))

    def _test(self, place: int, mean: float) -> Drift | None:
        test, means = self._tests[place], self._means[place]
        means.append(mean)
        test.update(self._standard(place, mean))
        if not test.drift_detected:
            return None
        later = len(means) - _border(np.array(means), self._middles[place])
        before, after = means[:-later], means[-later:]
        self._means[place] = after
        since = self.step - later * int(self._lengths[place]) + 1
        return Drift(
            self.step,
            max(0, since),
            self.channels[place],
            float(np.mean(before)) if before else float(self._middles[place]),
            float(np.mean(after)),
        )

    def _ranks(self, values: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Shares `[K, C + 1]` of normal steps that are lower; of equal ones half."""
        columns = []
        for column, normal in zip(values.T, self._sorted.T, strict=True):
            low = np.searchsorted(normal, column, side="left")
            high = np.searchsorted(normal, column, side="right")
            share = (low + high) / (2 * max(1, len(normal)))
            columns.append(np.where(np.isfinite(column), share, np.nan))
        if len(scores):
            columns.append(1 - np.clip(self._tail.probability(scores), 0, 1))
        return np.stack(columns, axis=1)


def _blocks(ranks: np.ndarray, length: int) -> np.ndarray:
    """Means of as many whole blocks as there are."""
    number = len(ranks) // length
    return ranks[: number * length].reshape(number, length).mean(axis=1)


def _border(means: np.ndarray, middle: float) -> int:
    """The block from which on means differ most from those before and the middle."""
    sums = np.cumsum(means[::-1] - middle)[::-1]
    evidence = np.square(sums) / np.arange(len(means), 0, -1)
    return int(evidence.argmax())


def _length(column: np.ndarray, window: int) -> int:
    """Steps whose mean is hardly tied to that of the next as many."""
    if len(column) < 2 or column.min() == column.max():
        return max(SHORTEST, window)
    period = int(dominant_period(column))
    return max(SHORTEST, period, 2 * correlation_time(column))


def monitor(detector: Any, entity: str | None = None, **options: Any) -> DriftMonitor:
    """A monitor of an entity of a fitted `TimeSeriesDetector`.

    Args:
        detector: The detector.
        entity: Whose; None of a detector of one series.
        options: Of `DriftMonitor`.

    Raises:
        ValueError: If the entity was not fitted on, or as `DriftMonitor`.
    """
    member = causal.member_of(detector, entity)
    channels = [str(name) for name in detector.feature_names_in_]
    return DriftMonitor(causal.causal(detector.fitted_), channels, member, **options)
