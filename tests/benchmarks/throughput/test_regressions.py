from __future__ import annotations

import json

import pytest

from benchmarks import __main__ as command
from benchmarks.throughput import regressions, results

OLD = [
    {"suite": "a", "case": "x", "train_windows_per_s": 100.0, "compile_s": 9.0},
    {"suite": "a", "case": "y", "train_windows_per_s": 100.0},
]


def written(folder, rows):
    path = folder / "old.json"
    path.write_text(json.dumps({"processor": "p", "rows": rows}))
    return path


def test_a_rate_that_fell_is_told_and_one_within_the_noise_is_not(tmp_path):
    new = [
        {**OLD[0], "train_windows_per_s": 89.0},
        {**OLD[1], "train_windows_per_s": 91.0},
    ]
    slow, steady = regressions.against(written(tmp_path, OLD), new)
    assert (slow.regressed, steady.regressed) == (True, False)
    assert str(slow) == "a: x: train_windows_per_s 100 -> 89.0 (0.89)  SLOWER"


def test_times_and_new_cases_are_left_alone(tmp_path):
    new = [{**OLD[0], "compile_s": 99.0}, {**OLD[0], "case": "new"}]
    found = regressions.against(written(tmp_path, OLD), new)
    assert [change.name for change in found] == ["train_windows_per_s"]


def test_of_whole_times_less_is_better():
    old = {"suite": "start", "case": "x", "median_seconds": 2.0, "fit_s": 1.0}
    new = {**old, "median_seconds": 2.5, "fit_s": 0.5}
    slower, faster = regressions.changes(old, new)
    assert (slower.ratio, slower.regressed) == (0.8, True)
    assert (faster.ratio, faster.regressed) == (2.0, False)


@pytest.mark.parametrize("rows", [None, [{**OLD[0], "case": "other"}]])
def test_nothing_to_compare_with_is_told(tmp_path, rows):
    path = tmp_path / "none.json" if rows is None else written(tmp_path, rows)
    with pytest.raises(ValueError, match="--compare"):
        regressions.against(path, OLD)


@pytest.mark.parametrize(("faster", "code"), [(1e-6, 0), (1e6, command.REGRESSED)])
def test_the_command_line_compares_with_earlier_results(tmp_path, capsys, faster, code):
    asked = ["--quick", "--detector", "zscore", "--window", "9"]
    assert command.main([*asked, "--out", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*.json")
    rows = results.read(path)
    for row in rows:
        row["train_windows_per_s"] *= faster
        row["score_windows_per_s"] *= faster
    old = written(tmp_path, rows)
    assert command.main([*asked, "--compare", str(old)]) == code
    assert ("SLOWER" in capsys.readouterr().out) is bool(code)


def test_the_file_that_is_written_is_compared_with_as_it_was(tmp_path, capsys):
    asked = ["--quick", "--detector", "zscore", "--window", "9", "--out", str(tmp_path)]
    assert command.main(asked) == 0
    (path,) = tmp_path.glob("*.json")
    document = json.loads(path.read_text())
    document["rows"][0]["train_windows_per_s"] *= 1e6
    path.write_text(json.dumps(document))
    assert command.main([*asked, "--compare", str(path)]) == command.REGRESSED
    assert "SLOWER" in capsys.readouterr().out


def test_what_others_reach_is_no_regression():
    old = {"suite": "a", "case": "x", "torch_windows_per_s": 9.0, "jax_per_s": 9.0}
    new = {**old, "torch_windows_per_s": 1.0, "jax_per_s": 8.9}
    assert [change.name for change in regressions.changes(old, new)] == ["jax_per_s"]
