"""What a server does with rows, without the web: scores, alarms, counts, the state.

Every call is made by one thread at a time. Rows are acknowledged once they are written
down beside the state: who gets no answer sends them again, and those that counted
already are recognized by their stamps. Alarms are written down after their rows, so
that a killed server has none whose rows it lost.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxtsad import files
from jaxtsad.evaluation.alarms.rules import Rules
from jaxtsad.serving import log
from jaxtsad.streaming import feed, journal, rows, watching
from jaxtsad.streaming.stream import Update

RECENT = 2000
"""Steps of an entity that are kept to be looked at."""
ALARMS = 10_000
"""Alarms that are kept to be asked for."""
LONGEST_NAME = 200


class Unknown(LookupError):
    """An entity that the detector does not know."""


class Step(NamedTuple):
    """A step of an entity that was scored.

    Attributes:
        step: Its number.
        time: Its stamp as text or a number; None without.
        values: `[C]`, None where missing.
        score: Its score.
        flag: 1 above the threshold.
        jump: 1 where time jumps before it (`max_gap`): no alarm goes on there.
    """

    step: int
    time: Any
    values: list[float | None]
    score: float
    flag: int
    jump: int


class Taken(NamedTuple):
    """What came of the rows of a request.

    Attributes:
        entity: Whose they were; None of a detector of one series.
        steps: Those that were scored.
        alarms: Alarms that opened and closed, numbered.
        counts: How many rows there were, by kind.
        notes: What was wrong with the first odd rows.
    """

    entity: str | None
    steps: list[Step]
    alarms: list[dict[str, Any]]
    counts: dict[str, int]
    notes: list[str]


class Service:
    """Streams of a fitted detector, and what is known of their last steps.

    Args:
        detector: A fitted `TimeSeriesDetector`.
        state: Folder from which a killed server goes on; None for none.
        time_column: See `rows.Reader`.
        time_format: See `rows.Reader`.

    Raises:
        ValueError: If the detector scores no stream, or the folder holds something
            else.
    """

    def __init__(
        self,
        detector: Any,
        state: str | os.PathLike[str] | None = None,
        *,
        time_column: str | None = None,
        time_format: str | None = None,
    ) -> None:
        self.detector = detector
        self.channels = [str(name) for name in detector.feature_names_in_]
        self.several = len(detector.entities_) > 1
        self.reading: dict[str, Any] = {
            "time_column": time_column,
            "time_format": time_format or detector.time_format,
            "missing": (
                ()
                if detector.missing_values is None
                else [*np.atleast_1d(detector.missing_values).tolist()]
            ),
        }
        self.recent: dict[str | None, collections.deque[Step]] = {}
        self.alarms: collections.deque[dict[str, Any]] = collections.deque(
            maxlen=ALARMS
        )
        self.number = self.steps = 0
        self._steps: list[Step] = []
        self.feed = feed.Feed(
            self._reader(),
            *feed.streams_of(detector),
            lambda note: None,
            self._keep,
        )
        self._stack = contextlib.ExitStack()
        self._journal: journal.Journal | None = None
        self._log: log.Log | None = None
        self._taken: list[log.Request] = []
        self._given: list[dict[str, Any]] = []
        if state is not None:
            self._stack.enter_context(files.locked(state, "the state of a server"))
            self._journal = journal.Journal(state)
            self._stack.callback(self._journal.close)
            self._restore(self._journal)

    @property
    def entities(self) -> list[str]:
        """Names of the entities that sent rows, or of a detector of several, all."""
        if self.several:
            return [str(name) for name in self.detector.entities_]
        return [name for name in self.feed.entities if name is not None]

    def rules(self, entity: str | None) -> Rules:
        """How scores of an entity that sent rows become alarms."""
        return self.feed.entities[entity].stream.watcher.rules[0]

    def take(self, lines: Sequence[bytes], entity: str | None = None) -> Taken:
        """Scores the rows of a request: CSV with its header, or JSON lines.

        Args:
            lines: The lines.
            entity: Whose rows they are; None of a detector of one series.

        Raises:
            Unknown: If the detector has no such entity.
            ValueError: If the first line is a header that lacks a column.
        """
        self._check(entity)
        before = vars(self.feed.counts).copy()
        self._steps = []
        made = self.feed.take(lines, self._reader(), entity)
        alarms = [self._numbered(kind, alarm) for kind, alarm in made]
        if self._journal is not None:
            self._taken.append((entity, list(lines)))
        counts = {
            kind: number - before[kind]
            for kind, number in vars(self.feed.counts).items()
        }
        return Taken(entity, self._steps, alarms, counts, self.feed.reasons)

    def save(self) -> None:
        """Writes down the rows that were taken; after many, the state instead.

        Raises:
            ValueError: If they cannot be written.
        """
        if self._log is None:
            return
        self._log.append(self._taken)
        self._taken = []
        self._write_alarms()
        if self._log.rows > log.MOST:
            self._save_state()

    def close(self) -> None:
        """Saves the state and gives its folder free."""
        self.save()
        self._save_state()
        if self._log is not None:
            self._log.close()
        self._stack.close()

    def since(self, number: int, entity: str | None, most: int) -> list[dict[str, Any]]:
        """Alarms after one, of all entities or of one, the oldest first.

        Args:
            number: Of the last alarm that is known.
            entity: Whose alarms; None for all.
            most: How many at most.
        """
        later = (alarm for alarm in self.alarms if alarm["number"] > number)
        some = (alarm for alarm in later if entity in (None, alarm["entity"]))
        return [alarm for alarm, _ in zip(some, range(most), strict=False)]

    def _check(self, entity: str | None) -> None:
        if not self.several:
            if entity is not None and len(entity) > LONGEST_NAME:
                raise Unknown(f"a name of an entity has at most {LONGEST_NAME} letters")
            return
        known = self.entities
        if entity is None:
            raise Unknown(f"name one of the {len(known)} entities: /entities/NAME/rows")
        if entity not in known:
            raise Unknown(f"{entity!r} is none of the {len(known)} entities fitted on")

    def _reader(self) -> rows.Reader:
        """A reader of one request, whose header is its own."""
        return rows.Reader(self.channels, **self.reading)

    def _keep(self, entity: str | None, values: np.ndarray, update: Update) -> None:
        recent = self.recent.setdefault(entity, collections.deque(maxlen=RECENT))
        times: Any = [None] * len(values) if update.time is None else update.time
        scores, flags = update.scores.reshape(-1), update.flags.reshape(-1)
        for place, (row, time) in enumerate(zip(values, times, strict=True)):
            step = Step(
                update.first + place,
                _shown(time),
                [float(cell) if np.isfinite(cell) else None for cell in row],
                float(scores[place]),
                int(flags[place]),
                int(update.jumps[place]),
            )
            recent.append(step)
            self._steps.append(step)
        self.steps += len(values)

    def _numbered(self, kind: str, alarm: watching.LiveAlarm) -> dict[str, Any]:
        row = {"alarm": kind, **watching.as_row(alarm)}
        self.number += 1
        if self._journal is not None:
            self._given.append(row)
        numbered = {"number": self.number, **row}
        self.alarms.append(numbered)
        return numbered

    def _write_alarms(self) -> None:
        assert self._journal is not None
        while self._given:
            self._journal.give(self._given[0])
            del self._given[0]

    def _save_state(self) -> None:
        if self._journal is None or self._log is None:
            return
        later = self._log.other()
        record = {"number": self.number, "log": later.current}
        self._journal.save(self.feed.dump(record))
        self._log.close()
        self._log = later

    def _restore(self, kept: journal.Journal) -> None:
        content = kept.state()
        if content is None:
            self._log = log.Log(kept.folder, 0, empty=True)
            self._save_state()
            return
        record = self.feed.restore(content, kept.folder)
        self.number = record["number"]
        kept.resume(self.number)
        for alarm in _lines(kept.folder / journal.ALARMS):
            # Rows after the saved state come again, and their alarms with them.
            if alarm["number"] <= self.number:
                self.alarms.append(alarm)
        self._log = log.Log(kept.folder, record.get("log", 0))
        for entity, lines in self._log.requests():
            self.take(lines, entity)
        self._taken = []
        self._write_alarms()
        self.number = max(self.number, kept.written)


def _shown(time: Any) -> Any:
    """A stamp as JSON can hold it."""
    if time is None:
        return None
    if isinstance(time, np.datetime64):
        return f"{pd.Timestamp(time).isoformat()}Z"
    return float(time)


def _lines(path: Any) -> Iterator[dict[str, Any]]:
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
