from __future__ import annotations

import pathlib
import zipfile

import numpy as np
import pytest

from jaxtsad.datasets import ucr

FIRST = "007_UCR_Anomaly_DISTORTEDpump_4_6_8.txt"
SECOND = "012_UCR_Anomaly_valve_1_3_10_10.txt"


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "ucr").mkdir()
    lines = "".join(f"   {value:.7e}\n" for value in range(1, 11))
    (tmp_path / "ucr" / FIRST).write_text(lines)
    one_line = "  ".join(str(value) for value in range(1, 11))
    (tmp_path / "ucr" / SECOND).write_text(one_line)
    return tmp_path


def test_the_name_counts_from_one_and_includes_both_ends(root: pathlib.Path) -> None:
    one, other = ucr.load(root)
    assert (one.name, other.name) == ("007_DISTORTEDpump", "012_valve_1")
    assert one.train.ravel().tolist() == [1, 2, 3, 4] and one.train.dtype == np.float64
    assert one.test is not None and one.labels is not None
    # The values are their own numbers in the archive's counting.
    assert one.test[one.labels == 1].ravel().tolist() == [6, 7, 8]
    assert one.kinds == ((1, 4, "anomaly"),)


def test_all_values_may_stand_on_one_line(root: pathlib.Path) -> None:
    [series] = ucr.load(root, ["012_valve_1"])
    assert series.test is not None and series.labels is not None
    assert len(series.train) == 3 and len(series.test) == 7
    assert series.test[series.labels == 1].ravel().tolist() == [10]


def test_the_published_zip_file_reads_as_its_files(root: pathlib.Path) -> None:
    unpacked = ucr.load(root)
    folder = root / "ucr"
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        for path in folder.glob("*.txt"):
            archive.write(path, f"Some/FilesAreInHere/UCR_Anomaly_FullData/{path.name}")
            path.unlink()
        archive.writestr("Some/README.txt", "hello")
    for one, other in zip(ucr.load(root), unpacked, strict=True):
        assert one.name == other.name and one.kinds == other.kinds
        np.testing.assert_array_equal(one.test, other.test)


def test_bad_files_are_one_line(root: pathlib.Path) -> None:
    with pytest.raises(
        ValueError, match=r"\['pump'\]; the choices are 007_DISTORTEDpump"
    ):
        ucr.load(root, ["pump"])
    (root / "ucr" / FIRST).write_text("1\n2\n3\n4\n5\n")
    with pytest.raises(ValueError, match="has 5 values, but its name says"):
        ucr.load(root, ["007_DISTORTEDpump"])
    (root / "ucr" / FIRST).write_text("1\ntwo\n")
    with pytest.raises(ValueError, match=rf"cannot read {FIRST}.*two"):
        ucr.load(root, ["007_DISTORTEDpump"])
    with pytest.raises(FileNotFoundError, match="no UCR Anomaly Archive"):
        ucr.load(root / "elsewhere")
    for path in (root / "ucr").iterdir():
        path.unlink()
    (root / "ucr" / "archive.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"cannot read .*archive\.zip"):
        ucr.load(root)


def test_the_public_series(data_root: pathlib.Path) -> None:
    if not list((data_root / "ucr").glob("*InternalBleeding1[6-9]*.txt")):
        pytest.skip("the UCR Anomaly Archive is not below JAXTSAD_DATA")
    series = {one.name: one for one in ucr.load(data_root)}
    one = series["135_InternalBleeding16"]
    assert one.test is not None and one.labels is not None
    assert (len(one.train), len(one.test)) == (1200, 6301)
    assert one.kinds == ((4187 - 1 - 1200, 4199 - 1200, "anomaly"),)
    assert one.labels.sum() == 13
