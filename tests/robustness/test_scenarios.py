"""What people reported of other libraries, tried here: one test per public report.

Two of them (PCNtoolkit#352, Orion#258) are known here by their number only; their tests
are of the kind of input that they are listed under. pycaret#322 is about saving: see
`test_scenarios_lifecycle.py`.
"""

from __future__ import annotations

import bz2
import pathlib
import warnings

import numpy as np
import pandas as pd
import pytest

from jaxtsad import TimeSeriesDetector, cli
from jaxtsad.types import DataWarning

FLAGS = ["--detector", "zscore", "--window", "20"]


def frame(steps: int = 400, start: str = "2024-03-01", seed: int = 0) -> pd.DataFrame:
    step = np.arange(steps)[:, None]
    noise = np.random.default_rng(seed).normal(size=(steps, 2))
    index = pd.date_range(start, periods=steps, freq="min", name="time")
    values = np.sin(step / (4 + np.arange(2))) + 0.05 * noise
    return pd.DataFrame(values, index, ["flow", "heat"])


def fitted(train: pd.DataFrame, **options: object) -> TimeSeriesDetector:
    return TimeSeriesDetector("zscore", window=20, **options).fit(train)  # type: ignore[arg-type]


def planted(steps: int = 200) -> pd.DataFrame:
    test = frame(steps, "2024-04-01", seed=1)
    test.iloc[100:106, 0] += 5
    return test


def test_clocks_and_counters_on_a_large_offset() -> None:
    """furax#145: seconds since 1970 read as float32 resolve about 100 s, not 2 ms."""
    train, test = (each.reset_index(drop=True) + 1.7e9 for each in (frame(), planted()))
    for table, start in ((train, 1718150400.0), (test, 1718154000.0)):
        table.insert(0, "timestamp", start + 0.002 * np.arange(len(table)))
    with pytest.warns(DataWarning, match="'timestamp' is read as time"):
        detector = fitted(train)
        flags = detector.predict(test)
        events = detector.events(test)
    assert flags[100:106].all()
    np.testing.assert_array_equal(flags, fitted(frame()).predict(planted()))
    strongest = events.iloc[events["severity"].argmax()]
    start = pd.Timestamp("2024-06-12 01:00")
    assert start < strongest["start_time"] < start + pd.Timedelta("0.22s")
    assert strongest["stop_time"] < start + pd.Timedelta("0.26s")


@pytest.mark.parametrize("magnitude", [1e-20, 1e-15, 1e-10, 1.0, 1e10, 1e20])
@pytest.mark.parametrize("centered", [False, True])
def test_units_in_which_a_channel_is_tiny(magnitude: float, centered: bool) -> None:
    """scikit-learn#19726: magnetic fields in tesla were taken for constant channels."""
    train, test = frame(), planted()
    if centered:
        test, train = test - train.mean(), train - train.mean()
    factors = np.array([magnitude, 1.0])
    flags = fitted(train * factors).predict(test * factors)
    assert flags[100:106].all()
    np.testing.assert_array_equal(flags, fitted(train).predict(test))


def test_a_fill_value_that_is_not_masked() -> None:
    """netcdf4-python#468: cells of 9.96921e36 arrive as numbers, not masked.

    Told apart in training with the words that declare it; declared, it is missing.
    """
    train = frame()
    train.iloc[50:60, 1] = np.float32(9.96920996838687e36)
    with pytest.warns(
        DataWarning, match=r"heat holds 9\.96921e\+36 10 times.*--missing"
    ):
        assert np.isfinite(fitted(train).decision_function(planted())).all()
    detector = fitted(train, missing_values=[9.96921e36])
    assert detector.predict(planted())[100:106].all()
    clean = fitted(frame())
    assert detector.threshold_ == pytest.approx(clean.threshold_, rel=0.2)


def test_a_mask_is_missing_cells() -> None:
    """netcdf4-python#849: every variable is masked, most with the one mask `False`.

    What is masked must not count as its fill value; masking nothing changes nothing.
    """
    plain, bare = frame().to_numpy(), np.ma.array(frame().to_numpy())
    assert bare.mask.size == 1
    whole = TimeSeriesDetector("zscore", window=20).fit(bare)
    assert whole.threshold_ == fitted(frame()).threshold_
    np.testing.assert_array_equal(whole.predict(bare), whole.predict(plain))
    values = frame().to_numpy().copy()
    values[100:120, 0] = -999.0
    masked = np.ma.masked_equal(values, -999.0)
    detector = TimeSeriesDetector("zscore", window=20).fit(masked)
    assert detector.fitted_.screened["series"].missing == 20
    holes = np.ma.filled(masked, np.nan)
    same = TimeSeriesDetector("zscore", window=20).fit(holes)
    assert detector.threshold_ == same.threshold_
    assert not detector.predict(masked)[101:120].any()


def test_a_column_of_dates_among_the_features() -> None:
    train = frame().reset_index()
    with pytest.warns(DataWarning, match="column 'time' is read as time"):
        detector = fitted(train)
    assert detector.feature_names_in_.tolist() == ["flow", "heat"]
    with pytest.raises(ValueError, match="'again' holds times, not numbers"):
        fitted(frame().assign(again=frame().index))


def test_an_index_that_is_not_monotonic() -> None:
    """adtk#112: "Time series must have a monotonic time index"."""
    detector, test = fitted(frame()), planted()
    mixed = pd.concat([test[120:], test[:120]])
    with pytest.warns(DataWarning, match=r"time goes back from .* rows are sorted"):
        flags = pd.Series(detector.predict(mixed), mixed.index)
    expected = pd.Series(detector.predict(test), test.index)
    pd.testing.assert_series_equal(flags.sort_index(), expected, check_freq=False)


@pytest.mark.parametrize("kind", ["Float64", "Int64", "float64[pyarrow]"])
def test_nullable_columns_with_missing_values(kind: str) -> None:
    """scikit-learn#16498: a frame of pandas' nullable integers with NA is refused."""
    whole = (frame() * 1000).round().mask(frame() > 0.95)
    detector, plain = fitted(whole.astype(kind)), fitted(whole)
    assert detector.threshold_ == plain.threshold_


def test_columns_swapped_or_renamed_after_fitting() -> None:
    """xgboost#8357: swapped columns changed predictions, other names went unnoticed."""
    detector, test = fitted(frame() * [1, 50]), planted() * [1, 50]
    expected = detector.predict(test)
    assert expected[100:106].all()
    np.testing.assert_array_equal(detector.predict(test[["heat", "flow"]]), expected)
    with pytest.raises(ValueError, match=r"flow.*bmi|bmi.*flow"):
        detector.predict(test.rename(columns={"flow": "bmi"}))


def test_columns_in_another_order_than_fitted_on() -> None:
    """PCNtoolkit#352: new data whose columns come in another order."""
    detector, test = fitted(frame() * [1, 50]), planted() * [1, 50]
    turned = detector.decision_function(test[["heat", "flow"]])
    np.testing.assert_array_equal(turned, detector.decision_function(test))


@pytest.mark.parametrize("rows", [1, 2, 19])
def test_fewer_rows_than_a_window(rows: int) -> None:
    """DeepOD#58: a single row is to be scored; 100 are asked for without a word."""
    detector = fitted(frame())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = detector.decision_function(planted()[:rows])
    assert scores.shape == (rows,) and np.isfinite(scores).all()


def test_uneven_steps_and_stamps_that_come_as_epochs() -> None:
    """Orion#258: a table of `timestamp` in seconds and values, with rows left out."""
    table = frame().reset_index()
    table.insert(0, "timestamp", table.pop("time").astype("int64") // 10**6)
    gappy = table.drop(index=range(150, 250))
    with pytest.warns(DataWarning, match="read as s since 1970.*1 gap in time"):
        detector = fitted(gappy)
    test = planted().reset_index()
    test.insert(0, "timestamp", test.pop("time").astype("int64") // 10**6)
    with pytest.warns(DataWarning, match="'timestamp' is read as time"):
        events = detector.events(test)
    strongest = events.iloc[events["severity"].argmax()]
    assert strongest["start_time"] >= pd.Timestamp("2024-04-01 01:20")
    assert strongest["stop_time"] <= pd.Timestamp("2024-04-01 02:06")


def skab(path: pathlib.Path, steps: int = 400) -> pathlib.Path:
    """A file in the shape of SKAB's: semicolons, day first, two columns of labels."""
    table = frame(steps, "2024-03-09").reset_index(names="datetime")
    table["datetime"] = table["datetime"].dt.strftime("%d/%m/%Y %H:%M:%S")
    table["anomaly"], table["changepoint"] = 0.0, 0.0
    table.loc[300:320, ["anomaly", "flow"]] += [1.0, 5.0]
    table.loc[300, "changepoint"] = 1.0
    table.to_csv(path, sep=";", index=False)
    return path


def through(
    folder: pathlib.Path, train: pathlib.Path, test: pathlib.Path, *flags: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fits, scores, lists events and explores on the command line: scores, events."""
    model, out = str(folder / "model"), folder / "out.csv"
    page = folder / "page.html"
    assert cli.main(["fit", str(train), *FLAGS, "--out", model, *flags]) == 0
    tables = []
    for command in ("score", "events"):
        words = [command, model, str(test), "--out", str(out), *flags]
        assert cli.main(words) == 0
        tables.append(pd.read_csv(out))
    assert cli.main(["explore", str(test), "--out", str(page), *flags]) == 0
    assert "<h1>" in page.read_text()
    assert np.isfinite(tables[0]["score"]).all()
    return tables[0], tables[1]


def test_semicolons_and_a_second_column_of_labels(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    """GDN#9: semicolons, a second column of labels, empty columns."""
    path = skab(tmp_path / "valve.csv")
    labels = ["--label-column", "anomaly", "--drop", "changepoint"]
    scores, events = through(tmp_path, path, path, *labels)
    assert [*scores] == ["time", "step", "score", "flag"] and len(scores) == 400
    assert scores["time"][0] == "2024-03-09 00:00:00"
    assert {"start_time", "stop_time"} <= {*events}
    assert scores["flag"][300:321].mean() > 0.5 and scores["flag"][:280].mean() < 0.05
    said = capsys.readouterr().err
    assert "is read day first" in said and "--time-format" in said
    assert cli.main(["fit", str(path), *FLAGS, "--out", str(tmp_path / "m")]) == 0
    assert "anomaly, changepoint may be labels" in capsys.readouterr().err


def test_a_stacked_panel_is_a_fleet(tmp_path: pathlib.Path) -> None:
    each = [frame(300, seed=s).assign(machine=f"m{s}") for s in (1, 2)]
    stacked = pd.concat(each).sort_index(kind="stable")
    path = tmp_path / "panel.csv"
    stacked.to_csv(path)
    model, out = str(tmp_path / "model"), tmp_path / "s.csv"
    panel = ["--entity-column", "machine"]
    assert cli.main(["fit", str(path), *FLAGS, "--out", model, *panel]) == 0
    assert cli.main(["score", model, str(path), "--out", str(out), *panel]) == 0
    table = pd.read_csv(out)
    assert [*table] == ["entity", "time", "step", "score", "flag"]
    assert table.groupby("entity")["step"].count().to_dict() == {"m1": 300, "m2": 300}
    assert cli.main(["events", model, str(path), "--out", str(out), *panel]) == 0
    page = ["--out", str(tmp_path / "p.html"), *panel]
    assert cli.main(["explore", str(path), "m2", *page]) == 0
    assert cli.main(["explore", str(path), *page]) == 2


NAB = [
    "machine_temperature_system_failure",
    pytest.param("ambient_temperature_system_failure", marks=pytest.mark.slow),
    pytest.param("cpu_utilization_asg_misconfiguration", marks=pytest.mark.slow),
    pytest.param("ec2_request_latency_system_failure", marks=pytest.mark.slow),
    pytest.param("nyc_taxi", marks=pytest.mark.slow),
    pytest.param("rogue_agent_key_hold", marks=pytest.mark.slow),
    pytest.param("rogue_agent_key_updown", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name", NAB)
def test_nab_files_go_through_as_they_are(
    name: str,
    data_root: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture,
) -> None:
    path = data_root / "nab" / "data" / "realKnownCause" / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"no {path.name} below JAXTSAD_DATA")
    scores, _ = through(tmp_path, path, path)
    said = capsys.readouterr().err
    assert "note: column 'timestamp' is read as time" in said
    rows = pd.read_csv(path)["timestamp"]
    assert len(scores) == rows.nunique()
    if name.startswith("machine"):
        assert "time goes back from 2014-01-07 02:55:00 to 2014-01-07 02:00:00" in said
        assert "12 rows repeat a time stamp" in said


def test_a_machine_of_smd_goes_through(
    data_root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    folder = data_root / "smd" / "ServerMachineDataset"
    paths = []
    for part in ("train", "test"):
        packed = folder / part / "machine-1-2.txt.bz2"
        if not packed.is_file():
            pytest.skip("no machine-1-2.txt.bz2 of SMD below JAXTSAD_DATA")
        paths.append(tmp_path / f"{part}.txt")
        lines = bz2.decompress(packed.read_bytes()).splitlines(keepends=True)
        paths[-1].write_bytes(b"".join(lines[:3000]))
    scores, _ = through(tmp_path, *paths)
    assert len(scores) == 3000 and [*scores] == ["step", "score", "flag"]


def test_the_excerpt_of_psm_goes_through(
    data_root: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    folder = data_root / "psm" / "excerpt"
    if not folder.is_dir():
        pytest.skip("no excerpt of PSM below JAXTSAD_DATA")
    train, test = folder / "train.csv", folder / "test.csv"
    scores, _ = through(tmp_path, train, test, "--max-gap", "5")
    assert len(scores) == 300 and scores["time"].tolist()[198:200] == [132678, 188678]
    assert "cut into 2 pieces at gaps longer than 5" in capsys.readouterr().err
