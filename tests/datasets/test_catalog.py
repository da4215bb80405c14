from __future__ import annotations

import pathlib

import numpy as np
import pytest

from jaxtsad.datasets import catalog, places
from tests.experiments import layout


def test_the_file_name_is_the_registry() -> None:
    series = {"smap", "msl", "smap_msl", "smd", "psm", "nab", "ucr", "demo"}
    assert series | {"synthetic"} == set(catalog.available())
    samples = {"mnist", "coil20", "cifar10", "cifar10_jpeg", "adbench", "devnet"}
    assert samples | {"rgbd_shapes", "rgbd_synthetic"} == set(
        catalog.available("load_samples")
    )


def test_unknown_names_list_the_choices(tmp_path: pathlib.Path) -> None:
    for name in ("smapp", "tabular", "catalog", "_generated"):
        message = f"'{name}' is unknown; the choices are demo, msl, nab.*path to a file"
        with pytest.raises(ValueError, match=message):
            catalog.load(name, tmp_path)
    with pytest.raises(ValueError, match=r"'smd' is unknown; the choices are adbench"):
        catalog.load_samples("smd", tmp_path)


def test_unknown_options_list_the_choices(tmp_path: pathlib.Path) -> None:
    message = r"'smap' has no option \['labeled'\], it has unlabeled"
    with pytest.raises(ValueError, match=message):
        catalog.load("smap", tmp_path, labeled=True)
    with pytest.raises(ValueError, match="it has none"):
        catalog.load("ucr", tmp_path, depth=1)
    with pytest.raises(ValueError, match="it has part"):
        catalog.load_samples("mnist", tmp_path, split="train")
    with pytest.raises(ValueError, match="it has test_path, boundary, name"):
        catalog.load(str(tmp_path / "a.csv"), bound=3)


def test_a_path_is_a_recording_of_ones_own(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "pump.csv"
    path.write_text("a,b\n1,2\n3,4\n5,6\n")
    [series] = catalog.load(str(path), boundary=2)
    assert series.name == "pump" and len(series.train) == 2
    with pytest.raises(ValueError, match="is one entity"):
        catalog.load(str(path), entities=["a"])
    with pytest.raises(FileNotFoundError, match=r"there is no file .*other\.csv"):
        catalog.load(str(tmp_path / "other.csv"))


def test_entities_are_passed_on(tmp_path: pathlib.Path) -> None:
    for name in ("007_UCR_Anomaly_a_2_3_3.txt", "008_UCR_Anomaly_b_2_3_3.txt"):
        (tmp_path / name).write_text("1\n2\n3\n4\n")
    assert len(catalog.load("ucr", tmp_path)) == 2
    for entities in (["008_b"], "008_b"):
        [series] = catalog.load("ucr", tmp_path, entities)
        assert series.name == "008_b"


def test_generated_recordings_need_no_root() -> None:
    [series] = catalog.load("synthetic", preset="tiny")
    assert series.labels is not None and series.labels.sum() > 0


def test_the_bundled_recording_needs_no_root() -> None:
    if not (places.bundled("data", "checksums.txt").parent / "demo").is_dir():
        pytest.skip("the bundled recording is not in this checkout")
    series = catalog.load("demo")
    assert series and all(one.labels is not None for one in series)
    [first] = catalog.load("demo", entities=[series[0].name])
    np.testing.assert_array_equal(first.train, series[0].train)


def test_the_data_root(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("JAXTSAD_DATA", str(tmp_path))
    assert places.data_root() == tmp_path
    other = tmp_path / "other"
    other.mkdir()
    assert places.data_root(other) == other
    with pytest.raises(FileNotFoundError, match="--data-root or JAXTSAD_DATA"):
        places.data_root(tmp_path / "absent")
    monkeypatch.delenv("JAXTSAD_DATA")
    assert places.data_root().name == "data"


def test_what_does_not_travel_is_one_line() -> None:
    with pytest.raises(FileNotFoundError, match="data/absent does not travel"):
        places.bundled("data", "absent")


def test_names_of_entities_are_those_of_load(tmp_path: pathlib.Path) -> None:
    root = layout.write(tmp_path, 2)
    for name in ("smap", "smap_msl"):
        loaded = [one.name for one in catalog.load(name, root)]
        assert catalog.entities(name, root) == loaded == list(layout.CHANNELS)
    assert catalog.entities("demo") is None
    assert catalog.entities("mine.csv") is None
