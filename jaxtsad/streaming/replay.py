"""A recording once more, as if it came live: what would have been alarmed, and when."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import nab
from jaxtsad.streaming.stream import Stream
from jaxtsad.streaming.watching import LiveAlarm


@dataclasses.dataclass(frozen=True, eq=False)
class Replay:
    """What came of a recording.

    Attributes:
        opened: Alarms as they opened, in order; what they say was known then.
        closed: The same alarms at their end.
        steps: Length of the recording.
        days: Its duration; None without dates.
        events: Labeled events; None without labels.
        delays: Of every event within which an alarm opened, the steps from its start to
            the first of them.
        covered: Events in which none opened while one from before was open: an alarm
            that is always open detects nothing.
        false_alarms: Alarms that touch no labeled event; None without labels.
        nab: Score of the Numenta Anomaly Benchmark with the steps at which alarms
            opened as detections (see `evaluation.metrics.nab`); None without labels.
        updates: Of a retraining schedule, the step of each update and why it was
            refused, "" where it was not.
    """

    opened: list[LiveAlarm]
    closed: list[LiveAlarm]
    steps: int
    days: float | None
    events: int | None = None
    delays: tuple[int, ...] = ()
    covered: int = 0
    false_alarms: int | None = None
    nab: nab.NabScore | None = None
    updates: tuple[tuple[int, str], ...] = ()


def replay(
    stream: Stream,
    values: Any,
    time: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> Replay:
    """Gives a recording to a new stream of one series and keeps what it tells.

    Args:
        stream: A stream of a single series that has taken no step yet.
        values: `[T, C]` in units of the data.
        time: `[T]` stamps, increasing; None where steps have none.
        labels: `[T]` 0/1; None where nothing is known.

    Raises:
        ValueError: If shapes do not fit, or the stream has begun already.
    """
    if stream.step or not stream.single:
        raise ValueError("a replay needs a new stream of a single series")
    update = stream.update(values, time)
    closed = [*update.closed, *stream.finish()]
    steps = len(update.scores)
    made = Replay(update.opened, closed, steps, _days(update.time))
    return made if labels is None else _judged(made, np.asarray(labels))


def refitted(
    detector: Any,
    values: np.ndarray,
    time: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    *,
    every: int,
    tolerance: float | None = 0.1,
) -> Replay:
    """A replay with a detector that goes on with what it has seen, on a schedule.

    After every so many steps the detector is updated (`TimeSeriesDetector.partial_fit`)
    on those since the last update, and a stream of it goes on; an alarm that is open
    then ends, and may open again. Steps of alarms are known anomalies to the update,
    but for alarms over more than half of the steps, which are taken for a change.

    Args:
        detector: A fitted `TimeSeriesDetector` of one series; it stays as it is.
        values: `[T, C]` in units of the data.
        time: `[T]` stamps, increasing; None where steps have none.
        labels: `[T]` 0/1, which no update sees; None where nothing is known.
        every: Steps between updates.
        tolerance: Of an update.

    Raises:
        ValueError: If shapes do not fit or `every` is not positive.
    """
    if every < 1:
        raise ValueError(f"{every=} must be at least 1 step")
    detector, opened, closed, updates = copy.deepcopy(detector), [], [], []
    stream, offset, stamps = detector.stream(), 0, None
    for first in range(0, len(values), every):
        block = slice(first, first + every)
        made = stream.update(values[block], None if time is None else time[block])
        ended = [*made.closed]
        stop = min(first + every, len(values))
        if made.time is not None:
            stamps = np.concatenate([*([] if stamps is None else [stamps]), made.time])
        ended += stream.finish()
        opened += [_later(alarm, offset) for alarm in made.opened]
        ended = [_later(alarm, offset) for alarm in ended]
        closed += ended
        if stop == len(values):
            break
        seen = slice(first, stop)
        why = _updated(detector, values[seen], ended, first, tolerance)
        updates.append((stop, why))
        stream = detector.stream()
        before = max(0, stop - 2 * detector.window)
        stream.update(values[before:stop], None if time is None else time[before:stop])
        stream.finish()
        offset = before
    days = _days(stamps)
    replayed = Replay(opened, closed, len(values), days, updates=tuple(updates))
    return replayed if labels is None else _judged(replayed, np.asarray(labels))


def _updated(
    detector: Any,
    values: np.ndarray,
    ended: list[LiveAlarm],
    first: int,
    tolerance: float | None,
) -> str:
    """Updates a detector on steps that were replayed; why not, where it was refused."""
    spans = [(max(0, alarm.start - first), alarm.stop - first) for alarm in ended]
    known = [
        (start, stop)
        for start, stop in spans
        if 0 < stop - start <= len(values) / 2 and stop > 0
    ]
    try:
        detector.partial_fit(values, known or None, tolerance=tolerance)
    except ValueError as error:
        return str(error)
    return ""


def _later(alarm: LiveAlarm, steps: int) -> LiveAlarm:
    """An alarm of a stream that began so many steps after the recording."""
    moved = {
        name: getattr(alarm, name) + steps
        for name in ("start", "stop", "peak", "opened")
    }
    return dataclasses.replace(alarm, **moved)


def _days(stamps: np.ndarray | None) -> float | None:
    if stamps is None or stamps.dtype.kind != "M" or len(stamps) < 2:
        return None
    return float((stamps[-1] - stamps[0]) / np.timedelta64(1, "D"))


def _judged(made: Replay, labels: np.ndarray) -> Replay:
    detections = np.zeros(made.steps, np.int8)
    for alarm in made.opened:
        detections[alarm.opened] = 1
    spans = [(alarm.opened, alarm.start, alarm.stop) for alarm in made.closed]
    delays, covered = [], 0
    events = segments.segments(labels)
    for start, stop in events.tolist():
        times = [o for o, _, _ in spans if start <= o < stop]
        if times:
            delays.append(min(times) - start)
        elif any(o < start < end for o, _, end in spans):
            covered += 1
    false = sum(not labels[first:stop].any() for _, first, stop in spans)
    return dataclasses.replace(
        made,
        events=len(events),
        delays=tuple(delays),
        covered=covered,
        false_alarms=false,
        nab=nab.nab_score(labels, detections),
    )


def words(made: Replay) -> list[str]:
    """The figures of a replay as lines to read."""
    number = len(made.opened)
    rate = f"{1000 * number / max(made.steps, 1):.2f} per 1,000 steps"
    if made.days:
        rate += f", {number / made.days:.2f} a day"
    lines = [f"{number} alarms in {made.steps} steps: {rate}"]
    for step, why in made.updates:
        lines.append(f"step {step}: {why or 'updated'}")
    if made.events is None or made.nab is None:
        return [*lines, "no labels: nothing to judge by"]
    lines.append(f"{len(made.delays)} of {made.events} labeled events were alarmed")
    if made.delays:
        middle = float(np.median(made.delays))
        least, most = min(made.delays), max(made.delays)
        lines[-1] += f", {middle:g} steps late in the median ({least} to {most})"
    if made.covered:
        lines[-1] += f"; {made.covered} more lie in alarms that were open before"
    lines.append(f"{made.false_alarms} alarms touch no labeled event")
    if made.events:
        lines.append(f"NAB score {made.nab.score:.2f} (standard profile)")
    return lines
