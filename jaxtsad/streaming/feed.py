"""A feed of rows to alarms, with a policy for every row that is not as it should be.

    malformed   a line that is no row, or of an unknown entity: left out
    late        a stamp before that of the row before: left out
    duplicated  a stamp equal to it: left out, the first counts
    missing     rows that a jump of time leaves out, by the usual time between rows:
                counted, not made up; beyond the detector's `max_gap` a new piece begins

All are counted. A cell that is missing counts as the last known value of its channel.
"""

from __future__ import annotations

import collections
import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxtsad.streaming import storage
from jaxtsad.streaming.rows import Malformed, Reader, Row
from jaxtsad.streaming.stream import Stream, Update
from jaxtsad.streaming.watching import LiveAlarm, in_order

KINDS = ("malformed", "late", "duplicated", "missing")
BLOCK = 256
"""Rows of an entity that are scored at a time, at most."""
STEPS = 31
"""Times between rows of which the middle one is the usual one."""
MOST_MISSING = 10**9
"""Rows that one jump of time leaves out, at most: more are a wrong stamp."""
REASONS = 5
ENTITIES = 10_000
"""Entities that one model for all watches, at most."""


Scored = Callable[[str | None, np.ndarray, Update], None]


def ignore(entity: str | None, values: np.ndarray, update: Update) -> None:
    """Does nothing with what was scored."""


@dataclasses.dataclass
class Counts:
    """How many rows there were, and how many of them were not as they should be."""

    rows: int = 0
    malformed: int = 0
    late: int = 0
    duplicated: int = 0
    missing: int = 0


@dataclasses.dataclass
class Entity:
    """What is known of one entity.

    Attributes:
        stream: Its stream.
        rows: Rows that are not scored yet.
        last: Stamp of its last row.
        steps: Times between its last rows, in nanoseconds or units of the stamps.
    """

    stream: Stream
    rows: list[Row] = dataclasses.field(default_factory=list)
    last: Any = None
    steps: collections.deque[float] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=STEPS)
    )


class Feed:
    """Takes lines, gives alarms.

    Args:
        reader: Makes rows of lines.
        streams: A new stream of an entity (None without a column of entities); raises
            ValueError of one that the detector does not know.
        restored: A stream of a saved state.
        note: Is told what is wrong with a row, and how many there were so far.
        scored: Is told an entity, the values `[K, C]` of its next rows, and what came
            of them.

    Attributes:
        counts: How many rows there were.
        entities: What is known of each entity.
        lines: Number of lines so far.
        reasons: What was wrong with the first odd rows that were taken last.
    """

    def __init__(
        self,
        reader: Reader,
        streams: Callable[[str | None], Stream],
        restored: Callable[[Any], Stream],
        note: Callable[[str], None],
        scored: Scored = ignore,
    ) -> None:
        self.reader, self.counts, self.lines = reader, Counts(), 0
        self.entities: dict[str | None, Entity] = {}
        self._streams, self._restored, self._note = streams, restored, note
        self._scored = scored
        self.reasons: list[str] = []

    def take(
        self,
        lines: Sequence[bytes],
        reader: Reader | None = None,
        entity: str | None = None,
    ) -> list[tuple[str, LiveAlarm]]:
        """Takes lines; alarms that `opened` and `closed`, in order.

        Args:
            lines: The lines.
            reader: Makes rows of these; None for the feed's own.
            entity: Whose rows they are; None for what the rows say.

        Raises:
            ValueError: If the first line is a header that lacks a column.
        """
        made: list[tuple[str, LiveAlarm]] = []
        self.reasons = []
        for line in lines:
            self.lines += 1
            try:
                row = (reader or self.reader).row(line)
                if row is None:
                    continue
                if entity is not None:
                    row = row._replace(entity=entity)
                made += self._add(row)
            except Malformed as error:
                self._count("malformed", str(error))
            self.counts.rows += 1
        for known in self.entities.values():
            made += self._score(known)
        return made

    def finish(self) -> list[tuple[str, LiveAlarm]]:
        """Closes what is open, at the end of the feed."""
        return [
            ("closed", alarm)
            for entity in self.entities.values()
            for alarm in entity.stream.finish()
        ]

    def dump(self, more: Mapping[str, Any]) -> bytes:
        """The state as the bytes of a file."""
        arrays, entities = {}, []
        for number, (name, entity) in enumerate(self.entities.items()):
            arrays[str(number)] = np.frombuffer(entity.stream.dump(), np.uint8)
            last = storage.stamp_out(entity.last)
            entities.append([name, last, list(entity.steps)])
        record = {
            "counts": dataclasses.asdict(self.counts),
            "lines": self.lines,
            "header": self.reader.header,
            "json": self.reader.json,
            "begun": self.reader.begun,
            "delimiter": self.reader.delimiter,
            "time_column": self.reader.time_column,
            "entities": entities,
            "more": dict(more),
        }
        return storage.pack(arrays, record)

    def restore(self, content: bytes, path: object) -> dict[str, Any]:
        """Goes on from what `dump` gave; what was kept with it.

        Raises:
            ValueError: If it is damaged, or of another detector.
        """
        arrays, record = storage.unpack(content, path)
        self.counts, self.lines = Counts(**record["counts"]), record["lines"]
        self.reader.header = record["header"]
        self.reader.delimiter = record["delimiter"]
        self.reader.time_column = record["time_column"]
        begun = self.counts.rows > self.counts.malformed
        self.reader.begun = record.get("begun", begun)
        begun = self.reader.header is None and self.reader.begun
        self.reader.json = record.get("json", begun)
        for number, (name, last, steps) in enumerate(record["entities"]):
            content = arrays[str(number)].tobytes()
            stream = self._restored(storage.unpack(content, path))
            entity = Entity(stream, last=storage.stamp_in(last))
            entity.steps.extend(steps)
            self.entities[name] = entity
        more: dict[str, Any] = record["more"]
        return more

    def _add(self, row: Row) -> list[tuple[str, LiveAlarm]]:
        entity = self.entities.get(row.entity)
        if entity is None:
            if len(self.entities) >= ENTITIES:
                raise Malformed(f"there are {ENTITIES} entities already")
            try:
                entity = Entity(self._streams(row.entity))
            except ValueError as error:
                raise Malformed(str(error)) from None
            self.entities[row.entity] = entity
        if not self._in_order(entity, row):
            return []
        entity.rows.append(row)
        return self._score(entity) if len(entity.rows) >= BLOCK else []

    def _in_order(self, entity: Entity, row: Row) -> bool:
        if row.time is None:
            return True
        if entity.last is None:
            entity.last = row.time
            return True
        if type(row.time) is not type(entity.last):
            raise Malformed(f"its stamp {row.time} is of another kind than before")
        if row.time <= entity.last:
            kind = "late" if row.time < entity.last else "duplicated"
            self._count(kind, f"its stamp {row.time} comes after {entity.last}")
            return False
        # As floats, in which no difference of stamps is out of range but infinity.
        step = min(_as_float(row.time) - _as_float(entity.last), sys.float_info.max)
        usual = float(np.median(entity.steps)) if entity.steps else step
        lost = min(step / usual, MOST_MISSING) - 1
        if lost > 0.5 and len(entity.steps) == STEPS:
            text = f"time jumps from {entity.last} to {row.time}"
            self._count("missing", text, round(lost))
        entity.steps.append(step)
        entity.last = row.time
        return True

    def _score(self, entity: Entity) -> list[tuple[str, LiveAlarm]]:
        rows, entity.rows = entity.rows, []
        if not rows:
            return []
        time = None if rows[0].time is None else np.array([row.time for row in rows])
        values = np.stack([row.values for row in rows])
        single = entity.stream.single
        update = entity.stream.update(values if single else values[None], time)
        self._scored(rows[0].entity, values, update)
        return in_order(update.opened, update.closed)

    def _count(self, kind: str, why: str, number: int = 1) -> None:
        """Counts, and says so of the first, the tenth, the hundredth."""
        if len(self.reasons) < REASONS:
            self.reasons.append(" ".join(why.split()))
        before = getattr(self.counts, kind)
        now = before + number
        setattr(self.counts, kind, now)
        if len(str(now)) > len(str(before)) or not before:
            self._note(f"line {self.lines}: {why}; {now} rows {kind} so far")


def _as_float(stamp: Any) -> float:
    """A stamp as nanoseconds from 1970, or as the number that it is."""
    return float(stamp.astype(np.int64)) if isinstance(stamp, np.datetime64) else stamp


def streams_of(
    detector: Any,
) -> tuple[Callable[[str | None], Stream], Callable[[Any], Stream]]:
    """What makes a new stream of an entity, and one of a saved state.

    Args:
        detector: A fitted `TimeSeriesDetector`.

    Raises:
        ValueError: If it scores no stream.
    """
    known = [str(name) for name in detector.entities_]
    # Whatever is wrong with the detector is said before the first row.
    first: Stream = detector.stream(known[:1] if len(known) > 1 else None)

    def new(entity: str | None) -> Stream:
        if entity is None:
            return first
        if len(known) > 1 and entity not in known:
            raise ValueError(f"{entity!r} is none of the entities fitted on")
        made: Stream = detector.stream([entity])
        return made

    def restored(content: Any) -> Stream:
        parameters = detector.get_params(deep=False)
        channels = list(detector.feature_names_in_)
        names = content[1]["entities"]
        fitted = (first if len(known) == 1 else detector.stream(names)).detector
        return Stream.restored(fitted, parameters, channels, content)[0]

    return new, restored
