"""What a fitted `TimeSeriesDetector` says of series: scores, flags, events."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import pandas as pd

from jaxtsad import blocks
from jaxtsad.datasets.reading.recording import Recording
from jaxtsad.estimator import results
from jaxtsad.estimator.base import BaseDetector
from jaxtsad.estimator.context import with_earlier, without_earlier
from jaxtsad.evaluation.alarms.rules import Rules
from jaxtsad.pipeline import alarms, inputs, inspection, members, scoring
from jaxtsad.pipeline.chunked import scores as chunked_scores
from jaxtsad.streaming import causal as streaming
from jaxtsad.types import Split

Recordings: TypeAlias = Any
"""An array `[T, C]`, a data frame, a list of them, or a mapping from names to them."""
Several: TypeAlias = list[np.ndarray] | list[pd.DataFrame]


class SeriesScoring(BaseDetector):
    """Scores, flags, explanations and events of series."""

    feature_names_in_: np.ndarray
    entities_: tuple[str | None, ...]

    @overload
    def decision_function(
        self, X: Mapping[str, Any], *, context: Any = ..., causal: bool = ...
    ) -> dict[str, np.ndarray]: ...
    @overload
    def decision_function(
        self, X: Several, *, context: Any = ..., causal: bool = ...
    ) -> list[np.ndarray]: ...
    @overload
    def decision_function(
        self, X: Any, *, context: Any = ..., causal: bool = ...
    ) -> np.ndarray: ...
    def decision_function(
        self, X: Recordings, *, context: Any = None, causal: bool = False
    ) -> Any:
        """One finite score per row, `[T]` (or a list or mapping of them, as given).

        Rows with time stamps are scored in order of time and keep their places.

        Higher is more anomalous. Every length from 1 on is scored; what is shorter than
        a window is scored well only with the steps before it.

        Args:
            X: Series to score. Models fitted per entity take as many as they were
                fitted on, in order, or a mapping from some of their names; one model
                alone takes any number.
            context: The steps before those of `X`, in the same shape, at best two
                windows of them, and what a score head looks back; None for none.
            causal: Whether a step's score is made of the steps up to it alone, as a
                `stream` gives it: that of the last step of the window that ends there.

        Raises:
            ValueError: If the data is bad or the detector is not fitted.
            DataWarning: A warning, where a series is shorter than a window.
        """
        given, _, scores = self._judged(X, context, causal)
        return given.of_rows(scores)

    @overload
    def predict(
        self,
        X: Mapping[str, Any],
        *,
        context: Any = ...,
        return_confidence: Literal[False] = ...,
        causal: bool = ...,
    ) -> dict[str, np.ndarray]: ...
    @overload
    def predict(
        self,
        X: Several,
        *,
        context: Any = ...,
        return_confidence: Literal[False] = ...,
        causal: bool = ...,
    ) -> list[np.ndarray]: ...
    @overload
    def predict(
        self,
        X: Any,
        *,
        context: Any = ...,
        return_confidence: Literal[False] = ...,
        causal: bool = ...,
    ) -> np.ndarray: ...
    @overload
    def predict(
        self,
        X: Any,
        *,
        context: Any = ...,
        return_confidence: bool,
        causal: bool = ...,
    ) -> Any: ...
    def predict(
        self,
        X: Recordings,
        *,
        context: Any = None,
        return_confidence: bool = False,
        causal: bool = False,
    ) -> Any:
        """Flags `[T]`: 1 where the score is above the threshold stored at fit.

        Args:
            X: Series, as for `decision_function`.
            context: The steps before those of `X`.
            return_confidence: Also say how sure each flag is, `[T]`: the probability
                that it were the same with another calibration part of the same length
                (see `evaluation.alarms.confidence`). It is low near the threshold, and
                the nearer the fewer steps that was set on.
            causal: Flags of causal scores, by a threshold that was set on causal scores
                of the same calibration steps.

        Returns:
            Flags, or flags and confidence.
        """
        given, index, scores = self._judged(X, context, causal)
        flags = given.of_rows(self._flags(index, scores, causal))
        if not return_confidence:
            return flags
        known = [self._known(causal)] * len(index)
        each = map(alarms.confidence, known, index, scores)
        return flags, given.of_rows(list(each))

    @overload
    def predict_proba(
        self, X: Mapping[str, Any], *, context: Any = ...
    ) -> dict[str, np.ndarray]: ...
    @overload
    def predict_proba(self, X: Several, *, context: Any = ...) -> list[np.ndarray]: ...
    @overload
    def predict_proba(self, X: Any, *, context: Any = ...) -> np.ndarray: ...
    def predict_proba(self, X: Recordings, *, context: Any = None) -> Any:
        """Where each score lies among those of normal data, `[T, 2]`.

        The first column is the tail probability, the share of normal steps with a
        higher score; the second is 1 less that: .999 is reached by one normal step in
        1000. It is not the probability that a step is anomalous, which depends on how
        many anomalies there are. Beyond the calibration scores it is extrapolated.
        """
        given, index, parts = self._parts(X, context)
        scores = self._aggregated(given, index, parts, "score")
        each = map(alarms.probabilities, [self.fitted_] * len(index), index, scores)
        return given.of_rows(list(each))

    def scores(self, X: Recordings, *, context: Any = None) -> pd.DataFrame:
        """Scores and flags as a table, a row per step in order of time.

        Returns:
            Columns entity (of several series), time (where stamps are known), step,
            score and flag.
        """
        return results.scores_table(*self._scored(X, context))

    @overload
    def score_samples(
        self, X: Mapping[str, Any], *, context: Any = ...
    ) -> dict[str, np.ndarray]: ...
    @overload
    def score_samples(self, X: Several, *, context: Any = ...) -> list[np.ndarray]: ...
    @overload
    def score_samples(self, X: Any, *, context: Any = ...) -> np.ndarray: ...
    def score_samples(self, X: Recordings, *, context: Any = None) -> Any:
        """The negative of `decision_function`: scikit-learn's sign.

        Higher is more normal, as in scikit-learn's own outlier detectors.
        """
        given, index, parts = self._parts(X, context)
        scores = self._aggregated(given, index, parts, "score")
        return given.of_rows([-one for one in scores])

    @overload
    def explain(
        self, X: Mapping[str, Any], *, context: Any = ...
    ) -> dict[str, np.ndarray]: ...
    @overload
    def explain(self, X: Several, *, context: Any = ...) -> list[np.ndarray]: ...
    @overload
    def explain(self, X: Any, *, context: Any = ...) -> np.ndarray: ...
    def explain(self, X: Recordings, *, context: Any = None) -> Any:
        """Each channel's part of the score, `[T, C]`; sums to the score over C.

        Raises:
            ValueError: If the detector offers no explanation or aggregates by `max`.
        """
        given, index, parts = self._parts(X, context)
        return given.of_rows(self._aggregated(given, index, parts, "explain"))

    def inspect(self, X: Recordings, step: int) -> Any:
        """What the detector looks at around a step, as arrays by name.

        Args:
            X: Series, as for `decision_function`.
            step: A step of each.

        Returns:
            See `pipeline.inspection.inspect`, in the shape of the input.

        Raises:
            ValueError: If the detector offers nothing to look into or the step is
                outside a series.
        """
        given, index, parts = self._parts(X)
        each = zip(given.series, index, parts, strict=True)
        return given.like(
            [
                inspection.inspect(self.fitted_, i, part, one.step(step))
                for one, i, part in each
            ]
        )

    def events(
        self,
        X: Recordings,
        *,
        context: Any = None,
        causal: bool = False,
        rules: Rules | None = None,
    ) -> pd.DataFrame:
        """The events of one or more series: what to raise an alarm for.

        Steps whose score stays above a level of the calibration scores, with no longer
        gap than these remember (`evaluation.alarms`), are one event if one of them is
        above the threshold. With `causal` they are those that a `stream` raises, whose
        channels are not known. With `rules` events are made by these, such as a page
        gives (`plot`).

        Returns:
            One row per event: entity, start, stop (exclusive; steps in order of time),
            start_time and stop_time (of its first and last step) where stamps are
            known, severity, peak, score, the channels that contribute most, their
            contributions and shares, and the probability that 1000 normal steps hold
            an event with so large a score. Channels are not known of a recording that
            is read from disk.
        """
        given, index, scores = self._judged(X, context, causal)
        explained: list[Any] = [None] * len(index)
        on_disk = any(isinstance(one.values, blocks.DiskArray) for one in given.series)
        if self.fitted_.explains and not causal and not on_disk:
            _, _, parts = self._parts(X, context)
            explained = self._aggregated(given, index, parts, "explain")
        names, known = list(self.feature_names_in_), self._known(causal)
        each = [
            alarms.events_of(
                known, member, score, contributions, names, one.breaks, rules
            )
            for one, member, score, contributions in zip(
                given.series, index, scores, explained, strict=True
            )
        ]
        return results.events_table(given, each)

    def _parts(
        self, X: Recordings, context: Any = None
    ) -> tuple[inputs.Recordings, list[int], list[Split]]:
        """Reads series, finds the member of each and scales them for it."""
        given, index, longer = self._longer(X, context)
        return given, index, self._scaled(index, longer)

    def _scaled(self, index: list[int], longer: list[Recording]) -> list[Split]:
        """Series in units of the fit part."""
        return [
            members.test_part(self.fitted_, member, one.name, one.values, one.breaks)
            for member, one in zip(index, longer, strict=True)
        ]

    def _on_disk(
        self, index: list[int], series: list[Recording], context: Any, causal: bool
    ) -> list[np.ndarray]:
        """Scores of recordings that are read from disk some steps at a time."""
        if context is not None or causal or any(one.breaks for one in series):
            largest = max((one.values.shape for one in series), key=math.prod)
            size = blocks.words(largest, blocks.CELL_BYTES * math.prod(largest))
            raise ValueError(
                "a recording on disk is scored without context, breaks and causal; "
                f"{size}"
            )
        each = zip(index, series, strict=True)
        return [chunked_scores(self.fitted_, m, one.values) for m, one in each]

    def _longer(
        self, X: Recordings, context: Any
    ) -> tuple[inputs.Recordings, list[int], list[Recording]]:
        """Reads series, finds the member of each and puts earlier steps before them."""
        self._check_fitted()
        options = results.reading_options(self)
        given = inputs.recordings(X, options)
        names = tuple(self.feature_names_in_)
        given = given._replace(series=tuple(s.ordered(names) for s in given.series))
        index = given.members(self.entities_)
        window, before = self.fitted_.setup.window, members.reach(self.fitted_)[0]
        return given, index, with_earlier(given, context, options, window, before)

    def _known(self, causal: bool) -> members.Fitted:
        """The members, with what causal scores are judged by where these are asked."""
        return streaming.causal(self.fitted_) if causal else self.fitted_

    def _judged(
        self, X: Recordings, context: Any, causal: bool = False
    ) -> tuple[inputs.Recordings, list[int], list[np.ndarray]]:
        """Series with the member of each and their scores per step."""
        given, index, longer = self._longer(X, context)
        if any(isinstance(one.values, blocks.DiskArray) for one in longer):
            return given, index, self._on_disk(index, longer, context, causal)
        if not causal:
            parts = self._scaled(index, longer)
            return given, index, self._aggregated(given, index, parts, "score")
        values = [one.values for one in longer]
        breaks = [one.breaks for one in longer]
        made = streaming.scores(self._known(True), index, values, breaks)
        return given, index, without_earlier(given, made)

    def _scored(
        self, X: Recordings, context: Any
    ) -> tuple[inputs.Recordings, list[np.ndarray], list[np.ndarray]]:
        """Series with their scores and flags per step."""
        given, index, scores = self._judged(X, context)
        return given, scores, self._flags(index, scores)

    def _flags(
        self,
        index: Sequence[int],
        scores: Sequence[np.ndarray],
        causal: bool = False,
    ) -> list[np.ndarray]:
        thresholds = self._known(causal).thresholds
        return [
            thresholds[member].flags(one).astype(np.int64)
            for member, one in zip(index, scores, strict=True)
        ]

    def _aggregated(
        self,
        given: inputs.Recordings,
        index: list[int],
        parts: list[Split],
        output: str,
    ) -> list[np.ndarray]:
        chosen = members.subset(self.fitted_, index)
        return without_earlier(given, scoring.aggregated(chosen, parts, output))
