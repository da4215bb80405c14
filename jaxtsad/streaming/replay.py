"""A recording once more, as if it came live: what would have been alarmed, and when."""

from __future__ import annotations

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
    days = None
    if update.time is not None and update.time.dtype.kind == "M" and steps > 1:
        days = float((update.time[-1] - update.time[0]) / np.timedelta64(1, "D"))
    made = Replay(update.opened, closed, steps, days)
    return made if labels is None else _judged(made, np.asarray(labels))


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
