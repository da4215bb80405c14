from __future__ import annotations

import bz2
import gzip
import lzma
import pathlib
import re

import numpy as np
import pandas as pd
import pytest

from jaxtsad.datasets.reading import tabular

CSV = """time,flow,level,fault
2024-03-01T00:00:00,1,2.5,0
2024-03-01T00:01:00,,3.5,0
2024-03-01T00:02:00,5,4.5,1
2024-03-01T00:03:00,7,5.5,1
"""


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "pump.csv"
    path.write_text(CSV)
    return path


def one_line(caught: pytest.ExceptionInfo[Exception]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_columns_are_channels_but_the_named_ones(path: pathlib.Path) -> None:
    recording = tabular.read(path, time_column="time", label_column="fault")
    assert recording.channels == ("flow", "level")
    assert recording.values.dtype == np.float64
    np.testing.assert_array_equal(
        recording.values, [[1, 2.5], [np.nan, 3.5], [5, 4.5], [7, 5.5]]
    )
    assert recording.labels is not None and recording.labels.tolist() == [0, 0, 1, 1]
    assert recording.time is not None
    assert recording.time[1] == np.datetime64("2024-03-01T00:01")


def test_channels_are_selected_in_their_order(path: pathlib.Path) -> None:
    recording = tabular.read(path, channels=["level", "flow"])
    assert recording.channels == ("level", "flow")
    assert recording.values[0].tolist() == [2.5, 1]
    assert recording.labels is None


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_packed_text_reads_as_text(
    path: pathlib.Path, suffix: str, pack: type[bytes]
) -> None:
    packed = path.with_name(path.name + suffix)
    packed.write_bytes(pack(path.read_bytes()))
    expected = tabular.read(path, time_column="time")
    recording = tabular.read(packed, time_column="time")
    np.testing.assert_array_equal(recording.values, expected.values)
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(ValueError, match="cannot read") as caught:
        tabular.read(packed, time_column="time")
    assert packed.name in one_line(caught)


def test_parquet_reads_as_text(path: pathlib.Path) -> None:
    table = pd.read_csv(path, parse_dates=["time"])
    table["on"] = [True, False, True, True]
    stored = path.with_suffix(".parquet")
    table.to_parquet(stored)
    recording = tabular.read(stored, time_column="time", label_column="fault")
    expected = tabular.read(path, time_column="time", label_column="fault")
    np.testing.assert_array_equal(recording.values[:, :2], expected.values)
    assert recording.values[:, 2].tolist() == [1, 0, 1, 1]
    np.testing.assert_array_equal(recording.time, expected.time)
    with pytest.raises(ValueError, match="'time' holds times, not numbers"):
        tabular.read(stored, channels=["time", "flow"])
    stored.write_bytes(stored.read_bytes()[:-9])
    with pytest.raises(ValueError, match="cannot read") as caught:
        tabular.read(stored)
    one_line(caught)


def test_arrays(tmp_path: pathlib.Path) -> None:
    values = np.arange(6.0).reshape(3, 2)
    np.save(tmp_path / "a.npy", values)
    recording = tabular.read(tmp_path / "a.npy")
    assert recording.channels == ("channel_0", "channel_1")
    np.testing.assert_array_equal(recording.values, values)
    np.save(tmp_path / "b.npy", values[:, 0])
    assert tabular.read(tmp_path / "b.npy").values.shape == (3, 1)
    np.savez(tmp_path / "c.npz", x=values, y=np.array([0, 1, 0]), z=values)
    recording = tabular.read(tmp_path / "c.npz", key="x", label_column="y")
    assert recording.labels is not None and recording.labels.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(recording.values, values)
    np.savez(tmp_path / "d.npz", x=values, y=np.array([0, 1, 0]))
    recording = tabular.read(tmp_path / "d.npz", label_column="y")
    np.testing.assert_array_equal(recording.values, values)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones((2, 2)), "y": np.ones((2, 2))}, "holds the arrays x, y"),
        ({"x": np.ones((2, 2, 2))}, r"\(2, 2, 2\), expected \[steps\]"),
        ({"x": np.array(["a"])}, "expected numbers"),
        ({"x": np.array([{}])}, "pickle"),
        ({"x": np.ones((0, 2))}, "is empty"),
        ({"x": np.ones((2, 2)), "label": np.ones(3)}, r"'label' is \(3,\)"),
    ],
)
def test_arrays_that_are_no_recording(
    tmp_path: pathlib.Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message) as caught:
        tabular.read(path, label_column="label" if "label" in arrays else None)
    assert str(path) in one_line(caught)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.parquet", "a.csv.gz", "a.csv"])
@pytest.mark.parametrize("content", [b"", b"\x00\xffgarbage\x81", bytes(range(256))])
def test_garbage_is_one_line(tmp_path: pathlib.Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))}") as caught:
        tabular.read(path)
    one_line(caught)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "is empty"),
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, expected 2"),
        ("a,b\n1,2\n3,4,5\n", "(?i)expected 2 fields in line 3, saw 3"),
        ("a,b\n1,2,3\n4,5,6\n", "row 2 has 3 cells, expected 2"),
        ("a,b\n1,2\n3,x4\n", "'x4' in column 'b', data row 2"),
        ("a,b\n1,2\n2024-01-01,4\n", "'2024-01-01' in column 'a', data row 2"),
    ],
)
def test_bad_text_names_the_place(
    tmp_path: pathlib.Path, text: str, message: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        tabular.read(path)
    assert str(path) in one_line(caught)


def test_text_without_a_header(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1,2\n3,4\n")
    recording = tabular.read(path)
    assert recording.channels == ("channel_0", "channel_1")
    assert recording.values.tolist() == [[1, 2], [3, 4]]
    recording = tabular.read(path, header=True)
    assert recording.channels == ("1", "2")
    path.write_text("1;2\n3;4\n")
    assert tabular.read(path, separator=";").values.tolist() == [[1, 2], [3, 4]]
    tabs = tmp_path / "a.tsv"
    tabs.write_text("a\tb\n1\t2\n")
    assert tabular.read(tabs).channels == ("a", "b")


def test_large_values_stay_as_they_are(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a\n1e300\n-inf\n2\n")
    recording = tabular.read(path)
    assert recording.values.ravel().tolist() == [1e300, -np.inf, 2]
    assert "1 cells are infinite and taken as missing" in recording.notes


def test_missing_columns_and_files(path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="no column 'flux', it has time, flow, level"):
        tabular.read(path, channels=["flux"])
    with pytest.raises(ValueError, match="no column 'when'"):
        tabular.read(path, time_column="when")
    with pytest.raises(ValueError, match=r"'nan' in column 'flow', data row 2.*0 or 1"):
        tabular.read(path, label_column="flow", channels=["level"])
    with pytest.raises(ValueError, match=r"'nan' in column 'flow', data row 2.*time"):
        tabular.read(path, time_column="flow", channels=["level"])
    with pytest.raises(FileNotFoundError, match="there is no file"):
        tabular.read(path.with_name("other.csv"))
    with pytest.raises(ValueError, match=r"kind '\.xlsx', expected \.csv"):
        path.with_suffix(".xlsx").write_text("")
        tabular.read(path.with_suffix(".xlsx"))
    path.write_text("time\n1\n")
    with pytest.raises(ValueError, match="no channel beside time"):
        tabular.read(path, time_column="time")


NAMED = {"time_column": "time", "label_column": "fault"}


@pytest.mark.parametrize(
    "boundary",
    [
        2,
        np.int64(2),
        "2024-03-01T00:02:00",
        "2024-03-01T00:01:30",
        "2024-03-01T01:02:00+01:00",
    ],
)
def test_a_recording_is_cut_by_index_or_time(
    path: pathlib.Path, boundary: int | str
) -> None:
    series = tabular.load(path, boundary=boundary, **NAMED)  # type: ignore[arg-type]
    assert series.name == "pump" and series.channels == ("flow", "level")
    assert len(series.train) == 2
    assert series.test is not None and series.test.tolist() == [[5, 4.5], [7, 5.5]]
    assert series.labels is not None and series.labels.tolist() == [1, 1]
    assert series.kinds == ((0, 2, "anomaly"),)
    assert series.metadata["train_labels"].tolist() == [0, 0]
    assert len(series.metadata["train_time"]) == len(series.metadata["test_time"]) == 2


@pytest.mark.parametrize("boundary", [20.0, "20", "15.5"])
def test_times_may_be_numbers(tmp_path: pathlib.Path, boundary: float | str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,x\n0,1\n10,2\n20,3\n20,4\n")
    series = tabular.load(path, boundary=boundary, time_column="t")
    assert series.train.ravel().tolist() == [1, 2]


@pytest.mark.parametrize(
    ("boundary", "message"),
    [
        (0, "boundary=0 lies outside .*expected 1 to 3 for a recording of 4 steps"),
        (4, "boundary=4 lies outside"),
        (-1, "boundary=-1 lies outside"),
        ("2024-03-01T00:00:00", "lies outside .*after 2024-03-01T00:00:00"),
        ("2025-01-01", "lies outside"),
        ("yesterday", "boundary='yesterday' is not an ISO 8601 time"),
        (3.5, "boundary=3.5 is not an ISO 8601 time"),
    ],
)
def test_boundaries_outside_the_recording(
    path: pathlib.Path, boundary: int | float | str, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        tabular.load(path, boundary=boundary, **NAMED)  # type: ignore[arg-type]
    one_line(caught)


def test_a_time_needs_a_time_column_and_goes_forward(path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="is a time and needs time_column"):
        tabular.load(path, boundary="2024-03-01T00:02:00", drop=["time"])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], lines[3], lines[2], lines[4]]) + "\n")
    series = tabular.load(path, boundary="2024-03-01T00:02:00", **NAMED)  # type: ignore[arg-type]
    assert series.train[0].tolist() == [1, 2.5] and np.isnan(series.train[1, 0])
    assert "goes back from 2024-03-01 00:02:00" in series.metadata["notes"][0]


def test_two_files(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text("level,flow,time\n1,2,2024-02-01\n3,4,2024-02-02\n")
    series = tabular.load(train, path, name="pump 7", **NAMED)  # type: ignore[arg-type]
    assert series.name == "pump 7" and series.channels == ("level", "flow")
    assert series.test is not None and series.test[0].tolist() == [2.5, 1]
    assert series.labels is not None and "train_labels" not in series.metadata
    with pytest.raises(ValueError, match="not both"):
        tabular.load(train, path, boundary=2)
    with pytest.raises(ValueError, match=r"columns that .*train\.csv lacks: fault"):
        tabular.load(train, path, time_column="time")
    train.write_text("level,flow,extra,time\n1,2,3,2024-02-01\n")
    with pytest.raises(ValueError, match="no column 'extra'"):
        tabular.load(train, path, **NAMED)  # type: ignore[arg-type]
    some = tabular.load(train, path, channels=["flow"], **NAMED)  # type: ignore[arg-type]
    assert some.channels == ("flow",)


def test_one_file_without_boundary_has_no_test_part(path: pathlib.Path) -> None:
    series = tabular.load(path, time_column="time")
    assert series.test is None and series.labels is None and series.kinds == ()
    assert len(series.train) == 4
