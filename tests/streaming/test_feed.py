"""Feeds: what becomes of rows that are not as they should be, and of killed watches."""

from __future__ import annotations

import functools
import json
import pathlib
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.streaming import Stream, feed, journal, rows, sources, storage, watching

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
                place = more["place"]
                kept.resume(more["number"])
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
    assert kept.give({"alarm": "opened"}) == 1
    assert kept.give({"alarm": "closed"}) == 2
    kept.close()
    path = tmp_path / "state" / journal.ALARMS
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    kept = journal.Journal(tmp_path / "state")
    assert kept.written == 1
    kept.resume(0)
    assert kept.give({"alarm": "opened"}) is None
    assert kept.give({"alarm": "closed"}) == 2
    kept.close()
    assert path.read_bytes() == whole


def alarm(kind: str, entity: str, opened: int) -> dict:
    return {"alarm": kind, "entity": entity, "start": opened, "opened": opened}


def test_alarms_of_several_entities_come_again_in_any_order(tmp_path):
    first = [alarm(kind, "a", n) for n in (1, 5) for kind in ("opened", "closed")]
    kept = journal.Journal(tmp_path / "state")
    assert [kept.give(one) for one in first] == [1, 2, 3, 4]
    kept.close()
    # Read again in other blocks, another entity's alarm comes between.
    kept = journal.Journal(tmp_path / "state")
    kept.resume(0)
    assert kept.number == 0
    again = [*first[:2], alarm("opened", "b", 3), *first[2:3]]
    assert [kept.give(one) for one in again] == [None, None, 5, None]
    # The fourth has not come again yet: a state saved now waits for it.
    assert kept.number == 3
    kept.close()
    kept = journal.Journal(tmp_path / "state")
    kept.resume(3)
    assert kept.give(alarm("opened", "b", 3)) is None
    assert kept.give(alarm("closed", "b", 3)) == 6
    assert kept.give(first[3]) is None
    assert kept.number == 6
    kept.close()


def test_after_lost_rows_of_a_pipe_other_alarms_are_written(tmp_path):
    kept = journal.Journal(tmp_path / "state")
    assert kept.give(alarm("opened", "a", 3)) == 1
    kept.close()
    kept = journal.Journal(tmp_path / "state")
    kept.resume(0)
    later = [alarm(kind, "a", 7) for kind in ("opened", "closed")]
    assert [kept.give(one) for one in later] == [2, 3]
    assert kept.number == 3
    kept.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_watch_of_several_entities_loses_and_doubles_none(tmp_path, seed):
    """Batches are cut elsewhere after a kill, so alarms come in another order."""
    rng = np.random.default_rng(seed)
    head, *good = lines(recording(400))
    units = [b"left", b"middle", b"right"]
    feed_of = [head + b",unit", *(b",".join(each) for each in product(good, units))]

    def watched(folder: pathlib.Path, lives: int) -> list[tuple]:
        for life in range(lives):
            given, kept = made(entity_column="unit"), journal.Journal(folder)
            place, content, last = 0, kept.state(), life == lives - 1
            if content is None:
                kept.save(given.dump({"place": 0, "number": 0}))
            else:
                more = given.restore(content, folder)
                place = more["place"]
                kept.resume(more["number"])
            while place < len(feed_of):
                stop = place + int(rng.integers(1, 200))
                alarms = given.take(feed_of[place:stop])
                killed = not last and rng.random() < 0.4
                number = int(rng.integers(0, len(alarms) + 1)) if killed else None
                for kind, one in alarms[:number]:
                    kept.give({"alarm": kind, **watching.as_row(one)})
                if killed:
                    break
                place = stop
                kept.save(given.dump({"place": place, "number": kept.number}))
            kept.close()
        each = (folder / journal.ALARMS).read_text().splitlines()
        rows_of = [json.loads(line) for line in each]
        assert [row["number"] for row in rows_of] == list(range(1, len(rows_of) + 1))
        return sorted((row["entity"], row["opened"], row["alarm"]) for row in rows_of)

    once = watched(tmp_path / "once", 1)
    assert len(once) >= 60
    assert watched(tmp_path / "killed", 25) == once


CELLS = ("0.5", "-3", "1e308", "-1e308", "1e400", "nan", "", " ", "x", '"', "true", "é")
STAMPS = (
    *("5", "6", "7", "1e308", "-1e308", "1e18", "1767225600", "1767225601", "1e300"),
    *("2026-01-01T00:00:00", "2026-01-01 00:00:01+02:00", "1700-01-01", "9999-12-31"),
    *("0001-01-01", "2262-04-11T23:47:16.9", "2026-13-45", "", "null", "12:30"),
)
OTHERS = (b"", b"\xff\xfe", b"[]", b"{}", b"null", b"{", b'"', b"\x00", b"a,b", b",,,,")


def row_of(cells: tuple[str, str, str], form: str) -> bytes:
    """A row as CSV, or as JSON with and without a stamp."""
    names = ("time", "channel_0", "channel_1")
    if form == "csv":
        return ",".join(cells).encode()
    given = {name: cell for name, cell in zip(names, cells, strict=True)}
    return json.dumps(given if form == "json" else list(cells[1:])).encode()


@settings(max_examples=300)
@given(
    st.sampled_from(["csv", "json", "list"]),
    st.lists(
        st.tuples(st.sampled_from(STAMPS), *[st.sampled_from(CELLS)] * 2)
        | st.sampled_from(OTHERS),
        max_size=60,
    ),
    st.sampled_from([None, "s", "ns", "%d.%m.%Y"]),
    st.integers(1, 20),
)
def test_no_garbage_ends_a_feed(form, each, time_format, size):
    """Every line is a row, or counted; the state can be saved after any of them."""
    each = [row_of(e, form) if isinstance(e, tuple) else e for e in each]
    if form == "csv":
        each = [b"time,channel_0,channel_1", *each]
    else:
        each = [row_of(("5", "0", "0"), form), *each]

    def new() -> feed.Feed:
        own = made()
        own.reader.time_format = time_format
        return own

    given_, whole = new(), new()
    for first in range(0, len(each), size):
        given_.take(each[first : first + size])
        content = given_.dump({})
        given_ = new()
        given_.restore(content, "here")
    whole.take(each)
    assert given_.counts == whole.counts
    counts, steps = whole.counts, [e.stream.step for e in whole.entities.values()]
    assert (
        counts.rows == sum(steps) + counts.malformed + counts.late + counts.duplicated
    )
    assert counts.missing < 60 * feed.MOST_MISSING


def test_rows_without_stamps_between_others_change_no_order():
    """As requests to a server may come: each has a reader of its own."""
    given_ = made()
    channels = [str(name) for name in detector().feature_names_in_]
    requests = [
        [b'{"time": 10, "channel_0": 0, "channel_1": 0}'],
        [b"[0, 0]"],
        [b'{"time": 9, "channel_0": 0, "channel_1": 0}'],
        [b'{"time": 11, "channel_0": 0, "channel_1": 0}'],
    ]
    for request in requests:
        given_.take(request, rows.Reader(channels))
    assert given_.counts.late == 1
    [entity] = given_.entities.values()
    assert entity.stream.step == 3


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
