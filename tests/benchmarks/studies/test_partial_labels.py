"""The partial-label protocol: who is labelled, who is hidden, and what is tested."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from benchmarks.studies import dplan_telemetry
from benchmarks.studies.dplan_tabular import __main__ as dplan_tabular
from benchmarks.studies.dplan_tabular import partial_labels, several_classes
from jaxtsad.types import Series

CLASSES = np.repeat([0, 1, 2], [5000, 300, 200])
VALUES = np.arange(len(CLASSES), dtype=np.float32)[:, None]


def test_only_known_classes_are_labelled_and_all_are_hidden() -> None:
    cut = partial_labels.cut("table", VALUES, CLASSES, 0, known=(1,))
    of = CLASSES[cut.train[:, 0].astype(int)]
    assert cut.known.sum() == 60 and set(of[cut.known == 1]) == {1}
    hidden = of[(cut.known == 0) & (of > 0)]
    assert len(hidden) == cut.hidden == round(4000 * 0.02 / 0.98)
    assert abs((hidden == 1).sum() - (hidden == 2).sum()) <= 1
    assert len(np.unique(cut.train)) == len(cut.train)
    assert not np.intersect1d(cut.train, cut.test).size
    counts = np.bincount(cut.classes)
    np.testing.assert_array_equal(counts, [1000, 60, 40])


def test_seeds_differ_and_repeat() -> None:
    one, again, other = (
        partial_labels.cut("table", VALUES, CLASSES, seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.train, again.train)
    assert not np.array_equal(one.train, other.train)


def test_rare_anomalies_are_shared_out() -> None:
    classes = np.repeat([0, 1], [1000, 30])
    cut = partial_labels.cut("rare", np.zeros((1030, 1)), classes, 0, rows=300)
    assert cut.known.sum() == 18 and cut.hidden == 3
    assert len(cut.train) == 300 + 18 + 3


def test_the_synthetic_task() -> None:
    cut = partial_labels.synthetic(0, normal=500)
    assert cut.known.sum() == 60 and cut.hidden == 9
    np.testing.assert_array_equal(np.bincount(cut.classes), [2000, *4 * [60]])
    known = cut.train[cut.known == 1].mean(axis=0)
    apart = np.linalg.norm(cut.test[cut.classes == 1].mean(axis=0) - known)
    assert apart < 0.05
    clean = partial_labels.synthetic(0, normal=500, clean=True)
    assert clean.hidden == 0 and len(clean.train) == 560
    np.testing.assert_array_equal(clean.test, cut.test)
    np.testing.assert_array_equal(clean.train[clean.known == 1], cut.train[-60:])


def test_rows_of_groups_leave_other_classes_out() -> None:
    cut = partial_labels.synthetic(0, normal=100)
    scores = {"oracle": [(cut.classes == 1).astype(float)]}

    def share(labels: np.ndarray, values: np.ndarray) -> float:
        return float(values[labels == 1].mean())

    found = dplan_tabular.rows([cut], scores, share, dplan_tabular.GROUPS["synthetic"])
    assert [(row.group, row.value) for row in found] == [
        ("synthetic known", 1.0),
        ("synthetic unknown", 0.0),
        ("synthetic made up", 0.0),
        ("synthetic uniform", 0.0),
        ("synthetic mirrored", 0.0),
    ]
    assert dplan_tabular.constant({"flat": [np.zeros(3)]}) == {"flat": 1}


def test_any_options_make_a_row_of_the_agent() -> None:
    size = dplan_tabular.SIZES["cpu"]
    found = dplan_tabular.setup(size, "stand_ins=600 stand_ins_always=true", 100)
    assert found.detector == "dplan"
    assert found.options == {"stand_ins": 600, "stand_ins_always": True}
    assert dplan_tabular.setup(size, "dplan_p05", 100).options == {"p": 0.05}
    assert dplan_tabular.setup(size, "devnet", 100).detector == "devnet"
    with pytest.raises(ValueError, match="'dplann' must be NAME=VALUE"):
        dplan_tabular.setup(size, "dplann", 100)


def test_two_tables_of_the_same_rows_tell_classes_apart(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "adbench" / "Classical"
    folder.mkdir(parents=True)

    def write(name: str, labels: list[int]) -> None:
        np.savez(folder / name, X=np.eye(4), y=np.array(labels))

    write("30_satellite.npz", [0, 1, 1, 0])
    write("19_landsat.npz", [0, 0, 1, 0])
    values, classes = dplan_tabular.load("cotton_crop", str(tmp_path))
    np.testing.assert_array_equal(values, np.eye(4))
    assert classes.tolist() == [0, 1, 2, 0]
    assert dplan_tabular.load("damp_soil", str(tmp_path))[1].tolist() == [0, 2, 1, 0]
    assert set(several_classes.TABLES) < set(dplan_tabular.GROUPS)
    write("19_landsat.npz", [1, 0, 1, 0])
    with pytest.raises(ValueError, match="do not label the same rows"):
        dplan_tabular.load("cotton_crop", str(tmp_path))


@pytest.mark.parametrize("events", [[], [(100, 120)]])
def test_a_channel_needs_an_event_to_tell_and_one_to_test(events: list) -> None:
    labels = np.zeros(500, np.int8)
    for start, stop in events:
        labels[start:stop] = 1
    values = np.zeros((500, 2), np.float32)
    assert dplan_telemetry.cut(Series("a", values, values, labels)) is None
