"""However a recording comes, its scores are the same or it is refused in one line."""

from __future__ import annotations

import io
import pathlib
import re
import warnings
from collections.abc import Callable
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck

from jaxtsad import TimeSeriesDetector
from jaxtsad.datasets.reading import tabular
from jaxtsad.types import DataWarning
from tests.robustness.generated import CLOCKS, CONTAINERS, NAMES

STEPS = 120


def waves(steps: int, seed: int = 0) -> np.ndarray:
    """Sines with noise that float32 holds without loss."""
    step = np.arange(steps)[:, None]
    noise = np.random.default_rng(seed).normal(size=(steps, len(NAMES)))
    values = np.sin(step / (3 + np.arange(len(NAMES)))) + 0.1 * noise
    return values.astype(np.float32).astype(np.float64)


def table(start: str = "2024-03-01", steps: int = STEPS, seed: int = 1) -> pd.DataFrame:
    index = pd.date_range(start, periods=steps, freq="min", name="time")
    frame = pd.DataFrame(waves(steps, seed), index, list(NAMES))
    frame.iloc[steps // 2, 1] += 8
    return frame


FRAME = table()
DETECTOR = TimeSeriesDetector("zscore", window=20).fit(table("2024-02-01", 300, 0))
EXPECTED = DETECTOR.decision_function(FRAME)


@pytest.mark.parametrize("name", CONTAINERS)
def test_scores_do_not_depend_on_the_container(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        scores = DETECTOR.decision_function(CONTAINERS[name](FRAME))
    if isinstance(scores, dict):
        assert [*scores] == [7]
        scores = scores[7]
    if isinstance(scores, list):
        [scores] = scores
    np.testing.assert_array_equal(scores, EXPECTED)


MISSING: dict[str, Callable[[np.ndarray], Any]] = {
    "masked": lambda v: np.ma.masked_invalid(v),
    "nullable": lambda v: pd.DataFrame(v, columns=NAMES).astype("Float64"),
    "arrow": lambda v: pd.DataFrame(v, columns=NAMES).astype("float64[pyarrow]"),
    "polars": lambda v: pl.DataFrame(v, schema=NAMES, nan_to_null=True),
    "none": lambda v: np.where(np.isnan(v), None, v),
    "text": lambda v: pd.DataFrame(v, columns=NAMES).astype(object).replace(np.nan, ""),
    "inf": lambda v: np.where(np.isnan(v), np.inf, v),
    "blank": lambda v: pd.DataFrame(v, columns=NAMES).astype(object).fillna(" "),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_is_missing_whatever_the_container(name: str) -> None:
    values = FRAME.to_numpy().copy()
    values[40:50, 0] = np.nan
    expected = DETECTOR.decision_function(values)
    if name == "text":
        values = np.where(np.isnan(values), np.nan, values)
        given = pd.DataFrame(values, columns=NAMES).astype(object)
        given = given.where(given.notna(), None)
    else:
        given = MISSING[name](values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        np.testing.assert_array_equal(DETECTOR.decision_function(given), expected)


def test_fill_values_that_are_declared_are_missing() -> None:
    values = waves(300)
    values[100:110] = -999.0
    values[200, 1] = 9.96920997e36
    detector = TimeSeriesDetector("zscore", window=20, missing_values=[-999, 9.97e36])
    detector.fit(values)
    assert detector.fitted_.screened["series"].missing == 31


orders = st.permutations(range(len(NAMES)))


@hypothesis.given(rows=st.randoms(use_true_random=False), columns=orders)
@hypothesis.settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_scores_do_not_depend_on_the_order_of_rows_and_columns(
    rows: Any, columns: list[int]
) -> None:
    order = list(range(STEPS))
    rows.shuffle(order)
    shuffled = FRAME.iloc[order, columns]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        scores = DETECTOR.decision_function(shuffled)
        in_time = DETECTOR.scores(shuffled)
    np.testing.assert_array_equal(scores, EXPECTED[order])
    np.testing.assert_array_equal(in_time["score"], EXPECTED)
    assert in_time["time"].tolist() == FRAME.index.tolist()


def test_sorting_is_said() -> None:
    with pytest.warns(DataWarning, match="from the newest to the oldest"):
        DETECTOR.predict(FRAME[::-1])
    with pytest.warns(DataWarning, match="are not in order of time"):
        DETECTOR.predict(FRAME.sample(frac=1, random_state=0))
    with pytest.warns(DataWarning, match="'when' is read as time"):
        DETECTOR.predict(FRAME.rename_axis("when").reset_index())
    counted = FRAME.assign(timestamp=1.7e9 + np.arange(STEPS))
    with pytest.warns(DataWarning, match="'timestamp' looks like a time.*--drop"):
        TimeSeriesDetector("zscore", window=20).fit(counted)


@pytest.mark.parametrize("policy", ["mean", "first", "error"])
def test_duplicated_stamps_follow_the_policy(policy: str) -> None:
    twice = pd.concat([FRAME[:50], FRAME[40:]])
    detector = TimeSeriesDetector("zscore", window=20, duplicates=policy)
    detector.fit(table("2024-02-01", 300, 0))
    if policy == "error":
        with pytest.raises(ValueError, match="10 rows of 'series' repeat a time stamp"):
            detector.predict(twice)
        return
    with pytest.warns(DataWarning, match="10 rows repeat a time stamp"):
        scores = detector.decision_function(twice)
    np.testing.assert_allclose(scores[:50], EXPECTED[:50], rtol=1e-6)
    np.testing.assert_allclose(scores[50:], EXPECTED[40:], rtol=1e-6)


separators = st.sampled_from([",", ";", "\t", "|", " "])


@hypothesis.given(
    separator=separators,
    decimal=st.sampled_from([".", ","]),
    header=st.booleans(),
    index=st.booleans(),
    clock=st.sampled_from([None, *CLOCKS]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    end=st.sampled_from(["\n", "\r\n"]),
    comment=st.booleans(),
    trailing=st.booleans(),
    hole=st.booleans(),
    columns=orders,
)
@hypothesis.settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_text_is_read_however_it_is_written(
    tmp_path: pathlib.Path,
    separator: str,
    decimal: str,
    header: bool,
    index: bool,
    clock: str | None,
    encoding: str,
    end: str,
    comment: bool,
    trailing: bool,
    hole: bool,
    columns: list[int],
) -> None:
    if decimal == "," and separator == ",":
        separator = ";"
    if separator == " ":  # Blanks cannot stand within a cell or for an empty one.
        clock, hole, trailing, index = None, False, False, False
    whole = table("2024-03-30")  # no day that could be a month
    frame = whole.iloc[:, columns].rename(columns={"heat": "Wärme °C"})
    if hole:
        frame.iloc[0, 0] = np.nan
    frame = frame.reset_index() if clock else frame.reset_index(drop=True)
    if clock:
        frame["time"] = frame["time"].dt.strftime(clock)
    index = index and header
    text = io.StringIO()
    frame.to_csv(
        text,
        sep=separator,
        decimal=decimal,
        header=header,
        index=index,
        lineterminator="\n",
    )
    lines = text.getvalue().splitlines()
    if trailing:
        lines = [line + separator for line in lines]
    if comment:
        lines = ["# exported by logger 7", *lines]
    path = tmp_path / "a.csv"
    path.write_bytes((end.join(lines) + end).encode(encoding))
    recording = tabular.read(path)
    expected = frame[[name for name in frame.columns if name != "time"]]
    np.testing.assert_array_equal(recording.values, expected.to_numpy())
    assert recording.values.dtype == np.float64
    if header:
        assert recording.channels == tuple(expected.columns)
    if clock:
        assert recording.time is not None
        np.testing.assert_array_equal(recording.time, whole.index.to_numpy())
    else:
        assert recording.time is None


LINES: dict[str, tuple[str, list[list[float]]]] = {
    "header of numbers by pandas": (
        ",0,1\n0,0.5,1.5\n1,2.5,3.5\n",
        [[0.5, 1.5], [2.5, 3.5]],
    ),
    "numbered header": ("0,1\n0.5,1.5\n2.5,3.5\n", [[0.5, 1.5], [2.5, 3.5]]),
    "named by numbers": ("t1,t2\n1,2\n", [[1, 2]]),
    "no header, months by name": ("02-Mar-2024,1\n03-Mar-2024,2\n", [[1], [2]]),
    "empty first cell": (",1\n2,3\n", [[np.nan, 1], [2, 3]]),
    "words for missing first": ("1,NA,#N/A\n2,3,4\n", [[1, *[np.nan] * 2], [2, 3, 4]]),
    "missing below names": ("a,b\nNA,null\n1,2\n", [[np.nan] * 2, [1, 2]]),
    "empty rows at the end": ("a,b\n1,2\n,\n,\n", [[1, 2]]),
    "commented header": ("# a,b\n1,2\n3,4\n", [[1, 2], [3, 4]]),
    "comment below": ("a,b\n1,2\n# restarted\n3,4\n", [[1, 2], [3, 4]]),
    "blanks": ("  1.0   2\n 3   4\n", [[1, 2], [3, 4]]),
    "old line ends": ("Station North\r\r1;2\r3;4\r", [[1, 2], [3, 4]]),
    "preamble": ("Station North\n\na;b\n1,5;2\n3;4\n", [[1.5, 2], [3, 4]]),
    "a line of units": ("time,a,b\n[s],m/s,degC\n0,1,2\n1,3,4\n", [[1, 2], [3, 4]]),
    "what tells Excel": ("sep=;\na;b\n1,5;2\n3;4\n", [[1.5, 2], [3, 4]]),
    "truth values": ("a,b\nTrue,1\n,2\nFalse,3\n", [[1, 1], [np.nan, 2], [0, 3]]),
    "one column": ("  1.5e+01\n  2.5e+01\n", [[15], [25]]),
    "quoted decimal commas": (
        'a,b\n"0,5","1,5"\n"2,5","3,5"\n',
        [[0.5, 1.5], [2.5, 3.5]],
    ),
    "large and small": ("a\n1e300\n1e-300\n", [[1e300], [1e-300]]),
    "offsets": ("a\n1000000000.25\n1000000000.5\n", [[1e9 + 0.25], [1e9 + 0.5]]),
}


@pytest.mark.parametrize("name", LINES)
def test_lines_are_read_as_a_person_would(name: str, tmp_path: pathlib.Path) -> None:
    text, expected = LINES[name]
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    np.testing.assert_array_equal(tabular.read(path).values, expected)


FLAGGED = {
    "twice": ("a,b,a\n1,2,3\n", "column 'a' is there 2 times"),
    "text": ("a,state\n1,ON\n2,ON\n", "--drop state"),
    "text without header": ("ON,1\nON,2\nOFF,3\n", "--drop channel_0"),
    "a word": ("a,b\n1,2\n3,Bad Input\n5,6\n", '--missing "Bad Input"'),
    "labels as words": ("a,what\n1,Normal\n2,Attack\n", "--label-column what"),
    "a late decimal comma": ("a;b\n" + "1;2\n" * 300 + "1,5;2\n", "--decimal ,"),
    "no such time": ("time,a\n2024-01-01,1\nlater,2\n", "--time-format"),
}


@pytest.mark.parametrize("name", FLAGGED)
def test_what_cannot_be_read_names_the_flag_that_helps(
    name: str, tmp_path: pathlib.Path
) -> None:
    text, message = FLAGGED[name]
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        tabular.read(path)
    assert "\n" not in str(caught.value)


CLOCK_COLUMNS = {
    "compact": (["202402291200", "202403010001"], "2024-03-01T00:01"),
    "seconds": (["1709251200", "1709251260"], "2024-03-01T00:01"),
    "milliseconds": (["1709251200000", "1709251260000"], "2024-03-01T00:01"),
    "microseconds": (["1709251200000000", "1709251260000000"], "2024-03-01T00:01"),
    "nanoseconds": (["1709251200000000000", "1709251260000000000"], "2024-03-01T00:01"),
    "fractions": (["1709251200.5", "1709251260.5"], "2024-03-01T00:01:00.5"),
    "day first": (["29/02/2024 00:00", "01/03/2024 00:01"], "2024-03-01T00:01"),
    "month first": (["02/29/2024 12:00 AM", "03/01/2024 12:01 AM"], "2024-03-01T00:01"),
    "dots": (["29.02.2024 00:00:00", "01.03.2024 00:01:00"], "2024-03-01T00:01"),
    "zone": (["2024-03-01T01:00+01:00", "2024-03-01T01:01+01:00"], "2024-03-01T00:01"),
    "two offsets": (
        ["2024-03-01T00:00Z", "2024-03-01T02:01+02:00"],
        "2024-03-01T00:01",
    ),
    "month by name": (["29-Feb-2024 00:00", "01-Mar-2024 00:01"], "2024-03-01T00:01"),
}


@pytest.mark.parametrize("name", CLOCK_COLUMNS)
def test_stamps_are_read(name: str, tmp_path: pathlib.Path) -> None:
    (first, second), expected = CLOCK_COLUMNS[name]
    path = tmp_path / "a.csv"
    path.write_text(f" Time ,a\n{first},1\n{second},2\n")
    recording = tabular.read(path)
    assert recording.channels == ("a",) and recording.time is not None
    assert recording.time[1] == np.datetime64(expected)
    named = tabular.read(path, time_column="time")
    np.testing.assert_array_equal(named.time, recording.time)


def test_times_of_day_go_on_over_midnight(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,a\n23:58,1\n23:59:30,2\n0:01,3\n")
    recording = tabular.read(path)
    assert recording.time is not None
    assert recording.time.tolist() == [86280.0, 86370.0, 86460.0]
    assert recording.values.ravel().tolist() == [1, 2, 3]
    assert any("counted on over midnight" in note for note in recording.notes)


def test_an_order_of_day_and_month_that_cannot_be_known_is_said(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,a\n01/02/2024,1\n02/02/2024,2\n03/02/2024,3\n")
    recording = tabular.read(path)
    assert recording.time is not None
    assert recording.time[1] == np.datetime64("2024-02-02")
    assert any("day first" in n and "--time-format" in n for n in recording.notes)
    other = tabular.read(path, time_format="%m/%d/%Y")
    assert other.time is not None and other.time[1] == np.datetime64("2024-02-02")
    assert other.time[0] == np.datetime64("2024-01-02")
    with pytest.raises(ValueError, match="not of the format '%Y'"):
        tabular.read(path, time_format="%Y")


def test_columns_are_compared_by_name() -> None:
    names = [f"channel_{number}" for number in range(12)]
    train = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 12)), columns=names)
    train *= np.arange(1, 13)
    detector = TimeSeriesDetector("zscore", window=20).fit(train)
    expected = detector.decision_function(train)
    turned = train[sorted(names)]
    np.testing.assert_array_equal(detector.decision_function(turned), expected)
    for wrong in (
        train.rename(columns={"channel_3": "x"}),
        train.drop(columns="channel_3"),
    ):
        with pytest.raises(ValueError, match="channel"):
            detector.predict(wrong)
    with pytest.raises(ValueError, match="lacks the channel heat"):
        DETECTOR.predict(FRAME.rename(columns={"heat": "hot"}))
    with pytest.raises(ValueError, match="more besides"):
        DETECTOR.predict(FRAME.assign(more=1.0))


@pytest.mark.parametrize("pattern", ["{}", "channel_{}"])
def test_columns_whose_names_are_positions_are_compared(pattern: str) -> None:
    values = waves(STEPS) * [1, 2, 3]
    detector = TimeSeriesDetector("zscore", window=20).fit(values)
    expected = detector.decision_function(values)
    frame = pd.DataFrame(values, columns=[pattern.format(n) for n in range(3)])
    order = [2, 0, 1]
    for given in (frame, frame.iloc[:, order], pd.DataFrame(values)[order]):
        np.testing.assert_array_equal(detector.decision_function(given), expected)
    detector.fit(frame.rename(columns=str))
    turned = pd.DataFrame(values)[order]
    np.testing.assert_array_equal(detector.decision_function(turned), expected)


REFUSED = {
    "complex": (lambda f: f.astype(complex), "complex"),
    "complex array": (lambda f: f.to_numpy(complex), "complex"),
    "two clocks": (lambda f: f.assign(heat=f.index), "'heat' holds times"),
    "spans of time": (
        lambda f: f.assign(heat=f.index - f.index[0]),
        "'heat' holds times",
    ),
    "text": (lambda f: f.assign(heat="ON"), "'heat' holds text"),
    "categories": (lambda f: f.assign(heat=pd.Categorical(["a"] * len(f))), "'heat'"),
    "one word": (lambda f: f.astype(object).replace(f.iloc[3, 0], "bad"), "'bad'"),
    "twice": (lambda f: f.set_axis(["a", "b", "a"], axis=1), "2 columns 'a'"),
    "dates alone": (lambda f: f.reset_index()[["time"]], "no channel beside time"),
    "dates as array": (lambda f: f.index.to_numpy(), "it holds times"),
    "no steps": (lambda f: f[:0], "is empty"),
    "nothing known": (lambda f: f * np.nan, "no finite value"),
    "three axes": (lambda f: np.zeros((2, 2, 2)), "expected"),
    "missing stamp": (lambda f: f.reset_index().shift(1), "'nan'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_one_line_with_its_name(name: str) -> None:
    change, message = REFUSED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        with pytest.raises(ValueError, match=message) as caught:
            TimeSeriesDetector("zscore", window=20).fit(change(FRAME))
    assert "\n" not in str(caught.value)


def test_a_dead_channel_is_named_and_the_rest_is_scored() -> None:
    dead = FRAME.assign(level=np.nan)
    with pytest.warns(DataWarning, match="channel level holds no value"):
        scores = DETECTOR.decision_function(dead)
    rest = FRAME.assign(level=waves(300)[:240, 2].mean())
    np.testing.assert_allclose(
        scores, DETECTOR.decision_function(rest), rtol=1e-3, atol=1e-5
    )
    assert scores.argmax() in range(STEPS // 2 - 19, STEPS // 2 + 20)
    with pytest.warns(DataWarning, match="channel level holds no value"):
        detector = TimeSeriesDetector("zscore", window=20).fit(dead)
    assert np.isfinite(detector.decision_function(FRAME)).all()


def test_known_anomalies_by_row_by_stamp_and_by_interval_are_the_same() -> None:
    train = table("2024-02-01", 300, 0)
    train.iloc[100:110] += 50
    rows = np.zeros(300, int)
    rows[100:110] = 1
    stamps = train.index[100:110]
    known: list[Any] = [
        rows,
        [(100, 110)],
        pd.Series(rows, train.index),
        pd.Series(1, stamps),
        [(stamps[0], stamps[-1])],
        [(str(stamps[0]), str(stamps[-1]))],
        pd.DataFrame({"start_time": stamps[:1], "stop_time": stamps[-1:]}),
        pd.Series(1, stamps.tz_localize("UTC").tz_convert("Asia/Tokyo")),
    ]
    each = [
        TimeSeriesDetector("zscore", window=20).fit(train, y).threshold_ for y in known
    ]
    assert len(set(each)) == 1
    order = np.random.default_rng(0).permutation(300)
    with pytest.warns(DataWarning, match="sorted"):
        shuffled = TimeSeriesDetector("zscore", window=20)
        shuffled.fit(train.iloc[order], rows[order])
    assert shuffled.threshold_ == each[0]
    for wrong, message in (
        (pd.Series(1, stamps + pd.Timedelta("30s")), "no time stamp of y"),
        ([("2020-01-01", "2020-01-02")], "meets none of its steps"),
        (np.full(300, 2), "y of 'series' holds 2"),
        ([(5, 900)], "is not within its 300 steps"),
        (5, "y of 'series' is 5"),
        ([pd.Timestamp("2024-02-01")], "is no pair"),
        (["never"], "is no pair"),
        ([("never", "always")], "'never' in column 'y'"),
    ):
        with pytest.raises(ValueError, match=message):
            TimeSeriesDetector("zscore", window=20).fit(train, wrong)
