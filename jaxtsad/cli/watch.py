"""The command that watches a feed: rows in, alarms out as they open and close."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jaxtsad.cli import recordings

if TYPE_CHECKING:
    from jaxtsad.streaming.feed import Feed
    from jaxtsad.streaming.journal import Journal
    from jaxtsad.streaming.sources import Batch

STANDARD_INPUT = "-"


def watch(options: argparse.Namespace) -> None:
    """Watches a feed until it ends or the process is told to."""
    from jaxtsad import files
    from jaxtsad.streaming import feed, journal, rows, sources
    from jaxtsad.training import memory

    memory.keep()
    if options.save_every < 1:
        raise ValueError(f"--save-every={options.save_every} must be at least 1")
    if options.follow and options.file == STANDARD_INPUT:
        raise ValueError("--follow is of a file; standard input is always followed")
    detector = recordings.load(options.model)
    missing = detector.missing_values
    reader = rows.Reader(
        list(detector.feature_names_in_),
        time_column=options.time_column,
        entity_column=options.entity_column,
        time_format=options.time_format or detector.time_format,
        missing=() if missing is None else [*missing],
    )
    _check_entities(detector, options.entity_column)
    scored = _drifts(detector) if options.drift else feed.ignore
    made = feed.Feed(reader, *feed.streams_of(detector), _note, scored)
    with contextlib.ExitStack() as stack:
        kept, place = None, 0
        if options.state is not None:
            stack.enter_context(files.locked(options.state, "the state of a watch"))
            kept = stack.enter_context(
                contextlib.closing(journal.Journal(options.state))
            )
            place = _restore(made, kept)
        if options.file == STANDARD_INPUT:
            batches = sources.of_pipe(sys.stdin.fileno())
        else:
            batches = sources.of_file(options.file, place, options.follow)
        with _ended_by_signals(batches) as rest:
            _run(made, rest, kept, options)
    _tell_counts(made)


def _run(
    made: Feed, batches: Iterator[Batch], kept: Journal | None, options: Any
) -> None:
    saved, place = made.lines, 0
    for lines, place in batches:
        alarms = made.take(lines)
        _give(alarms, kept, options.human)
        behind = made.lines - saved
        due = alarms or behind >= options.save_every or (behind and not lines)
        if kept is not None and due:
            _save(made, kept, place)
            saved = made.lines
    if kept is not None:
        _save(made, kept, place)
    else:
        _give(made.finish(), kept, options.human)


def _restore(made: Feed, kept: Journal) -> int:
    """Goes on from a saved state; the place from which a file is read."""
    content = kept.state()
    if content is None:
        kept.save(made.dump({"place": 0, "number": 0}))
        return 0
    more = made.restore(content, kept.folder)
    kept.resume(more["number"])
    return int(more["place"])


def _save(made: Feed, kept: Journal, place: int) -> None:
    kept.save(made.dump({"place": place, "number": kept.number}))


def _give(alarms: list[tuple[str, Any]], kept: Journal | None, human: bool) -> None:
    """Writes alarms down and tells them, one after the other."""
    from jaxtsad.streaming import watching

    for kind, alarm in alarms:
        row = {"alarm": kind, **watching.as_row(alarm)}
        if kept is not None:
            number = kept.give(row)
            if number is None:
                continue
            # As the file of alarms has it, so that both can be compared.
            row = {"number": number, **row}
        print(as_line(row) if human else json.dumps(row), flush=True)


def as_line(row: dict[str, Any]) -> str:
    """An alarm as a line to read."""
    start = row.get("start_time", f"step {row['start']}")
    whose = "" if row["entity"] == "series" else f"{row['entity']}: "
    size = f"severity {row['severity']:.2f}"
    if row["alarm"] == "opened":
        return f"{whose}ALARM since {start}, {size}"
    stop = row.get("stop_time", f"step {row['stop'] - 1}")
    steps = row["stop"] - row["start"]
    length = f"{steps} step{'' if steps == 1 else 's'}"
    return f"{whose}over: {start} to {stop}, {length}, {size}"


def _drifts(detector: Any) -> Any:
    """Tells of drift in what was scored."""
    monitors: dict[str | None, Any] = {}
    if len(detector.entities_) == 1:
        monitors[None] = detector.drift_monitor()  # What it lacks is said at once.

    def scored(entity: str | None, values: Any, update: Any) -> None:
        if entity not in monitors:
            monitors[entity] = detector.drift_monitor(entity)
        whose = "" if entity is None else f"{entity}: "
        for found in monitors[entity].update(values, update.scores.reshape(-1)):
            _note(whose + found.words)

    return scored


def _check_entities(detector: Any, entity_column: str | None) -> None:
    number = len(detector.entities_)
    if number > 1 and entity_column is None:
        raise ValueError(
            f"the model has {number} entities, one model each; name the column of "
            "entities by --entity-column"
        )


@contextlib.contextmanager
def _ended_by_signals(batches: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
    """Batches up to a signal to end, by which the state is still saved."""

    class Ended(Exception):
        pass

    waiting = False
    asked = False

    def end(*_: object) -> None:
        nonlocal asked
        asked = True
        if waiting:
            raise Ended

    def until_asked() -> Iterator[Batch]:
        nonlocal waiting
        while not asked:
            try:
                waiting = True
                batch = next(batches, None)
            except Ended:
                return
            finally:
                waiting = False
            if batch is None:
                return
            yield batch

    before = {
        each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield until_asked()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _tell_counts(made: Feed) -> None:
    from jaxtsad.streaming.feed import KINDS

    each = ((getattr(made.counts, kind), kind) for kind in KINDS)
    odd = "".join(f", {number} {kind}" for number, kind in each if number)
    print(f"{made.counts.rows} rows{odd}", file=sys.stderr)


def _note(text: str) -> None:
    print(f"note: {' '.join(text.split())}", file=sys.stderr, flush=True)
