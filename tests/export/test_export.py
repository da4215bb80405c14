"""Exports: every detector, alone or refused; folders, fleets, samples, damage."""

from __future__ import annotations

import ast
import csv
import functools
import json
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from jaxtsad import cli, detectors
from jaxtsad.estimator import SampleDetector, TimeSeriesDetector
from jaxtsad.export import folder, scorer
from jaxtsad.export.scorer import Scorer
from tests.detectors import tiny

NAMES = [name for name in detectors.available() if detectors.is_single(name)]
HOSTILE = ('a,"b"\n;', "../../ü ", "=1+1")


def waves(steps: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(steps, channels))
    phase = 2 * np.arange(channels)
    wave = np.sin(np.arange(steps)[:, None] * 2 * np.pi / 12 + phase[None])
    return 50 + 10 * wave + noise


@functools.cache
def fitted(name: str, **more: Any) -> TimeSeriesDetector:
    """An estimator of a detector's small config."""
    channels = detectors.module(name).TINY.channels
    return tiny.estimator(name, **more).fit(waves(tiny.STEPS, channels))


def agree(exported: np.ndarray, known: np.ndarray, within: float = 1e-5) -> None:
    np.testing.assert_allclose(exported, known, rtol=within, atol=within)


@pytest.mark.parametrize("name", tiny.each(NAMES))
def test_every_detector_scores_alike_exported(
    name: str, tmp_path: pathlib.Path
) -> None:
    detector = fitted(name)
    parity = detector.export(tmp_path / "out")
    made = Scorer(tmp_path / "out")
    largest = parity[name]["largest_difference"]["stablehlo"]
    assert largest == made.check() <= 1e-5
    # Longer than what was recorded, and shorter than a window.
    for steps in (150, 3):
        values = waves(steps, seed=steps)
        values[steps // 2] += 30
        values[steps // 2 - 1, 0] = np.nan
        scores = made.scores(values)
        agree(scores, detector.decision_function(values))
        np.testing.assert_array_equal(made.flags(scores), detector.predict(values))


@pytest.mark.parametrize("aggregate", ["max", "last", "center", "spread"])
@pytest.mark.parametrize("stride", [1, 3])
def test_every_aggregation_is_the_librarys(
    aggregate: str, stride: int, tmp_path: pathlib.Path
) -> None:
    detector = TimeSeriesDetector(
        "knn", window=8, aggregate=aggregate, score_stride=stride, clip_values=3.0
    ).fit(waves(200))
    detector.export(tmp_path)
    values = waves(101, seed=1)
    agree(Scorer(tmp_path).scores(values), detector.decision_function(values))


@pytest.mark.parametrize("head", ["smooth", "evidence", "gated"])
def test_score_heads_go_along(head: str, tmp_path: pathlib.Path) -> None:
    values = waves(5000, seed=2)
    values[2000:2040, 1] += 15
    detector = TimeSeriesDetector("pca", window=8, head=head).fit(waves(600))
    detector.export(tmp_path)
    # Composed mathematics, of steep tail probabilities.
    agree(Scorer(tmp_path).scores(values), detector.decision_function(values), 1e-4)


@pytest.mark.parametrize("join", ["mean", "max"])
def test_ensembles_join_their_members(join: str, tmp_path: pathlib.Path) -> None:
    members = ["zscore", {"detector": "pca", "head": "smooth"}, "knn"]
    options = {"members": members, "join": join}
    detector = TimeSeriesDetector("ensemble", window=8, options=options)
    detector.fit(waves(400)).export(tmp_path)
    values = waves(300, seed=3)
    agree(Scorer(tmp_path).scores(values), detector.decision_function(values), 1e-4)


def test_long_series_go_in_pieces_whose_scores_are_those_of_the_whole(
    tmp_path: pathlib.Path,
) -> None:
    detector = fitted("pretrained_tcn")
    detector.export(tmp_path)
    values = waves(9000, seed=4)
    made = Scorer(tmp_path)
    assert made.manifest["components"][0]["program"]["steps"] < len(values)
    agree(made.scores(values), detector.decision_function(values))


def test_random_scores_are_those_of_the_librarys_keys(tmp_path: pathlib.Path) -> None:
    detector = TimeSeriesDetector(
        "lstm_vae", window=8, options={"hidden": 4, "samples": 3}, epochs=1, seed=7
    ).fit(waves(200))
    detector.export(tmp_path)
    values = waves(150, seed=5)
    scores = Scorer(tmp_path).scores(values)
    agree(scores, detector.decision_function(values))
    other = detector.set_params(seed=8).fit(waves(200)).decision_function(values)
    assert np.abs(scores - other).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        pytest.param("ganomaly", (32, 32, 1), marks=pytest.mark.slow),
        ("pca", (6, 6, 3)),
        ("deep_sad", (5,)),
        ("iforest", (5,)),
        ("lstm_autoencoder", (8, 2)),
    ],
)
def test_samples_of_every_kind(
    name: str, shape: tuple[int, ...], tmp_path: pathlib.Path
) -> None:
    random = np.random.default_rng(0)
    train, test = random.normal(size=(40, *shape)), random.normal(size=(37, *shape))
    options = {"width": 4} if name == "ganomaly" else {}
    detector = SampleDetector(name, options=options, epochs=1, batch_size=16).fit(train)
    detector.export(tmp_path)
    made = Scorer(tmp_path)
    agree(made.scores(test), detector.decision_function(test))
    test[3] = np.inf
    with pytest.raises(ValueError, match="not finite"):
        made.scores(test)


@pytest.mark.parametrize("option", [{"resample": "1min"}, {"max_gap": "5min"}])
def test_what_needs_time_stamps_is_refused(
    option: dict[str, str], tmp_path: pathlib.Path
) -> None:
    import pandas as pd

    time = pd.date_range("2024-01-01", periods=200, freq="min")
    frame = pd.DataFrame(waves(200), index=time)
    detector = TimeSeriesDetector("zscore", window=8, **option).fit(frame)
    [(name, value)] = option.items()
    with pytest.raises(ValueError, match=f"{name}='{value}' cannot be exported"):
        detector.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def run(path: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The exported command line, without this package on its path."""
    command = [sys.executable, "-P", str(path / "scorer.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=path)


def test_the_command_line_scores_columns_by_name(tmp_path: pathlib.Path) -> None:
    import pandas as pd

    train = pd.DataFrame(waves(300), columns=HOSTILE)
    detector = TimeSeriesDetector("zscore", window=8).fit(train)
    out = tmp_path / "an export"
    detector.export(out)
    test = pd.DataFrame(waves(40, seed=1), columns=HOSTILE)
    test.iloc[30] += 40
    file = tmp_path / "data.csv"
    mixed = test[[HOSTILE[2], HOSTILE[0], HOSTILE[1]]].assign(time="now")
    mixed.to_csv(file, index=False)
    done = run(out, str(file))
    assert not done.stderr
    rows = list(csv.DictReader(done.stdout.splitlines()))
    agree(
        np.array([float(row["score"]) for row in rows]),
        detector.decision_function(test),
    )
    assert [row["step"] for row in rows] == [str(step) for step in range(40)]
    assert [int(row["flag"]) for row in rows] == detector.predict(test).tolist()
    mixed.drop(columns=HOSTILE[1]).to_csv(file, index=False)
    refused = run(out, str(file))
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1 and HOSTILE[1].strip() in refused.stderr


def test_check_compares_again_and_tells_damage(tmp_path: pathlib.Path) -> None:
    fitted("zscore").export(tmp_path)
    done = run(tmp_path, "--check")
    assert done.returncode == 0 and "agrees" in done.stdout
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["components"][0]["scaler"]["shift"][0] += 1.0
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    done = run(tmp_path, "--check")
    assert done.returncode == 1 and "does not agree" in done.stdout
    program = tmp_path / "detector_0.stablehlo"
    program.write_bytes(program.read_bytes()[:-1])
    done = run(tmp_path, "--check")
    assert done.returncode == 2 and "damaged" in done.stderr


def test_the_manifest_says_what_alarms_need(tmp_path: pathlib.Path) -> None:
    detector = fitted("pca")
    parity = detector.export(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["threshold"]["value"] == detector.threshold_
    assert manifest["input"]["channels"] == list(detector.feature_names_in_)
    assert set(manifest["rules"]) == {
        "opens",
        "closes",
        "gap",
        "shortest",
        "cool_down",
    }
    written = json.loads((tmp_path / "parity.json").read_text())
    assert written == parity["pca"]
    sizes = [(tmp_path / name).stat().st_size for name in manifest["files"]]
    assert manifest["bytes"] == sum(sizes)


def test_every_entity_of_a_fleet_or_one_by_name(tmp_path: pathlib.Path) -> None:
    series = {"../x": waves(200), "a/b": waves(200, seed=1) * 2, "": waves(200) + 5}
    detector = TimeSeriesDetector("zscore", window=8).fit(series)
    detector.save(tmp_path / "model")
    parity = detector.export(tmp_path / "all")
    assert set(parity) == set(series)
    manifest = json.loads((tmp_path / "all/manifest.json").read_text())
    scores = detector.decision_function(series)
    for name, place in manifest["entities"].items():
        assert (tmp_path / "all" / place).parent == tmp_path / "all"
        agree(Scorer(tmp_path / "all" / place).scores(series[name]), scores[name])
    with pytest.raises(ValueError, match="several entities"):
        Scorer(tmp_path / "all")
    words = ["export", str(tmp_path / "model"), "--out", str(tmp_path / "one")]
    assert cli.main([*words, "--entity", "a/b"]) == 0
    agree(Scorer(tmp_path / "one").scores(series["a/b"]), scores["a/b"])
    assert cli.main([*words, "--entity", "c"]) == 2


def test_folders_of_others_stay_and_those_of_exports_are_replaced(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fitted("zscore").save(tmp_path / "model")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years of work")
    words = ["export", str(tmp_path / "model"), "--out"]
    assert cli.main([*words, str(theirs)]) == 2
    assert [path.name for path in theirs.iterdir()] == ["thesis.txt"]
    assert cli.main([*words, str(tmp_path / "out")]) == 0
    stale = tmp_path / "out/head_0.stablehlo"
    stale.write_bytes(b"of an earlier export")
    assert cli.main([*words, str(tmp_path / "out")]) == 0
    assert not stale.exists() and Scorer(tmp_path / "out").check() <= 1e-5
    assert cli.main([*words, str(tmp_path / "new"), "--format", "torch"]) == 2
    assert "stablehlo" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_scores_that_differ_are_not_exported(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scorer, "check", lambda self: 0.5)
    with pytest.raises(ValueError, match=r"differ by 0\.5"):
        fitted("zscore").export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_scorer_imports_numpy_alone() -> None:
    tree = ast.parse(pathlib.Path(scorer.__file__).read_text())
    names = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        str(node.module).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    outside = names - set(sys.stdlib_module_names)
    assert outside == {"numpy", "jax", "onnxruntime"}


def test_names_of_folders_are_plain() -> None:
    assert folder._folder(3, "../ä b/..") == "0003__b_"


@pytest.mark.parametrize("titles", [("0", "1", "2"), ("x", "y", "z"), None])
def test_channels_without_names_are_taken_by_position(
    titles: tuple[str, ...] | None, tmp_path: pathlib.Path
) -> None:
    import pandas as pd

    fitted("zscore").export(tmp_path)
    values = waves(30, seed=6)
    pd.DataFrame(values, columns=titles).to_csv(
        tmp_path / "data.csv", index=False, header=titles is not None
    )
    given = json.loads((tmp_path / "manifest.json").read_text())["input"]
    np.testing.assert_array_equal(
        scorer.read(str(tmp_path / "data.csv"), given), values
    )
