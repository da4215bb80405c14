from __future__ import annotations

import itertools
import json
import sys

import jax
import pytest

from benchmarks import __main__ as command
from benchmarks.throughput import load, results, torch_side
from benchmarks.throughput.load import Reading
from benchmarks.throughput.timing import Contender, Work

QUICK = ["--quick", "--runs", "3"]


def idle_machine(foreign):
    """Readings a second apart; `foreign` cores are busy beside ours."""
    count = itertools.count()
    return lambda: (lambda now: Reading(now, (1 + foreign) * now, now))(next(count))


class Slow:
    """Stands for PyTorch: 16 windows in a tenth or a twentieth of a minute."""

    def __init__(self, *arguments):
        pass

    def training(self):
        return [
            Contender("PyTorch, 1 thread", lambda: 0.1, lambda: Work(16, 6.0)),
            Contender("PyTorch, 2 threads", lambda: 0.1, lambda: Work(16, 3.0)),
        ]

    scoring = training


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(torch_side, "check", lambda detector: None)
    monkeypatch.setattr(torch_side, "Case", Slow)


def rows_of(folder):
    (path,) = folder.glob("*.json")
    return json.loads(path.read_text())["rows"]


def test_a_detector_is_measured_tabled_and_written(tmp_path, capsys):
    asked = [*QUICK, "--detector", "zscore", "--window", "9", "--out", str(tmp_path)]
    assert command.main(asked) == 0
    (row,) = rows_of(tmp_path)
    assert row["case"] == "zscore, window 9, channels 3"
    for part in ("train", "score"):
        assert row[f"{part}_windows_per_s"] > 0
        assert row[f"{part}_compile_s"] > 0
    for part in ("training", "scoring"):
        assert len(row["runs"][part]["windows_per_s"]) == 3
    assert row["peak_memory_bytes"] is None or row["peak_memory_bytes"] > 10**6
    printed = capsys.readouterr().out
    assert printed.count("run 3 of 3, JAX") == 2
    assert "windows/s" in printed


def test_smoke_sizes_do_not_land_among_the_results(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert command.main([*QUICK, "--detector", "zscore"]) == 0
    assert not list(tmp_path.iterdir())


def test_an_idle_machine_gets_a_ratio(tmp_path, monkeypatch, stand_in):
    monkeypatch.setattr(load, "read", idle_machine(0.2))
    asked = ["--detector", "zscore", "--against", "torch", "--out", str(tmp_path)]
    assert command.main([*QUICK, *asked]) == 0
    rows = rows_of(tmp_path)
    assert [row["case"].split(", ")[-1] for row in rows] == [
        "training against PyTorch",
        "scoring against PyTorch",
    ]
    for row in rows:
        assert row["torch_windows_per_s"] == pytest.approx(16 / 3)
        assert row["torch_side"] == "PyTorch, 2 threads"
        assert row["ratio"] == pytest.approx(row["jax_windows_per_s"] * 3 / 16)


def test_a_busy_machine_gets_none(tmp_path, monkeypatch, capsys, stand_in):
    monkeypatch.setattr(load, "read", idle_machine(0.4))
    asked = ["--detector", "zscore", "--against", "torch", "--out", str(tmp_path)]
    assert command.main([*QUICK, *asked]) == command.REFUSED == 3
    out, err = capsys.readouterr()
    assert out.count("run 3 of 3") == 6
    assert "other processes used 0.40 of a core" in err
    assert "ratio" not in out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--detector", "no_such"], "the choices are anomaly_transformer"),
        (["--detector", "zscore", "--layers", "2"], "zscore has no layers"),
        (["--detector", "zscore", "--window", "0"], "window=0 must be a whole number"),
        (["--runs", "0"], "runs=0 must be at least 1"),
        (["--seconds", "-1"], "seconds=-1.0 must be above 0"),
        (["--suite", "fleet", "--members", "0"], "members=0 must be at least 1"),
        (["--suite", "fleet", "--against", "torch"], "fleet has no use for against"),
        (["--members", "2"], "detectors has no use for members"),
        (["--suite", "evaluation", "--window", "9"], "no use for sizes"),
        (["--detector", "zscore", "--against", "torch"], "no PyTorch implementation"),
    ],
)
def test_bad_input_gets_one_line_and_code_2(arguments, message, capsys):
    assert command.main(["--quick", *arguments]) == command.BAD_INPUT == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_without_pytorch_one_line_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    asked = ["--quick", "--detector", "lstm_vae", "--against", "torch"]
    assert command.main(asked) == 2
    err = capsys.readouterr().err
    assert "pip install '.[benchmark]'" in err
    assert err.count("\n") == 1


def test_an_accelerator_is_not_compared_to_a_cpu(monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    asked = ["--quick", "--detector", "lstm_vae", "--against", "torch"]
    assert command.main(asked) == 2
    assert "JAX_PLATFORMS=cpu" in capsys.readouterr().err


def test_an_unknown_suite_names_the_choices(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["--suite", "no_such_suite"])
    assert "evaluation" in capsys.readouterr().err
