from __future__ import annotations

import bz2
import pathlib

import numpy as np
import pytest

from jaxtsad.datasets import smd
from jaxtsad.types import Series

TABLE = """
1-2 23694 23694 542 10 | 2-4 23689 23689 1694 20 | 1-3 23702 23703 817 12
2-5 23688 23689 980 21 | 1-4 23706 23707 720 12 | 2-7 23696 23696 417 20
1-5 23705 23706 100 7 | 2-8 23702 23703 161 1 | 1-6 23688 23689 3708 30
3-2 23702 23703 1109 10 | 1-7 23697 23697 2398 13 | 3-3 23703 23703 632 26
1-8 23698 23699 763 20 | 3-4 23687 23687 977 8 | 2-1 23693 23694 1170 13
3-5 23690 23691 426 11 | 2-2 23699 23700 2833 11 | 3-10 23692 23693 1047 13
2-3 23688 23689 269 10
"""
"""Machine, train rows, test rows, anomalous rows, segments, as published."""


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "smd" / "ServerMachineDataset"
    for part in ("train", "test", "test_label", "interpretation_label"):
        (folder / part).mkdir(parents=True)
    for name in ("machine-3-2", "machine-3-10", "machine-1-1"):
        packed = bz2.compress(b"0.25,1.0\n0.5,0\n0.75,1\n")
        (folder / "train" / f"{name}.txt.bz2").write_bytes(packed)
        (folder / "test" / f"{name}.txt").write_text("0,1\n0.5,1\n0.125,1\n1,0\n")
        (folder / "test_label" / f"{name}.txt").write_text("0\n1\n1\n0\n")
    (folder / "test_label" / "machine-2-9.txt").write_text("0\n1\n")
    path = folder / "interpretation_label" / "machine-1-1.txt"
    path.write_text("1-3:1,2\n")
    return tmp_path


def test_machines_are_those_with_a_training_part_by_number(root: pathlib.Path) -> None:
    names = [one.name for one in smd.load(root)]
    assert names == ["machine-1-1", "machine-3-2", "machine-3-10"]
    names = [one.name for one in smd.load(root, ["machine-3-10", "machine-1-1"])]
    assert names == ["machine-3-10", "machine-1-1"]


def test_a_test_part_is_read_alone(root: pathlib.Path) -> None:
    folder = root / "smd" / "ServerMachineDataset"
    assert smd.machines(root) == ["machine-1-1", "machine-3-2", "machine-3-10"]
    (folder / "train" / "machine-1-1.txt.bz2").write_text("nothing that can be read")
    values, labels = smd.test_part(root, "machine-1-1")
    assert values.shape == (4, 2) and labels.tolist() == [0, 1, 1, 0]
    (folder / "test_label" / "machine-1-1.txt").write_text("0\n1\n")
    with pytest.raises(ValueError, match="'machine-1-1' has 4 rows and 2 labels"):
        smd.test_part(root, "machine-1-1")


def test_one_machine(root: pathlib.Path) -> None:
    [one] = smd.load(root / "smd", ["machine-1-1"])
    assert one.train.dtype == np.float64
    assert one.train.tolist() == [[0.25, 1], [0.5, 0], [0.75, 1]]
    assert one.test is not None and one.test.shape == (4, 2)
    assert one.labels is not None and one.labels.tolist() == [0, 1, 1, 0]
    assert one.channels == ("metric_1", "metric_2")
    assert one.kinds == ((1, 3, "anomaly"),)
    # Published metrics count from 1 and ends are exclusive.
    assert one.metadata["interpretation"] == ((1, 3, (0, 1)),)


def test_labels_are_there_for_machines_without_values(root: pathlib.Path) -> None:
    labels = smd.labels(root)
    assert list(labels) == ["machine-1-1", "machine-2-9", "machine-3-2", "machine-3-10"]
    assert labels["machine-2-9"].tolist() == [0, 1]
    with pytest.raises(
        ValueError, match=r"\['machine-2-9'\]; the choices are machine-1-1"
    ):
        smd.load(root, ["machine-2-9"])


def test_bad_files_are_one_line(root: pathlib.Path) -> None:
    folder = root / "smd" / "ServerMachineDataset"
    labels = folder / "test_label" / "machine-1-1.txt"
    labels.write_text("0\n1\n2\n0\n")
    with pytest.raises(ValueError, match="'2' in column 'channel_0', data row 3"):
        smd.load(root, ["machine-1-1"])
    labels.write_text("0\n1\n")
    with pytest.raises(ValueError, match=r"labels \(2,\)"):
        smd.load(root, ["machine-1-1"])
    labels.unlink()
    with pytest.raises(FileNotFoundError, match="test_label/machine-1-1"):
        smd.load(root, ["machine-1-1"])
    packed = folder / "train" / "machine-3-2.txt.bz2"
    packed.write_bytes(packed.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"cannot read .*machine-3-2\.txt\.bz2"):
        smd.load(root, ["machine-3-2"])
    notes = folder / "interpretation_label" / "machine-3-10.txt"
    notes.write_text("12-13\n")
    with pytest.raises(ValueError, match="'12-13' is not start-end:dim"):
        smd.load(root, ["machine-3-10"])
    with pytest.raises(FileNotFoundError, match="no Server Machine Dataset"):
        smd.load(root / "smd" / "ServerMachineDataset" / "train")


@pytest.fixture
def public_root(data_root: pathlib.Path) -> pathlib.Path:
    if not (data_root / "smd").is_dir():
        pytest.skip("the public Server Machine Dataset is not below JAXTSAD_DATA")
    return data_root


def published() -> dict[str, list[int]]:
    rows = [row.split() for line in TABLE.split("\n") for row in line.split("|")]
    return {f"machine-{row[0]}": [int(n) for n in row[1:]] for row in rows if row}


@pytest.mark.parametrize("machine", ["machine-1-6", "machine-2-8"])
def test_public_machines(machine: str, public_root: pathlib.Path) -> None:
    [one] = smd.load(public_root, [machine])
    assert one.labels is not None and one.test is not None
    numbers = [len(one.train), len(one.test), int(one.labels.sum()), len(one.kinds)]
    assert numbers == published()[machine]
    assert one.train.shape[1] == 38 and np.ptp(np.stack([one.train.min(), 1])) <= 1
    assert 2 <= int((np.ptp(one.train, axis=0) == 0).sum()) <= 10
    start, stop, _ = one.kinds[0]
    assert one.metadata["interpretation"][0][:2] == (start, stop)


@pytest.mark.slow
def test_all_public_machines(public_root: pathlib.Path) -> None:
    series: list[Series] = smd.load(public_root)
    for one in series:
        assert one.labels is not None and one.test is not None
        numbers = [len(one.train), len(one.test), int(one.labels.sum())]
        assert [*numbers, len(one.kinds)] == published()[one.name]


def test_public_labels(public_root: pathlib.Path) -> None:
    labels = smd.labels(public_root)
    assert len(labels) == 28
    assert sum(map(len, labels.values())) == 708_420
    for name, (_, steps, anomalous, _) in published().items():
        assert (len(labels[name]), int(labels[name].sum())) == (steps, anomalous)
