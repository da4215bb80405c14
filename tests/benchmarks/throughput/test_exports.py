"""The table of exports: processes that cannot import what they must not need."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from benchmarks.throughput import exports


def test_exports_are_checked_where_the_library_cannot_be_imported(
    tmp_path: pathlib.Path, capsys: Any
) -> None:
    path = tmp_path / "export.md"
    assert exports.main(["--quick", "--out", str(path)]) == 0
    rows = [row for row in path.read_text().splitlines() if row.startswith("| zscore")]
    [name, stablehlo, _, onnx, _, safe] = [cell.strip() for cell in rows[0].split("|")][
        1:-1
    ]
    assert name == "zscore" and safe == "yes"
    assert float(stablehlo) <= 1e-5 and float(onnx) <= 1e-5
    capsys.readouterr()


def test_a_detector_that_differs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = {"difference": 0.1, "agrees": False, "bytes": 10, "packed": 5, "said": ""}
    row: dict[str, Any] = {"name": "odd", "stablehlo": bad, "onnx": {"refused": "why"}}
    text = exports.report([row], {})
    assert "| odd | 1.0e-01 (does not agree) | 0 KiB (0 KiB) | refused: why |" in text
    monkeypatch.setattr(exports, "cases", lambda quick: [exports.Case("odd", dict)])
    monkeypatch.setattr(exports, "measured", lambda case, pythons: row)
    assert exports.main(["--quick"]) == 1
