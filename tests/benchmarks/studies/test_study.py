"""The frame of studies: cached stages, the command line, the files and tables."""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from typing import Any

import numpy as np
import pytest

from benchmarks.studies import cache, report, study
from benchmarks.studies.cache import Cache
from benchmarks.studies.report import Report, Row, Section, Table
from benchmarks.studies.study import Session, Study
from jaxtsad.training import compilations


def test_a_stage_is_made_once_and_again_for_anything_new(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def make() -> dict[str, Any]:
        calls.append(1)
        return {"value": np.float32(0.5), "none": float("nan")}

    kept = Cache(tmp_path, "benchmarks.studies.point_adjustment")
    first = kept.tree("part", {"seed": 0, "data": "a"}, make)
    assert first == {"value": 0.5, "none": None}
    assert kept.tree("part", {"seed": 0, "data": "a"}, make) == first
    assert len(calls) == 1
    kept.tree("part", {"seed": 0, "data": "b"}, make)
    assert len(calls) == 2
    monkeypatch.setattr(cache, "source", lambda module: "edited")
    kept.tree("part", {"seed": 0, "data": "b"}, make)
    assert len(calls) == 3
    (tmp_path / "part.json").write_text("{")
    kept.tree("part", {"seed": 0, "data": "b"}, make)
    assert len(calls) == 4


def test_arrays_are_kept_alike(tmp_path: pathlib.Path) -> None:
    kept = Cache(tmp_path, "benchmarks.studies.point_adjustment")
    one = kept.arrays("part", {"seed": 0}, lambda: {"a/b": np.arange(3)})
    again = kept.arrays("part", {"seed": 0}, lambda: {"a/b": np.arange(4)})
    np.testing.assert_array_equal(one["a/b"], again["a/b"])
    assert set(again) == {"a/b"}
    other = kept.arrays("part", {"seed": 1}, lambda: {"a/b": np.arange(4)})
    assert len(other["a/b"]) == 4
    (tmp_path / "part.npz").write_bytes(b"no archive")
    assert (
        len(kept.arrays("part", {"seed": 1}, lambda: {"a/b": np.arange(5)})["a/b"]) == 5
    )


def test_the_source_of_a_stage_is_the_library_and_what_the_study_imports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = cache._imported("benchmarks.studies.dplan_telemetry")
    names = {pathlib.Path(path).name for path in paths}
    assert {"dplan_telemetry.py", "report.py", "study.py"} <= names
    assert "point_adjustment.py" not in names
    cache.source.cache_clear()
    before = cache.source("benchmarks.studies.dplan_telemetry")
    read = pathlib.Path.read_bytes

    def edited(self: pathlib.Path) -> bytes:
        return read(self) + b"#" * (self.name == "aggregate.py")

    monkeypatch.setattr(pathlib.Path, "read_bytes", edited)
    cache.source.cache_clear()
    after = cache.source("benchmarks.studies.dplan_telemetry")
    cache.source.cache_clear()
    assert before != after


def run(session: Session) -> Report:
    if session.options.epochs < 1:
        raise ValueError(f"--epochs {session.options.epochs} must be at least 1")
    table = Table(["row", "F1"], [["a <b>", "0.500 ± 0.100"]], 1, "Table", "lead")
    section = Section("SMAP", ["fact"], [table])
    rows = [Row("A-1", "pca", 0, 0.5)._asdict()]
    tree = {"epochs": session.options.epochs, "none": float("nan")}
    return Report("Title", ["text"], [section], ["note"], rows, tree)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=int, default=5)


STUDY = Study("toy", "A toy.\n\nMore.", run, options, quick={"epochs": 1})


def test_a_study_writes_and_shows_everything(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["--out", str(tmp_path), "--data-root", "/somewhere", "--epochs", "3"]
    assert study.main(STUDY, words) == 0
    made = json.loads((tmp_path / "toy.json").read_text())
    command = "python -m benchmarks.studies.toy --data-root DIR --epochs 3"
    assert made["command"] == command and made["epochs"] == 3 and made["none"] is None
    text = (tmp_path / "toy.md").read_text()
    for word in ("# Title", "## SMAP", "### Table", "| a <b> | 0.500 ± 0.100 |"):
        assert word in text
    assert f"Command: `{command}`." in text
    lines = (tmp_path / "toy.csv").read_text().splitlines()
    assert lines == ["group,detector,seed,value,metric", "A-1,pca,0,0.5,auc_roc"]
    printed = capsys.readouterr().out
    assert "SMAP: Table" in printed and "note" in printed


def test_only_a_command_keeps_its_compiled_programs(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(compilations, "keep", lambda: kept.append(1))
    words = ["--quick", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["toy", *words])
    assert study.main(STUDY, words) == 0 and not kept
    assert study.main(STUDY) == 0 and kept == [1]


def test_quick_takes_other_defaults_and_bad_input_is_one_line(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    assert study.main(STUDY, ["--quick", "--out", str(tmp_path)]) == 0
    made = json.loads((tmp_path / "toy.json").read_text())
    assert made["epochs"] == 1
    assert made["command"] == "python -m benchmarks.studies.toy --quick"
    assert study.main(STUDY, ["--quick", "--epochs=0", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: --epochs 0 must be at least 1\n"


def test_many_detectors_have_a_line_each() -> None:
    rows = [Row(g, str(n), s, 0.5) for g in "ab" for n in range(9) for s in (0, 1)]
    table = report.by_group(rows)
    assert list(table.heads) == ["", "a", "b", "mean"] and len(table.lines) == 9
    assert table.lines[0] == ["0", "0.500 ± 0.000", "0.500 ± 0.000", "0.500"]
