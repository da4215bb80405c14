from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from jaxtsad.datasets import nab

INSIDE = {
    "ambient_temperature_system_failure": (7267, 2, 726),
    "cpu_utilization_asg_misconfiguration": (18050, 1, 1499),
    "ec2_request_latency_system_failure": (4032, 3, 346),
    "machine_temperature_system_failure": (22695, 4, 2268),
    "nyc_taxi": (10320, 5, 1035),
    "rogue_agent_key_hold": (1882, 2, 190),
    "rogue_agent_key_updown": (5315, 2, 530),
}


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "nab"
    (folder / "labels").mkdir(parents=True)
    (folder / "data" / "real").mkdir(parents=True)
    hours = [0, 1, 2, 3, 3, 4, 5, 6, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    rows = [f"2014-01-01 {hour:02d}:00:00,{n}" for n, hour in enumerate(hours)]
    text = "timestamp,value\n" + "\n".join(rows) + "\n"
    (folder / "data" / "real" / "pump.csv").write_text(text)
    (folder / "data" / "real" / "calm.csv").write_text(text)
    windows = {
        "real/pump.csv": [
            ["2014-01-01 03:00:00.000000", "2014-01-01 05:00:00.000000"],
            ["2014-01-01 14:30:00.000000", "2014-01-01 15:30:00.000000"],
        ],
        "real/calm.csv": [],
        "other/absent.csv": [],
    }
    (folder / "labels" / "combined_windows.json").write_text(json.dumps(windows))
    return tmp_path


def test_rows_keep_their_order_and_are_labeled_by_their_time(
    root: pathlib.Path,
) -> None:
    [series] = nab.load(root, ["pump"])
    assert series.train.ravel().tolist() == [0, 1, 2]
    assert series.test is not None and series.labels is not None
    assert series.test.ravel().tolist() == list(range(3, 20))
    # Hour 3 comes twice and the clock goes back once, from 6 to 5; ends are included.
    assert np.flatnonzero(series.labels).tolist() == [0, 1, 2, 3, 5, 15]
    assert [span[:2] for span in series.kinds] == [(0, 4), (5, 6), (15, 16)]
    assert series.metadata["group"] == "real"
    assert len(series.metadata["windows"]) == 2
    assert series.metadata["test_time"][0] == np.datetime64("2014-01-01T03:00")
    assert series.metadata["train_labels"].tolist() == [0, 0, 0]


def test_a_series_without_windows_has_no_anomaly(root: pathlib.Path) -> None:
    [series] = nab.load(root, ["calm"], group="real")
    assert series.labels is not None and series.labels.sum() == 0
    assert series.kinds == ()


def test_all_series_by_name(root: pathlib.Path) -> None:
    assert [one.name for one in nab.load(root)] == ["calm", "pump"]


def test_bad_requests_are_one_line(root: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"\['valve'\]; the choices are calm, pump"):
        nab.load(root, ["valve"])
    with pytest.raises(ValueError, match=r"group='fake'.*\['real'\]"):
        nab.load(root, group="fake")
    path = root / "nab" / "labels" / "combined_windows.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"no entry 'real/calm\.csv'"):
        nab.load(root)
    path.write_text('{"real/calm.csv": [')
    with pytest.raises(ValueError, match=r"cannot read .*combined_windows\.json"):
        nab.load(root)
    with pytest.raises(FileNotFoundError, match="no Numenta Anomaly Benchmark"):
        nab.load(root / "nab" / "data")


def test_the_public_series(data_root: pathlib.Path) -> None:
    if not (data_root / "nab").is_dir():
        pytest.skip("the Numenta Anomaly Benchmark is not below JAXTSAD_DATA")
    series = {one.name: one for one in nab.load(data_root, group="realKnownCause")}
    assert set(series) == set(INSIDE)
    for name, (rows, windows, inside) in INSIDE.items():
        one = series[name]
        assert one.test is not None and one.labels is not None
        assert len(one.train) == min(int(0.15 * rows), 750)
        assert len(one.train) + len(one.test) == rows
        assert len(one.metadata["windows"]) == windows
        # No window reaches into the probationary period.
        assert one.metadata["train_labels"].sum() == 0
        assert int(one.labels.sum()) == inside
