"""Feeds: what becomes of rows that are not as they should be, and of killed watches."""

from __future__ import annotations

import functools
import json
import pathlib

import numpy as np
import pytest

from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.streaming import Stream, feed, journal, rows, sources, storage

CHANNELS = 2


@functools.cache
def detector() -> TimeSeriesDetector:
    values = np.random.default_rng(0).normal(size=(300, CHANNELS))
    return TimeSeriesDetector("zscore", window=8).fit(values)


def recording(steps: int = 200) -> np.ndarray:
    values = np.random.default_rng(1).normal(size=(steps, CHANNELS))
    for first in range(30, steps, 40):
        values[first : first + 3] += 12.0
    return values


def lines(values: np.ndarray, first: int = 0) -> list[bytes]:
    cells = (
        f"{first + n}," + ",".join(f"{x:.6f}" for x in row)
        for n, row in enumerate(values)
    )
    return [b"time,channel_0,channel_1", *(cell.encode() for cell in cells)]


def restored(content) -> Stream:
    own = detector()
    parameters, channels = own.get_params(deep=False), list(own.feature_names_in_)
    return Stream.restored(own.stream().detector, parameters, channels, content)[0]


def made(note=lambda text: None, entity_column=None) -> feed.Feed:
    channels = [str(name) for name in detector().feature_names_in_]
    reader = rows.Reader(channels, entity_column=entity_column)

    def new(entity):
        return detector().stream(None if entity is None else [entity])

    return feed.Feed(reader, new, restored, note)


def taken(given: feed.Feed, each: list[bytes]) -> list[tuple]:
    alarms = given.take(each)
    return [(kind, alarm.start, alarm.stop, alarm.score) for kind, alarm in alarms]


def test_alarms_are_those_of_the_stream():
    values = np.round(recording(), 6)
    update = detector().stream().update(values)
    alarms = made().take(lines(values))
    assert len(update.opened) >= 5
    assert [a.opened for kind, a in alarms if kind == "opened"] == [
        alarm.opened for alarm in update.opened
    ]
    assert [a.stop for kind, a in alarms if kind == "closed"] == [
        alarm.stop for alarm in update.closed
    ]


def test_rows_that_are_left_out_change_nothing_and_are_counted():
    head, *good = lines(recording())
    notes: list[str] = []
    given = made(notes.append)
    odd = [b"1,2", b"5,x,1", b"\xff\xfe", b"3,0,0", b"99,1,1", b"", head]
    alarms = taken(given, [head, *good[:100], *odd, *good[100:]])
    assert alarms == taken(made(), [head, *good])
    counts = given.counts
    assert (counts.malformed, counts.late, counts.duplicated) == (3, 1, 1)
    assert counts.rows == 205
    assert len(notes) == 3
    assert "expected 3" in notes[0]


def test_missing_rows_are_counted_and_missing_cells_are_the_last_value():
    head, *good = lines(recording())
    given = made()
    taken(given, [head, *good[:50], *good[60:]])
    assert given.counts.missing == 10
    both = []
    for cell in (b"", b"%.6f" % recording()[99, 1]):
        changed = [*good]
        changed[100] = good[100].rsplit(b",", 1)[0] + b"," + cell
        both.append(taken(made(), [head, *changed]))
    assert both[0] == both[1]


def test_entities_have_streams_of_their_own():
    head, *good = lines(recording())
    rows_of_both = [line + b"," + name for line in good for name in (b"left", b"right")]
    given = made(entity_column="unit")
    alarms = given.take([head + b",unit", *rows_of_both])
    for name in ("left", "right"):
        own = [(k, a.start, a.stop, a.score) for k, a in alarms if a.entity == name]
        assert own == taken(made(), [head, *good])


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_watch_resumes_without_lost_or_doubled_alarms(tmp_path, seed):
    rng = np.random.default_rng(seed)
    content = b"\n".join(lines(recording(400))) + b"\n"
    path = tmp_path / "feed.csv"
    path.write_bytes(content)

    def watched(folder: pathlib.Path, lives: int) -> list[dict]:
        """Reads the file in as many lives, all but the last ended anywhere."""
        for life in range(lives):
            given, kept = made(), journal.Journal(folder)
            place = 0
            state = kept.state()
            if state is not None:
                more = given.restore(state, folder)
                place, kept.number = more["place"], more["number"]
            for batch in sources.of_file(str(path), place):
                for line in batch.lines:
                    for kind, alarm in given.take([line]):
                        kept.give({"alarm": kind, "start": alarm.start})
                    place += len(line) + 1
                    if rng.random() < 0.1:
                        more = {"place": place, "number": kept.number}
                        kept.save(given.dump(more))
                    if life < lives - 1 and rng.random() < 0.02:
                        break
                else:
                    continue
                break
            kept.close()
        each = (folder / journal.ALARMS).read_text().splitlines()
        return [json.loads(line) for line in each]

    once = watched(tmp_path / "once", 1)
    assert len(once) >= 20
    assert watched(tmp_path / "killed", 8) == once


def test_a_line_half_written_at_a_kill_is_written_again(tmp_path):
    kept = journal.Journal(tmp_path / "state")
    assert kept.give({"alarm": "opened"}) and kept.give({"alarm": "closed"})
    kept.close()
    path = tmp_path / "state" / journal.ALARMS
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    kept = journal.Journal(tmp_path / "state")
    assert kept.written == 1
    assert not kept.give({"alarm": "opened"})
    assert kept.give({"alarm": "closed"})
    kept.close()
    assert path.read_bytes() == whole


def test_a_state_of_another_detector_is_refused():
    given = made()
    taken(given, lines(recording(50)))
    content = given.dump({})
    other = TimeSeriesDetector("zscore", window=8).fit(recording())

    def of_other(content):
        parameters = other.get_params(deep=False)
        channels = list(other.feature_names_in_)
        return Stream.restored(other.stream().detector, parameters, channels, content)

    another = made()
    another._restored = of_other
    with pytest.raises(ValueError, match="of another detector"):
        another.restore(content, "here")
    with pytest.raises(ValueError):
        storage.unpack(content[:-9], "here")
