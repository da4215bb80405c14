"""The quirks of the archive on a tiny one made by hand, and the public numbers."""

from __future__ import annotations

import pathlib
import shutil
import zipfile

import numpy as np
import pytest

from jaxtsad.datasets import gluing, msl, smap, smap_msl
from jaxtsad.types import Series

HEADER = "chan_id,spacecraft,anomaly_sequences,class,num_values\n"
ROWS = (
    'A-2,SMAP,"[[7, 9], [1, 1]]","[contextual, point]",10\n'
    'P-2,SMAP,"[[3, 6]]",[point],9\n'
    'A-10,SMAP,"[[0, 0]]",[point],4\n'
    'P-2,SMAP,"[[2, 4]]",[point],9\n'
    'M-1,MSL,"[[1, 2]]",[contextual],5\n'
)
STEPS = {"A-2": 10, "A-10": 4, "P-2": 9, "M-1": 5, "T-10": 6}


def write(folder: pathlib.Path, arrays: str = "data") -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labeled_anomalies.csv").write_text(HEADER + ROWS)
    for part, extra in (("train", 3), ("test", 0)):
        (folder / arrays / part).mkdir(parents=True, exist_ok=True)
        for name, steps in STEPS.items():
            width = 3 if name in ("M-1", "T-10") else 2
            values = np.arange((steps + extra) * width, dtype=np.float64)
            path = folder / arrays / part / f"{name}.npy"
            np.save(path, values.reshape(-1, width) / 7)
    return folder


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    write(tmp_path / "smap_msl")
    return tmp_path


def by_name(series: list[Series]) -> dict[str, Series]:
    return {one.name: one for one in series}


def test_labeled_channels_come_in_plain_string_order(root: pathlib.Path) -> None:
    names = [one.name for one in smap_msl.load(root)]
    assert names == ["A-10", "A-2", "M-1", "P-2"]


def test_ends_are_inclusive_and_spans_are_sorted_with_their_kinds(
    root: pathlib.Path,
) -> None:
    channels = by_name(smap_msl.load(root))
    assert channels["A-2"].kinds == ((1, 2, "point"), (7, 10, "contextual"))
    labels = channels["A-2"].labels
    assert labels is not None and labels.dtype == np.int8
    assert labels.tolist() == [0, 1, 0, 0, 0, 0, 0, 1, 1, 1]
    assert channels["A-10"].kinds == ((0, 1, "point"),)


def test_two_rows_of_a_channel_are_united(root: pathlib.Path) -> None:
    [series] = smap_msl.load(root, ["P-2"])
    assert series.kinds == ((2, 7, "point"),)
    assert series.labels is not None and series.labels.sum() == 5


def test_one_of_two_rows_can_be_taken(root: pathlib.Path) -> None:
    table = smap_msl.label_table(root, rows="first")
    assert table["P-2"].spans == ((3, 7, "point"),)
    assert table["A-2"] == smap_msl.label_table(root)["A-2"]
    assert smap_msl.label_table(root, rows="last")["P-2"].spans == ((2, 5, "point"),)


def test_a_channel_without_row_is_loaded_on_request_only(root: pathlib.Path) -> None:
    [series] = smap_msl.load(root, ["T-10"])
    assert series.labels is None and series.kinds == ()
    assert series.metadata["spacecraft"] == "MSL"
    names = [one.name for one in smap_msl.load(root, unlabeled=True)]
    assert names == ["A-10", "A-2", "M-1", "P-2", "T-10"]
    names = [one.name for one in smap_msl.load(root, None, "MSL", unlabeled=True)]
    assert names == ["M-1", "T-10"]


def test_values_are_float64_and_columns_have_names(root: pathlib.Path) -> None:
    [series] = smap_msl.load(root, ["M-1"])
    assert series.train.dtype == np.float64 and series.train.shape == (8, 3)
    assert series.test is not None and series.test.dtype == np.float64
    assert series.channels == ("telemetry", "command_1", "command_2")
    np.testing.assert_allclose(series.test[1], np.arange(3, 6) / 7, rtol=1e-7)


def test_channels_come_in_the_order_asked_for(root: pathlib.Path) -> None:
    names = [one.name for one in smap_msl.load(root, ["P-2", "A-2"])]
    assert names == ["P-2", "A-2"]


def test_each_spacecraft_is_a_data_set(root: pathlib.Path) -> None:
    assert [one.name for one in smap.load(root)] == ["A-10", "A-2", "P-2"]
    assert [one.name for one in msl.load(root)] == ["M-1"]
    assert [one.name for one in msl.load(root, ["T-10"])] == ["T-10"]
    with pytest.raises(ValueError, match=r"\['M-1'\]; the choices are A-10, A-2, P-2"):
        smap.load(root, ["M-1"])


@pytest.mark.parametrize("arrays", ["data", "data/data", "."])
@pytest.mark.parametrize("nested", [True, False])
def test_every_published_layout_is_read(
    tmp_path: pathlib.Path, arrays: str, nested: bool
) -> None:
    write(tmp_path / "smap_msl" if nested else tmp_path, arrays)
    assert len(smap_msl.load(tmp_path)) == 4


def test_the_zip_file_reads_as_its_folder(root: pathlib.Path) -> None:
    unpacked = smap_msl.load(root, unlabeled=True)
    folder = root / "smap_msl"
    with zipfile.ZipFile(folder / "data.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "data").rglob("*.npy")):
            archive.write(path, path.relative_to(folder))
        archive.writestr("data/2018-05-19_15.00.10/y_hat/A-2.npy", b"not an input")
    shutil.rmtree(folder / "data")
    for one, other in zip(smap_msl.load(root, unlabeled=True), unpacked, strict=True):
        assert one.name == other.name and one.kinds == other.kinds
        np.testing.assert_array_equal(one.train, other.train)
        np.testing.assert_array_equal(one.test, other.test)


def test_labels_need_no_arrays(root: pathlib.Path) -> None:
    shutil.rmtree(root / "smap_msl" / "data")
    table = smap_msl.label_table(root)
    assert table["P-2"] == ("SMAP", 9, ((2, 7, "point"),))
    labels = smap_msl.labels(root, "SMAP")
    assert {name: len(one) for name, one in labels.items()} == {
        "A-2": 10,
        "P-2": 9,
        "A-10": 4,
    }
    assert len(smap_msl.labels(root)) == 4
    with pytest.raises(FileNotFoundError, match=r"smap_msl/data\.zip"):
        smap_msl.load(root)


def test_nothing_there_is_one_line(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"labeled_anomalies\.csv"):
        smap_msl.load(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('A-2,SMAP,"[[7, 10]]",[point],10\n', r"'A-2': \[7, 10\] lies outside 0 to 9"),
        ('A-2,SMAP,"[[7, 6]]",[point],10\n', r"\[7, 6\] lies outside"),
        ('A-2,SMAP,"[[1, 2], [4, 5]]",[point],10\n', "2 sequences but 1 classes"),
        ('A-2,SMAP,"[[1, 2]",[point],10\n', "channel 'A-2'"),
        ('A-2,SMAP,"[[1, 2]]",[point],11\n', "10 test steps, the label table says 11"),
        (
            'A-2,SMAP,"[[1, 2]]",[point],10\nA-2,MSL,"[[1, 2]]",[point],10\n',
            "rows disagree",
        ),
    ],
)
def test_a_bad_label_table_names_the_channel(
    root: pathlib.Path, rows: str, message: str
) -> None:
    (root / "smap_msl" / "labeled_anomalies.csv").write_text(HEADER + rows)
    with pytest.raises(ValueError, match=message) as caught:
        smap_msl.load(root, ["A-2"])
    assert "\n" not in str(caught.value)


def test_a_label_table_without_a_column(root: pathlib.Path) -> None:
    path = root / "smap_msl" / "labeled_anomalies.csv"
    path.write_text("chan_id,spacecraft\nA-2,SMAP\n")
    with pytest.raises(ValueError, match=r"lacks the columns.*num_values"):
        smap_msl.label_table(root)


def test_unknown_names_list_the_choices(root: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"\['Z-1'\]; the choices are A-10, A-2, M-1"):
        smap_msl.load(root, ["A-2", "Z-1"])
    with pytest.raises(ValueError, match=r"'Apollo'.*\['MSL', 'SMAP'\]"):
        smap_msl.load(root, None, "Apollo")


def test_damaged_arrays_name_their_file(root: pathlib.Path) -> None:
    path = root / "smap_msl" / "data" / "test" / "A-2.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(ValueError, match=r"cannot read test/A-2\.npy"):
        smap_msl.load(root, ["A-2"])
    np.save(path, np.ones(10))
    with pytest.raises(ValueError, match=r"float64 \(10,\), expected"):
        smap_msl.load(root, ["A-2"])
    np.save(path, np.ones((10, 5)))
    with pytest.raises(ValueError, match="2 columns in train and 5 in test"):
        smap_msl.load(root, ["A-2"])
    path.unlink()
    with pytest.raises(ValueError, match=r"no array test/A-2\.npy"):
        smap_msl.load(root, ["A-2"])


def test_a_truncated_zip_file_is_one_line(root: pathlib.Path) -> None:
    folder = root / "smap_msl"
    shutil.rmtree(folder / "data")
    (folder / "data.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match=r"cannot read .*data\.zip") as caught:
        smap_msl.load(root)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def public(data_root: pathlib.Path) -> list[Series]:
    if not (data_root / "smap_msl").is_dir():
        pytest.skip("the public SMAP/MSL archive is not below JAXTSAD_DATA")
    return smap_msl.load(data_root, unlabeled=True)


@pytest.mark.parametrize(
    ("craft", "channels", "width", "rows", "papers", "share", "events"),
    [
        ("SMAP", 54, 25, (138_004, 435_826), (135_183, 427_617), 12.79, 69),
        ("MSL", 28, 55, (58_742, 74_399), (58_317, 73_729), 10.53, 36),
    ],
)
def test_totals_of_the_public_archive(
    public: list[Series],
    craft: str,
    channels: int,
    width: int,
    rows: tuple[int, int],
    papers: tuple[int, int],
    share: float,
    events: int,
) -> None:
    own = [one for one in public if one.metadata["spacecraft"] == craft]
    assert len(own) == channels
    assert {one.train.shape[1] for one in own} == {width}
    tests = [one.test for one in own if one.test is not None]
    assert (sum(len(one.train) for one in own), sum(map(len, tests))) == rows
    # The two rows of P-2 are one event.
    assert sum(len(one.kinds) for one in own) == events - (craft == "SMAP")
    glued = gluing.glue(own, drop=smap_msl.DROPPED_BY_PAPERS)
    assert glued.test is not None and glued.labels is not None
    assert (len(glued.train), len(glued.test)) == papers
    assert round(100 * float(glued.labels.mean()), 2) == share


def test_quirks_of_the_public_archive(public: list[Series]) -> None:
    channels = by_name(public)
    assert len(channels) == 82 and list(channels) == sorted(channels)
    assert channels["P-2"].kinds == ((5300, 6576, "point"),)
    assert [name for name, one in channels.items() if one.labels is None] == ["T-10"]
    last = {
        name
        for name, one in channels.items()
        if one.labels is not None and one.labels[-1] == 1
    }
    assert last == set("E-3 D-1 D-4 D-7 T-2 D-9 F-2 D-12 A-8 A-9 F-8".split())
    steady = {name for name, one in channels.items() if np.ptp(one.train[:, 0]) == 0}
    # A count of zero standard deviations misses: theirs is 1e-16.
    expected = "A-1 R-1 B-1 C-2 D-12 D-13 D-14 D-2 D-7 D-8 D-9 G-2 M-6 P-4 S-2 T-5"
    assert steady == set(expected.split())
    dead = {name for name, one in channels.items() if not np.ptp(one.train, 0).any()}
    assert dead == {"D-12", "D-13"}
    assert all((np.ptp(one.train[:, 1:], axis=0) == 0).any() for one in public)
    lengths = {name: len(channels[name].train) for name in ("D-12", "T-10", "T-8")}
    assert lengths == {"D-12": 312, "T-10": 425, "T-8": 748}
    kinds = [kind for one in public for _, _, kind in one.kinds]
    # 62 point and 43 contextual sequences; two point rows of P-2 are united.
    assert (kinds.count("point"), kinds.count("contextual")) == (61, 43)


def test_labels_alone_are_those_of_the_loaded_series(
    public: list[Series], data_root: pathlib.Path
) -> None:
    labels = smap_msl.labels(data_root)
    for one in public:
        if one.labels is not None:
            np.testing.assert_array_equal(labels[one.name], one.labels)
    assert len(labels) == 81
