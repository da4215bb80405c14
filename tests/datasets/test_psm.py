from __future__ import annotations

import gzip
import pathlib

import numpy as np
import pytest

from jaxtsad.datasets import psm
from jaxtsad.datasets.reading import screening

HEADER = "timestamp_(min),feature_0,feature_1\n"


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "psm"
    (folder / "excerpt").mkdir(parents=True)
    (folder / "excerpt" / "train.csv").write_text(HEADER + "0,1,2\n1,3,4\n2,5,6\n")
    test = "100,1,2\n101,3,4\n200,5,6\n201,7,8\n"
    (folder / "excerpt" / "test.csv").write_text(HEADER + test)
    labels = "timestamp_(min),label\n100.0,0\n101.0,0\n200.0,1\n201.0,1\n"
    (folder / "excerpt" / "test_label.csv").write_text(labels)
    packed = gzip.compress(b"timestamp_(min),label\n100.0,0\n101.0,1\n102.0,0\n")
    (folder / "test_label.csv.gz").write_bytes(packed)
    return tmp_path


def add_full(root: pathlib.Path) -> None:
    folder = root / "psm"
    packed = gzip.compress((HEADER + "0,1,2\n1,,4\n2,5,6\n").encode())
    (folder / "train.csv.gz").write_bytes(packed)
    (folder / "test.csv").write_text(HEADER + "100,1,2\n101,3,4\n102,5,6\n")


def test_the_excerpt_and_its_break(root: pathlib.Path) -> None:
    [series] = psm.load(root)
    assert series.name == "psm" and series.channels == ("feature_0", "feature_1")
    assert series.train.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert series.labels is not None and series.labels.tolist() == [0, 0, 1, 1]
    assert series.kinds == ((2, 4, "anomaly"),)
    assert series.metadata["part"] == "excerpt"
    assert series.metadata["breaks"] == (2,)
    assert psm.labels(root).tolist() == [0, 1, 0]


def test_the_full_set_is_preferred_and_keeps_missing_cells(root: pathlib.Path) -> None:
    add_full(root)
    [series] = psm.load(root)
    assert series.metadata["part"] == "full" and series.metadata["breaks"] == ()
    assert np.isnan(series.train[1, 0]) and np.isnan(series.train).sum() == 1
    filled, record = screening.screen(series.train)
    assert filled[1, 0] == 1 and record.missing == 1
    [excerpt] = psm.load(root, part="excerpt")
    assert excerpt.metadata["part"] == "excerpt"


def test_bad_requests_are_one_line(root: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="part='half'"):
        psm.load(root, part="half")
    with pytest.raises(ValueError, match="single entity 'psm'"):
        psm.load(root, ["machine-1"])
    with pytest.raises(FileNotFoundError, match=r"train\.csv"):
        psm.load(root, part="full")
    with pytest.raises(FileNotFoundError, match="no Pooled Server Metrics"):
        psm.load(root / "psm" / "elsewhere")
    add_full(root)
    (root / "psm" / "test.csv").write_text(HEADER + "100,1,2\n101,3,4\n103,5,6\n")
    with pytest.raises(ValueError, match="other minutes than its label file"):
        psm.load(root)


def test_the_public_labels_and_excerpt(data_root: pathlib.Path) -> None:
    if not (data_root / "psm").is_dir():
        pytest.skip("the Pooled Server Metrics are not below JAXTSAD_DATA")
    labels = psm.labels(data_root)
    assert (len(labels), int(labels.sum())) == (87_841, 24_381)
    if not (data_root / "psm" / "excerpt").is_dir():
        pytest.skip("the excerpt is not below JAXTSAD_DATA")
    [series] = psm.load(data_root, part="excerpt")
    assert series.test is not None and series.labels is not None
    assert (series.train.shape, series.test.shape) == ((399, 25), (300, 25))
    assert series.labels.sum() == 104 and series.metadata["breaks"] == (199,)
