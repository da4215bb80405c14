"""The command line: what it does, and exit code 2 with one line on bad input."""

from __future__ import annotations

import json
import os
import pathlib

import numpy as np
import pandas as pd
import pytest

from jaxtsad import cli
from tests.detectors.test_contract import sines
from tests.experiments import layout


@pytest.fixture
def recording(tmp_path: pathlib.Path) -> pathlib.Path:
    table = pd.DataFrame(sines(200, 2), columns=["flow", "heat"])
    table.insert(0, "time", pd.date_range("2024-01-01", periods=200, freq="min"))
    table.to_csv(tmp_path / "train.csv", index=False)
    table.loc[120:122, "heat"] += 9.0
    table.to_csv(tmp_path / "test.csv", index=False)
    return tmp_path


def test_fit_score_and_events(recording: pathlib.Path) -> None:
    where = ["--time-column", "time"]
    model, train = str(recording / "model"), str(recording / "train.csv")
    fit = ["fit", train, "--detector", "pca", "--window", "10", "--out", model]
    assert cli.main([*fit, *where, "--option", "variance=0.8"]) == 0
    data, out = str(recording / "test.csv"), str(recording / "scores.csv")
    assert cli.main(["score", model, data, "--out", out, *where]) == 0
    scores = pd.read_csv(out)
    assert len(scores) == 200 and abs(int(scores["score"].argmax()) - 121) <= 10
    assert cli.main(["events", model, data, "--out", out, *where]) == 0
    events = pd.read_csv(out)
    strongest = events.iloc[events["severity"].argmax()]
    assert strongest["start"] <= 122 and strongest["stop"] > 120
    assert strongest["channels"].startswith("heat")


def test_run_and_evaluate(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    data = layout.write(tmp_path / "data", 3)
    config = tmp_path / "mine.toml"
    config.write_text('[detector]\nname = "zscore"\n[data]\ndataset = "smap"\n')
    out = str(tmp_path / "run")
    run = ["run", str(config), "--out", out, "--data-root", str(data)]
    flags = ["--window.length", "12", "--evaluation.baselines", '["pca"]']
    assert cli.main([*run, *flags]) == 0
    assert "A-1: true events" in capsys.readouterr().out
    assert cli.main(["evaluate", out, "--threshold", "iqr"]) == 0
    assert "report.html" in capsys.readouterr().out


def test_explore_draws_a_page(recording: pathlib.Path) -> None:
    out = recording / "deep" / "page.html"
    data = layout.write(recording / "data", 3)
    known = ["explore", "smap", "A-1", "--data-root", str(data), "--out", str(out)]
    assert cli.main(known) == 0
    assert "<h1>A-1</h1>" in out.read_text() and "command_2" in out.read_text()
    files = [str(recording / "train.csv"), "--test", str(recording / "test.csv")]
    mine = ["explore", *files, "--time-column", "time", "--out", str(out)]
    assert cli.main(mine) == 0
    assert "train time" in out.read_text() and "test part" in out.read_text()


def test_detectors_are_listed(capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["detectors"]) == 0
    told = capsys.readouterr().out
    assert "anomaly_transformer: " in told and "variance = 0.9" in told


def test_schema(capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["schema"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["$defs"]["Training"]["properties"]["epochs"]["minimum"] == 0
    assert whole["$defs"]["Data"]["properties"]["pooling"]["enum"][0] == "per_entity"
    training = whole["$defs"]["Training"]["properties"]
    assert training["patience"]["description"].startswith("Epochs without improvement")
    choice = whole["$defs"]["DetectorChoice"]
    of = {part["if"]["properties"]["name"]["const"]: part for part in choice["allOf"]}
    assert [*of] == choice["properties"]["name"]["enum"]
    assert "variance" in of["pca"]["then"]["properties"]["options"]["properties"]
    assert cli.main(["schema", "anomaly_transformer"]) == 0
    options = json.loads(capsys.readouterr().out)["properties"]
    assert options["heads"]["description"] == "Attention heads H."
    assert options["mode"]["enum"] == ["reference", "modified"]
    assert "window" not in options


BAD = [
    (["run", "no_such.toml"], "bundled ones are"),
    (["run"], "name a config"),
    (["run", "pca_smap", "--training.epoch", "3"], "training.epoch is no config key"),
    (["run", "pca_smap", "--training.epochs", "many"], "epochs='many' must be a whole"),
    (["run", "pca_smap", "--detector.name", "magic"], "the choices are"),
    (["run", "pca_smap", "--threshold.kind", "magic"], "magic"),
    (["run", "pca_smap", "--data.pooling", "glued"], "only under"),
    (["run", "pca_smap", "--data-root", "nowhere"], "nowhere"),
    (["explore", "magic"], "or the path to a file"),
    (["explore", "train.csv", "--test", "none.csv"], "no file none.csv"),
    (["explore", "none.csv"], "none.csv"),
    (["explore", "demo"], "name one: P-1, S-1"),
    (["evaluate", "nowhere"], "nowhere"),
    (["score", "nowhere", "train.csv", "--out", "s.csv"], "no saved detector"),
    (["fit", "none.csv", "--detector", "pca", "--out", "m"], "none.csv"),
    (["fit", "train.csv", "--out", "m", "--channels", "time,flow"], "holds text"),
    (["fit", "train.csv", "--out", "m", "--drop", "flow,heat"], "no channel beside"),
    (["fit", "train.csv", "--out", "m", "--max-gap", "wide"], "max_gap='wide' must be"),
    (["fit", "train.csv", "--out", "m", "--time-format", "%Y"], "of the format '%Y'"),
    (
        ["fit", "train.csv", "--detector", "pca", "--out", "m", "--label-column", "y"],
        "y",
    ),
    (["data", "fetch", "no_such_set"], "no_such_set"),
    (["schema", "magic"], "the choices are anomaly_transformer"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=lambda v: str(v)[:48])
def test_bad_input_exits_2_with_one_line(
    arguments: list[str],
    message: str,
    recording: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(recording)
    before = sorted(recording.iterdir())
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("jaxtsad: ") and error.count("\n") == 1
    assert message in error and "Traceback" not in error
    assert sorted(recording.iterdir()) == before, "something was left half written"


def test_a_full_disk_leaves_nothing_behind(
    recording: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """Writing fails as on a full disk; the old files stay as they were."""
    monkeypatch.chdir(recording)
    where = ["--time-column", "time", "--window", "10", "--out", "model"]
    fit = ["fit", "train.csv", "--detector", "zscore", *where]
    assert cli.main(fit) == 0
    kept = (recording / "model" / "model.safetensors").read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert cli.main(fit) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert (recording / "model" / "model.safetensors").read_bytes() == kept
    assert {path.name for path in recording.iterdir()} == {
        "model",
        "test.csv",
        "train.csv",
    }
    assert np.isfinite(pd.read_csv("train.csv")["heat"]).all()


def test_what_nobody_foresaw_is_one_line_and_exit_code_70(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fail(name: str) -> dict[str, object]:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr("jaxtsad.detectors.schema", fail)
    assert cli.main(["schema", "pca"]) == 70
    line = "jaxtsad: a b (ZeroDivisionError; --debug shows where)\n"
    assert capsys.readouterr().err == line
    with pytest.raises(ZeroDivisionError):
        cli.main(["schema", "pca", "--debug"])


def test_debug_shows_the_traceback_of_bad_input() -> None:
    with pytest.raises(ValueError, match="there is no config"):
        cli.main(["run", "nothing.toml", "--debug"])
    with pytest.raises(ValueError):
        cli.main(["data", "verify", "nothing", "--debug"])


@pytest.mark.parametrize("error", [RuntimeError("no home"), PermissionError()])
def test_without_a_home_directory(
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def home() -> pathlib.Path:
        raise error

    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pathlib.Path, "home", home)
    assert cli.main(["schema", "pca"]) == 0
    assert "rank" in capsys.readouterr().out


def test_names_that_look_like_markup_are_printed_as_they_are(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    data = layout.write(tmp_path / "data", 3)
    monkeypatch.chdir(tmp_path)
    config = '[detector]\nname = "zscore"\n[data]\ndataset = "smap"\nentities=["A-1"]\n'
    (tmp_path / "mine.toml").write_text(config)
    where = ["--data-root", str(data), "--window.length", "12"]
    few = ["--evaluation.baselines", '["pca"]']
    out = "[/red]x:smile:[bold]"
    assert cli.main(["run", "mine.toml", "--out", out, *where, *few]) == 0
    assert f"The report is {out}/report.html" in capsys.readouterr().out
