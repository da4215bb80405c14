"""Stamps that repeat, go back, have a time zone or stand in an index, and entities."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxtsad import TimeSeriesDetector
from jaxtsad.datasets.reading import containers, tables, tabular
from jaxtsad.datasets.reading.recording import Recording
from jaxtsad.types import DataWarning

STEPS = 120


def frame(start: str = "2024-03-01", zone: str | None = None) -> pd.DataFrame:
    index = pd.date_range(start, periods=STEPS, freq="min", tz=zone)
    values = np.random.default_rng(0).normal(size=(STEPS, 2))
    return pd.DataFrame(values, index, ["a", "b"])


def read(table: pd.DataFrame, **options: Any) -> Recording:
    [recording] = containers.read(table, "series", tables.Options(**options))
    return recording


def test_counted_stamps_may_repeat() -> None:
    table = frame().reset_index(drop=True)
    table.insert(0, "time", np.arange(STEPS) // 2)
    recording = read(table)
    assert recording.channels == ("a", "b") and len(recording) == STEPS // 2
    assert any("60 rows repeat a time stamp" in note for note in recording.notes)
    assert read(table[:1]).channels == ("a", "b")


def test_a_time_that_goes_back_and_forth_is_said() -> None:
    table = frame().reset_index(drop=True)
    stamps = np.random.default_rng(1).normal(size=STEPS)
    recording = read(table.assign(timestamp=stamps))
    assert recording.channels == ("a", "b", "timestamp")
    [note] = recording.notes
    assert "'timestamp' is called a time" in note and "--drop" in note
    chosen = read(table.assign(timestamp=stamps), channels=("timestamp",))
    assert not chosen.notes


def test_a_missing_stamp_is_refused_whatever_its_column_holds() -> None:
    table = frame().rename_axis("time").reset_index()
    epochs = table["time"].astype("int64") // 10**9
    hole = np.arange(STEPS) == 5
    for column in (
        table["time"].mask(hole),
        table["time"].astype(str).mask(hole),
        epochs.mask(hole),
        epochs.astype("Int64").mask(hole),
        pd.Series(np.arange(STEPS)).mask(hole),
    ):
        with pytest.raises(ValueError, match="in column 'time', data row 6"):
            read(table.assign(time=column))


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_an_index_of_epochs_is_time_whatever_its_name(unit: int) -> None:
    table = frame()
    seconds = np.arange(1_709_251_200, 1_709_251_200 + 60 * STEPS, 60)
    turned = table.set_axis(pd.Index(seconds * unit), axis=0)[::-1]
    recording = read(turned)
    np.testing.assert_array_equal(recording.time, table.index.to_numpy())
    np.testing.assert_array_equal(recording.values, table.to_numpy())
    assert any("the index is read as time" in note for note in recording.notes)


def test_known_anomalies_without_a_zone_are_in_that_of_the_recording() -> None:
    table = frame(zone="America/New_York")
    begin, end = "2024-03-01 00:30", "2024-03-01 00:39"
    detector = TimeSeriesDetector("zscore", window=8)
    known = [
        [(30, 40)],
        [(begin, end)],
        [(pd.Timestamp(begin), pd.Timestamp(end))],
        [(f"{begin}-05:00", f"{end}-05:00")],
        pd.Series(1, table.index[30:40]),
        pd.Series(1, table.index[30:40].tz_localize(None)),
        pd.Series(1, table.index[30:40].tz_convert("UTC")),
    ]
    assert len({detector.fit(table, y).threshold_ for y in known}) == 1


def test_a_boundary_without_a_zone_is_in_that_of_the_recording(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "a.csv"
    frame(zone="Asia/Tokyo").rename_axis("time").to_csv(path)
    for boundary in (80, "2024-03-01 01:20", "2024-02-29T16:20Z"):
        series = tabular.load(path, boundary=boundary)
        assert len(series.train) == 80


def test_an_hour_that_comes_twice_or_never_is_one_moment() -> None:
    table = frame("2024-03-31 01:30", "Europe/Berlin")
    y = [("2024-03-31 02:30", "2024-03-31 03:10")]
    assert TimeSeriesDetector("zscore", window=8).fit(table, y).threshold_ > 0
    table = frame("2024-10-27 01:30", "Europe/Berlin")
    y = [("2024-10-27 02:10", "2024-10-27 02:20")]
    assert TimeSeriesDetector("zscore", window=8).fit(table, y).threshold_ > 0


def test_rows_of_no_entity_are_refused_and_numbers_and_words_are_one() -> None:
    table = frame().assign(machine=["m1", "m2"] * (STEPS // 2))
    options = tables.Options(entity_column="machine")
    assert [each.name for each in containers.read(table, "x", options)] == ["m1", "m2"]
    for gap in (table.index[5:7], table.index):
        holes = table.copy()
        holes.loc[gap, "machine"] = None
        with pytest.raises(ValueError, match=f"{len(gap)} rows have no name in column"):
            containers.read(holes, "x", options)
    mixed = table.assign(machine=np.array([1, "1"] * (STEPS // 2), dtype=object))
    [one] = containers.read(mixed, "x", options)
    assert one.name == "1" and len(one) == STEPS


def test_a_panel_that_is_taken_as_one_series_is_said() -> None:
    panel = pd.concat({"m1": frame(), "m2": frame()}, names=["machine", "time"])
    with pytest.warns(DataWarning, match="level machine left out.*--entity-column"):
        TimeSeriesDetector("zscore", window=8).fit(panel)
