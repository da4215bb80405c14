"""The capacity plan: lines through small fleets, checked by one that is not in them."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from benchmarks.throughput import capacity


def point(members: int) -> dict[str, float]:
    return {
        "members": members,
        "fit_bytes": 2**20 * (100 + members),
        "saved_bytes": 1024 * members,
        "train_s": 0.02 * members,
        "fit_s": 3 + 0.036 * members,
        "score_s": 0.01 * members,
        "windows": 100 * members,
    }


def test_a_plan_goes_on_by_what_each_member_adds() -> None:
    points = [point(count) for count in (10, 100, 1000)]
    check = point(3000) | {"fit_s": 2 * point(3000)["fit_s"]}
    plan = capacity.report(points, check, 100_000, 500, 2, host_gib=10.0, hours=0.5)
    assert "97.8 GiB of memory" in plan and "1.3 hours on one such machine" in plan
    assert "10 GiB: 10 by memory; 10 such machines to be done in 0.5 h" in plan
    rows = {row.split("|")[1].strip(): row for row in plan.splitlines() if "|" in row}
    assert "+0 %" in rows["training"] and "1 MiB" in rows["peak memory while fitting"]
    assert "-50 %" in rows[capacity.QUANTITIES["fit_s"]]
    assert "5,000 windows/s" in plan


def test_a_line_does_not_begin_below_nothing() -> None:
    assert capacity.line([10, 100, 1000], [5.0, 100.0, 1000.0]).start == 0


@pytest.mark.slow
def test_small_fleets_are_measured_in_processes(
    tmp_path: pathlib.Path, capsys: Any
) -> None:
    path = tmp_path / "capacity.md"
    words = ["--quick", "--steps", "100", "--epochs", "1", "--out", str(path)]
    assert capacity.main(words) == 0
    assert "12 measured" in path.read_text() == capsys.readouterr().out[:-1]
