"""Thresholds that go on learning along a stream: SPOT and DSPOT on tail probabilities.

Both are of Siffer et al. (`evaluation.thresholds.spot`, `.dspot`); here they see
-log10 of the tail probability of a score among calibration scores, so that one risk and
one level suit any detector. What follows test scores must be compared with what does
not only where that is said.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from jaxtsad.evaluation.thresholds import dspot, spot
from jaxtsad.streaming import causal

Kind: TypeAlias = Literal["spot", "dspot"]
LEAST = 1e-300
"""Smaller tail probabilities count as this."""


class AdaptiveThreshold:
    """A threshold on the causal scores of one entity, which learns from normal ones.

    Args:
        detector: A fitted `TimeSeriesDetector`.
        kind: `spot`, or `dspot`, which follows a drift of the scores.
        entity: Whose scores; None of a detector of one series.
        options: Of `spot.init` or `dspot.init`: `q`, the risk per step, `level`, and
            of `dspot` the `depth` of its moving mean.

    Raises:
        ValueError: If the kind or an option is bad, the entity was not fitted on, or
            there are too few calibration steps.

    Example:
        >>> from jaxtsad import TimeSeriesDetector
        >>> values = np.random.default_rng(0).normal(size=(3000, 1))
        >>> detector = TimeSeriesDetector("zscore", window=8).fit(values)
        >>> threshold = AdaptiveThreshold(detector, "spot", q=1e-4)
        >>> threshold.update(np.array([0.1, 100.0])).flags
        array([0, 1], dtype=int8)
    """

    def __init__(
        self,
        detector: Any,
        kind: Kind = "spot",
        entity: str | None = None,
        **options: Any,
    ) -> None:
        if kind not in get_args(Kind):
            raise ValueError(f"{kind=} must be one of {', '.join(get_args(Kind))}")
        member = causal.member_of(detector, entity)
        fitted = causal.causal(detector.fitted_)
        self._tail = fitted.tails[member]
        calibration = fitted.calibration[member].map(self.levels)
        self._module = spot if kind == "spot" else dspot
        self._state: Any = self._module.init(calibration, **options)

    def levels(self, scores: np.ndarray) -> np.ndarray:
        """-log10 of the tail probability of each score `[T]`."""
        probability = np.clip(self._tail.probability(scores), LEAST, 1.0)
        made: np.ndarray = -np.log10(probability)
        return made

    def update(self, scores: np.ndarray) -> spot.Run:
        """Judges the next scores `[K]` of the stream, one after the other.

        Returns:
            Flags `[K]` and the thresholds `[K]` they were judged by, in levels.

        Raises:
            ValueError: If the scores are not `[K]` and finite.
        """
        made = self._module.run(self._state, self.levels(np.asarray(scores)))
        self._state = made.state
        return made
