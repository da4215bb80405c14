"""What a report shows of one entity: one seed's scores, its events, the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxtsad.evaluation import segments
from jaxtsad.reporting import matching, run_directory
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.run_directory import Scored


class View(NamedTuple):
    """One entity, seen through one seed of the run's detector.

    Attributes:
        scored: Scores and labels of the first seed, which is drawn.
        seeds: How many seeds there are.
        values: `[T, K]` channels to draw, or None.
        names: Their names.
        threshold: The fitted threshold, or None where it is not one number.
        truth: True events with what became of them, or None where nothing is labeled.
        hits: For each true event, how many of the seeds found it.
        flagged: Flagged events, with a column `true` where labels are known.
        level: What one score is of: a step, a window or a sample.
    """

    scored: Scored
    seeds: int
    values: np.ndarray | None
    names: tuple[str, ...]
    threshold: float | None
    truth: list[matching.TrueEvent] | None
    hits: list[int]
    flagged: pd.DataFrame
    level: str

    @property
    def entity(self) -> str:
        """Name of the entity."""
        return self.scored.entity

    @property
    def true_spans(self) -> np.ndarray | None:
        """True events as `[E, 2]`, or None where nothing is labeled."""
        if self.truth is None:
            return None
        pairs = [(event.start, event.stop) for event in self.truth]
        return np.array(pairs, np.int64).reshape(-1, 2)

    @property
    def flagged_spans(self) -> np.ndarray:
        """Flagged events as `[E, 2]`."""
        return spans_of(self.flagged)

    @property
    def flags(self) -> np.ndarray:
        """Flagged steps or samples `[T]`."""
        if self.level != "step" and self.threshold is not None:
            return self.scored.score > self.threshold
        # Not every kind of threshold is one number; events are flags under any kind.
        return segments.flags_of(self.flagged_spans, len(self.scored.score))


def spans_of(events: pd.DataFrame) -> np.ndarray:
    """Flagged events as `[E, 2]` whole numbers."""
    return events[["start", "stop"]].to_numpy(dtype=np.int64).reshape(-1, 2)


def look(run: Run, entity: str) -> View | None:
    """Looks at one entity; None where the run's detector has no scores of it.

    Raises:
        ValueError: If its scores, values or events do not fit together.
    """
    all_seeds = run.scored(entity, run.detector)
    if not all_seeds:
        return None
    scored = all_seeds[0]
    steps = len(scored.score)
    by_seed = [run.events(entity, run.detector, each.seed) for each in all_seeds]
    for events in by_seed:
        _check(run, entity, spans_of(events), steps)
    described = run.described(entity)
    truth, hits = None, []
    flagged = by_seed[0].copy()
    if scored.label is not None:
        known = _until(described.get("events") or [], steps)
        known = known or segments.segments(scored.label).tolist()
        truth = matching.true_events(known, spans_of(flagged))
        matched = [matching.true_events(known, spans_of(each)) for each in by_seed]
        hits = [sum(event.hit for event in same) for same in zip(*matched, strict=True)]
        flagged["true"] = matching.are_true(spans_of(flagged), known)
    return View(
        scored,
        len(all_seeds),
        run.values(entity, steps),
        tuple(str(name) for name in described.get("channels") or ()),
        run.threshold(entity, run.detector, scored.seed),
        truth,
        hits,
        flagged,
        run.level,
    )


def _until(events: Sequence[Sequence[Any]], steps: int) -> list[tuple[Any, ...]]:
    """True events as far as they were scored."""
    return [
        (start, min(stop, steps), *kind)
        for start, stop, *kind in events
        if start < steps
    ]


def _check(run: Run, entity: str, spans: np.ndarray, steps: int) -> None:
    if len(spans) and (spans.min() < 0 or spans.max() > steps):
        raise ValueError(
            f"{run.path / run_directory.EVENTS}: an event of {entity} ends at step "
            f"{spans.max()}, its series has {steps}"
        )
