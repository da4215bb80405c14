"""From scores of steps as they come to alarms, with the stamps of their steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad import files
from jaxtsad.evaluation.alarms import rules as alarms
from jaxtsad.evaluation.alarms.rules import Alarm, Rules, State


@dataclasses.dataclass(frozen=True)
class LiveAlarm:
    """An alarm as it opens or closes, in steps of the stream, counted from 0.

    Attributes:
        entity: Whose it is.
        start: First step of its run.
        stop: First step after the last one known of it.
        peak: Step of the largest score.
        score: That score.
        severity: (score - level at which it opens) / spread of calibration scores.
        opened: Step at which it opened; with the entity it names the alarm.
        start_time: Stamp of its first step; None where steps have none.
        stop_time: Stamp of the last one known of it.
        peak_time: Stamp of the largest score.
    """

    entity: str
    start: int
    stop: int
    peak: int
    score: float
    severity: float
    opened: int
    start_time: Any = None
    stop_time: Any = None
    peak_time: Any = None


class Watcher:
    """Event rules of many entities, whose states go on from block to block.

    Args:
        entities: Names of the M entities.
        rules: How scores of each become events.
        spreads: Of each, the unit of severity.

    Attributes:
        step: Number of the next step.
        states: Of entities with more to remember than the step, by position.
        stamps: Stamps of steps that open alarms still need, by entity and step.
    """

    def __init__(
        self, entities: Sequence[str], rules: Sequence[Rules], spreads: Sequence[float]
    ) -> None:
        self.entities, self.rules, self.spreads = entities, tuple(rules), spreads
        self._closes = np.array([each.closes for each in rules])
        self.step = 0
        self.states: dict[int, State] = {}
        self.stamps: dict[int, dict[int, Any]] = {}

    def advance(
        self, scores: np.ndarray, jumps: np.ndarray | None, time: np.ndarray | None
    ) -> tuple[list[LiveAlarm], list[LiveAlarm]]:
        """Goes on by scores `[K, M]`; alarms that opened and that closed.

        Args:
            scores: Finite, in order.
            jumps: `[K, M]` bool, steps before which time jumps; None for none.
            time: `[K]` stamps, or None.
        """
        high = np.flatnonzero((scores > self._closes[None]).any(axis=0)).tolist()
        opened: list[LiveAlarm] = []
        closed: list[LiveAlarm] = []
        for entity in sorted({*high, *self.states}):
            steps = () if jumps is None else np.flatnonzero(jumps[:, entity])
            both = self._of_entity(entity, scores[:, entity], steps, time)
            opened += both[0]
            closed += both[1]
        self.step += len(scores)
        return sorted(opened, key=_order), sorted(closed, key=_order)

    def finish(self) -> list[LiveAlarm]:
        """Closes what is open, at the end of a stream."""
        closed = []
        for entity, state in list(self.states.items()):
            rules = self.rules[entity]
            _, last = alarms.finish(rules, state._replace(step=self.step))
            closed += [self._live(entity, alarm) for alarm in last]
        self.states, self.stamps = {}, {}
        return sorted(closed, key=_order)

    def _of_entity(
        self,
        entity: int,
        scores: np.ndarray,
        jumps: Sequence[int] | np.ndarray,
        time: np.ndarray | None,
    ) -> tuple[list[LiveAlarm], list[LiveAlarm]]:
        rules = self.rules[entity]
        state = self.states.get(entity, State())._replace(step=self.step)
        opened: list[Alarm] = []
        closed: list[Alarm] = []
        pieces = np.split(scores, jumps) if len(jumps) else [scores]
        for number, piece in enumerate(pieces):
            if number:
                state, last = alarms.finish(rules, state)
                closed += last
            state, some, last = alarms.advance(rules, state, piece)
            opened += some
            closed += last
        if time is not None:
            self._remember(entity, state, [*opened, *closed], time)
        both = (
            [self._live(entity, alarm) for alarm in opened],
            [self._live(entity, alarm) for alarm in closed],
        )
        self._keep(entity, state)
        return both

    def _keep(self, entity: int, state: State) -> None:
        """Forgets what no later step needs."""
        if state.start < 0 and state.muted <= state.step:
            self.states.pop(entity, None)
            self.stamps.pop(entity, None)
            return
        self.states[entity] = state
        if entity in self.stamps:
            needed = (state.start, state.peak, state.last)
            known = self.stamps[entity]
            self.stamps[entity] = {s: known[s] for s in needed if s in known}

    def _remember(
        self, entity: int, state: State, some: Sequence[Alarm], time: np.ndarray
    ) -> None:
        steps = {state.start, state.peak, state.last}
        for alarm in some:
            steps |= {alarm.start, alarm.peak, alarm.stop - 1}
        known = self.stamps.setdefault(entity, {})
        for step in steps:
            if step >= self.step:
                known[step] = time[step - self.step]

    def _live(self, entity: int, alarm: Alarm) -> LiveAlarm:
        known = self.stamps.get(entity, {})
        severity = (alarm.score - self.rules[entity].opens) / self.spreads[entity]
        return LiveAlarm(
            self.entities[entity],
            alarm.start,
            alarm.stop,
            alarm.peak,
            alarm.score,
            severity,
            alarm.opened,
            known.get(alarm.start),
            known.get(alarm.stop - 1),
            known.get(alarm.peak),
        )


def in_order(
    opened: Sequence[LiveAlarm], closed: Sequence[LiveAlarm]
) -> list[tuple[str, LiveAlarm]]:
    """Alarms that `opened` and `closed` as they came, by the step at which each opened.

    An alarm opens before it closes; the next one opens after that.
    """
    each = [("opened", alarm) for alarm in opened]
    each += [("closed", alarm) for alarm in closed]
    return sorted(each, key=lambda pair: pair[1].opened)


def _order(alarm: LiveAlarm) -> tuple[int, str]:
    return alarm.opened, alarm.entity


def as_row(alarm: LiveAlarm) -> dict[str, Any]:
    """An alarm as JSON can hold it; without what is not known."""
    row: dict[str, Any] = files.plain(dataclasses.asdict(alarm))
    for name in ("start_time", "stop_time", "peak_time"):
        stamp = getattr(alarm, name)
        if hasattr(stamp, "dtype") and stamp.dtype.kind == "M":
            row[name] = f"{pd.Timestamp(stamp).isoformat()}Z"
    return {name: value for name, value in row.items() if value is not None}
