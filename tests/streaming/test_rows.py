"""Lines of CSV and JSON to rows."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.streaming.rows import Malformed, Reader


def read(*lines: str, **options) -> list:
    reader = Reader(["a", "b"], **options)
    return [row for line in lines if (row := reader.row(line.encode())) is not None]


@pytest.mark.parametrize(
    "lines",
    [
        ("b,a", "2,1"),
        ("a;b", "1;2"),
        ("x\ta\tb", "9\t1\t2"),
        ("1,2",),
        ("\ufeffa,b", "", "1,2", "a,b"),
        ('{"b": 2, "a": 1, "more": "x"}',),
        ("[1, 2]",),
    ],
)
def test_channels_are_taken_by_name(lines):
    (row,) = read(*lines)
    assert row.values.tolist() == [1.0, 2.0]
    assert row.time is None


def test_stamps_are_utc_and_numbers_without_a_unit_stay_numbers():
    (row,) = read("time,a,b", "2026-01-01T02:00:00+02:00,1,2")
    assert row.time == np.datetime64("2026-01-01T00:00:00")
    (row,) = read('{"timestamp": 1767225600, "a": 1, "b": 2}')
    assert row.time == np.datetime64("2026-01-01T00:00:00")
    (row,) = read("time,a,b", "3.5,1,2")
    assert row.time == 3.5
    (row,) = read(
        "day,a,b", "31.12.2025,1,2", time_column="day", time_format="%d.%m.%Y"
    )
    assert row.time == np.datetime64("2025-12-31")


@pytest.mark.parametrize("cell", ["", "NaN", "null", "-999", "inf", "1e400"])
def test_what_is_missing_is_nan(cell):
    (row,) = read("a,b", f"1,{cell}", missing=[-999])
    assert np.isnan(row.values[1])


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("a,b", "1"), "1 cells, expected 2"),
        (("a,b", "1,x"), "'x' in 'b' is no number"),
        (('{"a": 1, "b": 2}', '{"a": 1}'), "lacks 'b'"),
        (('{"a": 1, "b": 2}', "{"), "no JSON"),
        (('{"a": 1, "b": true}',), "no number"),
        (("[1]",), "1 numbers, expected 2"),
        (("time,a,b", "yesterday,1,2"), "no time"),
    ],
)
def test_malformed_lines_say_why(lines, why):
    with pytest.raises(Malformed, match=why):
        read(*lines)


def test_garbage_amid_json_is_no_header():
    reader = Reader(["a", "b"])
    with pytest.raises(Malformed, match="JSON"):
        reader.row(b'{"a": 1')
    for line in (b"a,b", b"garbage", b"1,2"):
        with pytest.raises(Malformed, match="no JSON"):
            reader.row(line)
    assert reader.row(b"[1, 2]").values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("cell", "time_format"),
    [("1e300", "s"), ("9999-12-31", None), ("0001-01-01T00:00+14:00", None)],
)
def test_times_that_no_stamp_can_hold_are_malformed(cell, time_format):
    reader = Reader(["a"], time_format=time_format)
    assert reader.row(b"time,a") is None
    with pytest.raises(Malformed, match="is no time"):
        reader.row(f"{cell},1".encode())


def test_a_header_without_a_channel_is_refused():
    with pytest.raises(ValueError, match="lacks the channel 'b'"):
        read("time,a,c")
    with pytest.raises(ValueError, match="the column 'unit'"):
        read("a,b", entity_column="unit")
    with pytest.raises(ValueError, match="3 cells"):
        read("1,2,3")
