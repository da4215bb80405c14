"""The study of choosing: what rules take, and what the tables say of it."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from benchmarks.studies import choosing as program
from benchmarks.studies import study
from benchmarks.studies.choosing import Judged
from jaxtsad.estimator import choosing
from tests.benchmarks.studies.planted import planted

NAMES = ("a", "b", "c")


def judged(injected: list[float], true: list[float]) -> Judged:
    spread = np.array([-0.02, 0.0, 0.02, 0.0, 0.01, -0.01])
    return Judged(NAMES, np.array(injected)[:, None] + spread, np.array(true), 3.0)


def test_rules_take_what_they_say() -> None:
    one = judged([0.5, 0.8, 0.6], [0.3, 0.6, 0.9])
    assert [one.chosen(rule) for rule in program.RULES] == [1, 1, 0]
    assert one.correlation == pytest.approx(0.5)
    close = Judged(
        NAMES,
        np.array([[0.5, 0.9] * 3, [0.9, 0.6] * 3, [0.1] * 6]),
        np.array([0.4, 0.4, 0.4]),
        1.0,
    )
    assert [close.chosen(rule) for rule in program.RULES] == [1, 0, 0]
    assert np.isnan(close.correlation)


def test_tables_by_hand() -> None:
    each = [
        judged([0.5, 0.8, 0.6], [0.3, 0.6, 0.9]),
        judged([0.9, 0.2, 0.3], [0.5, 0.1, 0.2]),
    ]
    taken = program.taken_by(each)
    assert list(taken["best"]) == [0.6, 0.5] and list(taken["first"]) == [0.3, 0.5]
    assert list(taken["with labels"]) == [0.9, 0.5]
    lines = {line[0]: line for line in program.rules(each).lines}
    assert lines["best"][2] == "78.6%" and lines["first"][3].startswith("+0.000")
    lines = {line[0]: line for line in program.candidates(each).lines}
    assert [line[3:] for line in lines.values()] == [
        ("1", "1", "1"),
        ("1", "1", "0"),
        ("0", "0", "1"),
    ]
    assert "`best` at 0.550" in program.verdicts(each)[1]


def test_the_study_keeps_what_it_judged(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap = [
        {"detector": "zscore", "window": 8},
        {"detector": "zscore", "window": 8, "options": {"average": True}},
    ]
    cases = [planted(str(i), i, train=400, steps=600) for i in range(2)]
    monkeypatch.setattr(program.choosing, "CANDIDATES", cheap)
    monkeypatch.setattr(program.protocol, "series", lambda *_: cases)
    words = ["--quick", "--out", str(tmp_path)]
    assert study.main(program.STUDY, words) == 0
    first = json.loads((tmp_path / "choosing.json").read_text())
    assert len(first["rows"]) == 4
    for row in first["rows"]:
        assert 0 < row["injected"] <= 1 and 0 < row["true"] <= 1

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was kept")

    monkeypatch.setattr(choosing, "measure", never)
    assert study.main(program.STUDY, words) == 0
    assert json.loads((tmp_path / "choosing.json").read_text())["rows"] == first["rows"]
