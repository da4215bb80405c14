"""A fitted detector that goes on: updates, streams, drift, and a page to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from jaxtsad.estimator import results
from jaxtsad.estimator.series_scoring import Recordings, SeriesScoring
from jaxtsad.interactive import Page, Scored, page
from jaxtsad.pipeline import alarms, inputs, inspection, updating
from jaxtsad.pipeline import labels as labels_
from jaxtsad.streaming import DriftMonitor, Stream, causal, drift
from jaxtsad.training.fit import Callbacks

ASSOCIATED = 20
"""Events of a page that show what an Anomaly Transformer attends to."""


class LiveDetector(SeriesScoring):
    """What a fitted `TimeSeriesDetector` does after it was fitted, beside scoring."""

    fit: Any
    updates_: tuple[Any, ...]

    def partial_fit(
        self,
        X: Recordings,
        y: Any = None,
        *,
        epochs: int | None = None,
        tolerance: float | None = 0.1,
        callbacks: Callbacks | None = None,
    ) -> Self:
        """Goes on fitting on new recordings, which should be mostly normal.

        Steps of the data before are seen again beside the new ones, and head and
        threshold are set on held-out steps of both. A network goes on from its
        parameters; what has none is fitted anew. The version before is kept (see
        `rollback`), and saved along. Not fitted yet, it is fitted.

        A stream that was made before goes on as it was made.

        Args:
            X: New recordings, in the shape that `decision_function` takes; some of the
                entities are enough.
            y: Known anomalies, as for `fit`.
            epochs: At most this many; None for as many as `fit`.
            tolerance: An entity's update is refused where it loses more than this on
                held-out steps of its data before, into which faults are put: in
                VUS-PR, or in the share of faults that its threshold finds, on average,
                by an interval that leaves out 0 (`updates_`). None refuses nothing.
            callbacks: Whom training reports to.

        Raises:
            ValueError: If a parameter or the data is bad, or every entity's update is
                refused; the detector is then as it was.
            DataWarning: A warning, where updates of some entities are refused.
        """
        if not hasattr(self, "fitted_"):
            return self.fit(X, y, callbacks=callbacks)
        given = inputs.recordings(X, results.reading_options(self), fitting=True)
        names = tuple(self.feature_names_in_)
        given = given._replace(series=tuple(s.ordered(names) for s in given.series))
        self.fitted_, self.updates_ = updating.guarded(
            self.fitted_,
            given.members(self.entities_),
            [(one.name, one.values) for one in given.series],
            known=None if y is None else labels_.steps(y, given),
            breaks={one.name: one.breaks for one in given.series},
            days=results.steps_per_day(given),
            epochs=epochs,
            tolerance=tolerance,
            callbacks=callbacks,
        )
        self._learned_thresholds()
        return self

    def rollback(self) -> Self:
        """Takes back the last `partial_fit`: the version before is the detector again.

        Raises:
            ValueError: If there is none; one version is kept.
        """
        self._check_fitted()
        if self.fitted_.previous is None:
            raise ValueError("there is no version before: nothing was updated")
        self.fitted_ = self.fitted_.previous
        self._learned_thresholds()
        return self

    def stream(
        self, entities: int | Sequence[str] | None = None, *, rules: Any = None
    ) -> Stream:
        """A stream of this detector, which takes steps as they come.

        Its scores are those of `decision_function(X, causal=True)`. The first stream
        of a detector sets its causal thresholds, which takes some time.

        Args:
            entities: What is watched: of a detector with one model a number of series
                or their names, None for a single series; of one with a model per
                entity names of some of these, None for all.
            rules: How scores become alarms (`evaluation.alarms.rules.Rules`), for all
                entities; None for each one's own, as `events` uses them.

        Raises:
            ValueError: If an entity was not fitted on, or the detector scores no
                stream.
        """
        self._check_fitted()
        names, index = self._watched(entities)
        known = causal.of(causal.causal(self.fitted_), index)
        own = causal.of(self.fitted_, index)
        each = None if rules is None else [rules] * len(index)
        parameters = self.get_params(deep=False)
        channels = list(self.feature_names_in_)
        return Stream(own, known, parameters, channels, names, each)

    def drift_monitor(
        self, entity: str | None = None, *, error: float = 0.01
    ) -> DriftMonitor:
        """A monitor that says when, and in which channels, data are no longer normal.

        It is given steps and their causal scores and adapts nothing; see `partial_fit`.

        Args:
            entity: Whose; None of a detector of one series.
            error: Drifts told of normal data in 1,000 blocks (`streaming.drift`).

        Raises:
            ValueError: If the entity was not fitted on, `error` is not positive, or
                river (`jaxtsad[drift]`) is not installed.
        """
        self._check_fitted()
        return drift.monitor(self, entity, error=error)

    def plot(
        self,
        X: Any,
        labels: Any = None,
        *,
        context: Any = None,
        title: str | None = None,
    ) -> Page:
        """One series as a page: zoom, move the threshold, mark events.

        A notebook shows it; `save` writes it. Marks are saved from it as a file whose
        events `fit(X, y=...)` takes (`interactive.marks.known`).

        Args:
            X: One series, as for `decision_function`.
            labels: What is known of it, as `y` of `fit`; None for nothing.
            context: The steps before those of `X`.
            title: Of the page; None for the name of the series.

        Raises:
            ValueError: If the data is bad, or there are several series.
        """
        given, [member, *more], [scores, *_] = self._judged(X, context)
        if more:
            raise ValueError(
                f"a page shows one series, got {1 + len(more)}; plot them one by one"
            )
        [one] = given.series
        known = None if labels is None else labels_.steps(labels, given)
        stamps = one.stamps()
        rules = alarms.rules_of(self.fitted_, member)
        table = self.events(X, context=context).to_dict("records")
        events: list[dict[str, Any]] = [
            {str(k): v for k, v in e.items()} for e in table
        ]
        worst = sorted(events, key=lambda event: -event["score"])[:ASSOCIATED]
        if context is None:
            _, _, [part] = self._parts(X)
            peaks = [int(event["peak"]) for event in worst]
            seen = inspection.associations(self.fitted_, member, part, peaks)
            for one_seen in seen:
                worst[peaks.index(one_seen["step"])]["associations"] = one_seen
        return page(
            title or one.name,
            one.values,
            one.channels,
            time=None if stamps is None else stamps.to_numpy(),
            labels=None if known is None else known[0],
            jumps=one.breaks,
            scored=[
                Scored(
                    str(getattr(self, "detector", "score")),
                    scores,
                    self.fitted_.thresholds[member].value,
                    rules.closes,
                    rules.gap,
                    rules.shortest,
                    rules.cool_down,
                    "--opens {opens} --closes {closes} --gap {gap}",
                    events,
                )
            ],
        )

    def _watched(
        self, entities: int | Sequence[str] | None
    ) -> tuple[list[str] | None, list[int]]:
        """Names of what is watched, None for a single series, and their members."""
        known = [str(name) for name in self.entities_]
        several = len(known) > 1
        if entities is None:
            return (known if several else None), list(range(len(known)))
        if isinstance(entities, int):
            if several or entities < 1:
                right = f"names of some of the {len(known)} fitted on"
                right = right if several else "a number of series from 1 on"
                raise ValueError(f"{entities=}, expected {right}")
            return [f"series_{n}" for n in range(entities)], [0] * entities
        names = [str(name) for name in entities]
        odd = [name for name in names if several and name not in known]
        odd += [name for name in names if names.count(name) > 1]
        if odd or not names:
            shown = ", ".join(known[:8])
            raise ValueError(f"{entities=}, expected names, each once, such as {shown}")
        return names, [known.index(name) if several else 0 for name in names]
