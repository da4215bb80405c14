"""From scores of steps as they come to alarms, with the stamps of their steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad import files
from jaxtsad.evaluation.alarms.rules import Rules, State
from jaxtsad.evaluation.alarms.together import Together

STAMPED = ("start", "peak", "last")
"""Fields of a state that are steps whose stamps an alarm has."""


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
    """

    def __init__(
        self, entities: Sequence[str], rules: Sequence[Rules], spreads: Sequence[float]
    ) -> None:
        self.entities, self.rules, self.spreads = entities, tuple(rules), spreads
        self._together = Together(rules)
        self._stamps = {name: np.full(len(rules), None) for name in STAMPED}

    @property
    def step(self) -> int:
        """Number of the next step."""
        return self._together.step

    @property
    def states(self) -> dict[int, State]:
        """Of entities with more to remember than the step, by position."""
        return self._together.states

    @property
    def stamps(self) -> dict[int, dict[int, Any]]:
        """Stamps of steps that runs still need, by entity and step."""
        fields = self._together.fields
        return {
            entity: {
                int(fields[name][entity]): stamps[entity]
                for name, stamps in self._stamps.items()
                if stamps[entity] is not None
            }
            for entity, state in self.states.items()
            if state.start >= 0
        }

    def restore(
        self,
        step: int,
        states: Mapping[int, State],
        stamps: Mapping[int, Mapping[int, Any]],
    ) -> None:
        """Goes on where `step`, `states` and `stamps` were read."""
        self._together.restore(step, states)
        for entity, known in stamps.items():
            for name in STAMPED:
                self._stamps[name][entity] = known.get(getattr(states[entity], name))

    def advance(
        self, scores: np.ndarray, jumps: np.ndarray | None, time: np.ndarray | None
    ) -> tuple[list[LiveAlarm], list[LiveAlarm]]:
        """Goes on by scores `[K, M]`; alarms that opened and that closed.

        Args:
            scores: Finite, in order.
            jumps: `[K, M]` bool, steps before which time jumps; None for none.
            time: `[K]` stamps, or None.
        """
        opened: list[LiveAlarm] = []
        closed: list[LiveAlarm] = []
        for number, values in enumerate(scores):
            if jumps is not None and jumps[number].any():
                closed += self._ended(np.flatnonzero(jumps[number]))
            above, peaks, opening = self._together.advance(values)
            if len(above):
                stamp = None if time is None else time[number]
                start = self._together.fields["start"][above]
                self._stamps["start"][above[start == self.step - 1]] = stamp
                self._stamps["peak"][peaks] = stamp
                self._stamps["last"][above] = stamp
                opened += self._live(opening)
            closed += self._ended(self._together.over())
        return sorted(opened, key=_order), sorted(closed, key=_order)

    def finish(self) -> list[LiveAlarm]:
        """Closes what is open, at the end of a stream."""
        return sorted(self._ended(np.arange(len(self.rules))), key=_order)

    def _ended(self, places: np.ndarray) -> list[LiveAlarm]:
        """Ends runs; the alarms that they were."""
        if not len(places):
            return []
        alarms = self._live(places)
        self._together.end(places)
        for stamps in self._stamps.values():
            stamps[places] = None
        return alarms

    def _live(self, places: np.ndarray) -> list[LiveAlarm]:
        """The open alarms of entities, those that have one."""
        known = [(place, self._together.alarm(place)) for place in places.tolist()]
        return [
            LiveAlarm(
                self.entities[place],
                alarm.start,
                alarm.stop,
                alarm.peak,
                alarm.score,
                (alarm.score - self.rules[place].opens) / self.spreads[place],
                alarm.opened,
                self._stamps["start"][place],
                self._stamps["last"][place],
                self._stamps["peak"][place],
            )
            for place, alarm in known
            if alarm is not None
        ]


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
