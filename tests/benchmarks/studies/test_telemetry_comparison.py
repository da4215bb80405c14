"""The telemetry comparison: labels, presets, resuming, what it writes."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks.studies import study
from benchmarks.studies.telemetry_comparison import __main__ as command
from benchmarks.studies.telemetry_comparison import channels, presets, rows
from jaxtsad.datasets import smap_msl
from jaxtsad.evaluation import baselines, measure
from jaxtsad.experiments import console
from jaxtsad.pipeline import fitting
from jaxtsad.reporting import run_directory
from jaxtsad.reporting.run_directory import Scored
from jaxtsad.types import Series
from tests.experiments import layout

COLUMNS = 3
NAME = "telemetry_comparison"
TINY = """
name = "{name}"
[window]
length = 8
stride = 4
[detector]
name = "{detector}"
[detector.options]
{options}
[training]
epochs = 3
batch_size = 16
"""
VAE = "hidden = 8\nlatent = 2\nbeta = 1e-3"
COUNTS = """A-7 481/1725 A-8 761/1674 A-9 772/1685 D-1 650/1700 D-12 547/1582
D-15 129/430 D-16 131/437 D-2 845/1718 D-3 656/1727 D-4 648/1693 D-7 539/1527
D-9 230/1480 E-1 103/1702 E-12 118/1701 E-2 281/1705 E-3 642/1660 E-4 563/1669
E-8 125/1705 F-2 591/1724 F-8 106/496 M-1 229/454 M-2 229/454 P-1 152/1700 P-2 246/1640
P-3 268/1697 P-7 331/1613 T-1 309/1721 T-2 356/1724"""


def config(folder: pathlib.Path, name: str = "tiny_vae") -> str:
    """A config with a model that trains in no time."""
    path = folder / f"{name}.toml"
    path.write_text(TINY.format(name=name, detector="lstm_vae", options=VAE))
    return str(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return layout.write(tmp_path_factory.mktemp("data"), COLUMNS)


def words(data: pathlib.Path, folder: pathlib.Path, *more: str) -> list[str]:
    """The command line of a small comparison."""
    given = ["--data-root", str(data), "--out", str(folder / "out"), "--seeds", "0"]
    given += ["--models", config(folder), "--channels", *layout.CHANNELS]
    return [*given, "--baselines", "zscore", *more]


def compare(data: pathlib.Path, folder: pathlib.Path, *more: str) -> dict[str, Any]:
    """Runs a comparison; what its JSON says."""
    assert study.main(command.STUDY, words(data, folder, *more)) == 0
    made: dict[str, Any] = json.loads((folder / "out" / f"{NAME}.json").read_text())
    return made


@pytest.fixture(scope="module")
def strict(
    data: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[pathlib.Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("strict")
    return folder, compare(data, folder)


@pytest.fixture(scope="module")
def as_run(
    data: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[pathlib.Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("as_run")
    return folder, compare(data, folder, "--preset", "as_run")


def test_windows_by_number_miss_what_comes_from_the_left() -> None:
    steps = np.zeros(8509, np.int8)
    steps[5250:8509] = 1
    series = Series("D-1", np.zeros((9, 1)), np.zeros((8509, 1)), steps)
    row = smap_msl.Labels("SMAP", 8509, ((5250, 8509, "point"),))
    by_steps = channels.WindowLabels([series], None)("D-1", 10, 5)
    by_number = channels.WindowLabels([series], {"D-1": row})("D-1", 10, 5)
    assert len(by_steps) == len(by_number) == 1700
    assert (by_steps.sum(), by_number.sum()) == (651, 650)


def public(data_root: pathlib.Path) -> pathlib.Path:
    if not (data_root / "smap_msl").is_dir():
        pytest.skip("the public SMAP/MSL archive is not below JAXTSAD_DATA")
    return data_root


def test_the_published_channels_and_their_counts(data_root: pathlib.Path) -> None:
    root = public(data_root)
    found = channels.select(root)
    assert found.verified and found.names == channels.PUBLISHED
    assert "they are the 28 that were published" in str(found)
    words = COUNTS.split()
    counts = dict(zip(words[::2], words[1::2], strict=True))
    assert set(counts) == set(found.names)
    series = [
        Series(name, np.zeros((9, 1)), None, steps)
        for name, steps in smap_msl.labels(root).items()
    ]
    first = smap_msl.label_table(root, rows="first")
    labels = channels.WindowLabels(series, first)
    for name, count in counts.items():
        own = labels(name, 10, 5)
        assert f"{own.sum()}/{len(own)}" == count, name
    strict = channels.WindowLabels(series, None)
    wanted = {"D-1": 651, "A-8": 762, "P-2": 257, "P-1": 155}
    assert {name: int(strict(name, 10, 5).sum()) for name in wanted} == wanted


def test_trivial_rows_from_labels_alone(data_root: pathlib.Path) -> None:
    root = public(data_root)
    series = [
        Series(name, np.zeros((9, 1)), None, steps)
        for name, steps in smap_msl.labels(root).items()
    ]
    first = smap_msl.label_table(root, rows="first")
    labels = channels.WindowLabels(series, first)
    known = [labels(name, 10, 5) for name in channels.PUBLISHED]
    every = measure.macro([baselines.all_positive(one, samples=True) for one in known])
    assert every["f1"] == pytest.approx(0.4232, abs=5e-4)
    assert every["precision"] == pytest.approx(0.2832, abs=5e-4)
    perfect = measure.macro(
        [
            measure.measure_samples(one, score, score > np.quantile(score, 0.7))
            for one in known
            for score in [one + np.arange(len(one)) * 1e-6]
        ]
    )
    assert perfect["f1"] == pytest.approx(0.770, abs=2e-3)
    assert perfect["auc_roc"] == 1.0


def test_presets_follow_what_they_are_named_after() -> None:
    strict = {name: presets.recipe("strict", name).setup for name in presets.MODELS}
    as_run = {name: presets.recipe("as_run", name).setup for name in presets.MODELS}
    for setup in (*strict.values(), *as_run.values()):
        assert (setup.window, setup.stride, setup.scaler) == (10, 5, "zscore")
        assert (setup.plan.epochs, setup.plan.patience) == (100, 10)
        assert setup.options["batch_size"] == 32 and not setup.tail
    assert {(s.split, s.clip_values, s.plan.restore) for s in strict.values()} == {
        ("time", 5.0, True)
    }
    assert {(s.split, s.clip_values, s.plan.restore) for s in as_run.values()} == {
        ("windows", None, False)
    }
    assert as_run["lstm_vae"].options["objective"] == "as_run"
    assert as_run["lstm_vae"].options["samples"] == 1
    assert as_run["lstm_attention"].options["dropout"] == 0.0
    plateaus = [as_run[name].plan.plateau for name in presets.MODELS[:2]]
    assert plateaus == [10, 5]
    assert {s.plan.plateau for s in strict.values()} == {5}
    assert presets.recipe("as_run", "lstm_vae").calibrated == "test"
    assert presets.recipe("as_run", "anomaly_transformer").calibrated == "fit"
    assert presets.recipe("strict", "lstm_vae").calibrated == "fit"
    assert presets.recipe("strict", "anomaly_transformer").setup.window == 200
    near = presets.recipe("strict", "knn neighbour=5", trivial=True)
    assert near.row == "knn" and near.setup.options["neighbour"] == 5


def test_everything_is_written(strict: tuple[pathlib.Path, dict[str, Any]]) -> None:
    folder, made = strict
    out = folder / "out"
    assert list(command.macro(made["window_rows"])) == [
        "tiny_vae",
        "zscore",
        "tiny_vae_untrained",
        "all_negative",
        "random",
        "all_positive",
    ]
    assert made["leaks"] == [] and made["preset"] == "strict"
    assert not made["verified"]
    facts = made["facts"]["tiny_vae"]
    assert facts["train_s"] > 0 and facts["members"] == 2
    assert facts["parameters"] == {"3": 799}
    table = (out / "telemetry_comparison.csv").read_text().splitlines()
    assert {line.split(",")[3] for line in table[1:]} == {"window", "step"}
    text = (out / "telemetry_comparison.md").read_text()
    for part in ("## Windows", "## Steps", "## Steps by channel", *layout.CHANNELS):
        assert part in text
    assert "These numbers leak" not in text and "published (as_run)" not in text
    assert "judged on its own windows" in text


def test_thresholds_under_strict_come_from_fit_windows_alone(
    strict: tuple[pathlib.Path, dict[str, Any]],
) -> None:
    folder, results = strict
    [kept] = (folder / "out" / "stages").glob("tiny_vae_[0-9a-f]*/windows.npz")
    windows = run_directory.read_scores(kept)
    own = [r for r in results["window_rows"] if r["detector"] == "tiny_vae"]
    for one in windows:
        [row] = [r for r in own if r["entity"] == one.entity]
        assert row["threshold"]["value"] == pytest.approx(
            np.quantile(one.calibration.astype(np.float64), 0.7)
        )
        assert row["threshold"]["fitted_on"] == one.role == "fit"
        assert len(one.score) == (layout.STEPS - 8) // 4 + 1
    lengths = {one.entity: len(one.calibration) for one in windows}
    # The fit part is the first 80 % of 400 and of 460 steps.
    assert lengths == {"A-1": (320 - 8) // 4 + 1, "A-2": (368 - 8) // 4 + 1}


# Compiling costs: a second comparison and a third are for the slow command.
@pytest.mark.slow
def test_as_run_flags_three_tenths_of_the_test_windows_and_confesses(
    as_run: tuple[pathlib.Path, dict[str, Any]],
) -> None:
    folder, results = as_run
    own = [row for row in results["window_rows"] if row["detector"] == "zscore"]
    own = [row for row in own if row["entity"] in layout.CHANNELS]
    assert [row["threshold"]["fitted_on"] for row in own] == ["test", "test"]
    text = (folder / "out" / "telemetry_comparison.md").read_text()
    assert "These numbers leak: preset as_run" in text and len(results["leaks"]) == 3
    # A config brings a threshold of its own kind, on the windows it was fitted on.
    tiny = [row for row in results["window_rows"] if row["detector"] == "tiny_vae"]
    assert tiny[0]["threshold"]["fitted_on"] == "fit"


def test_a_quantile_of_100_test_scores_flags_30() -> None:
    scored = Scored("a", "x", 0, np.arange(100.0), np.zeros(100), np.zeros(5), "fit")
    rule = rows.judge_row(scored, "test")
    assert rule.threshold.value == pytest.approx(69.3) and rule.flags.sum() == 30


def test_a_finished_model_is_not_trained_again(
    strict: tuple[pathlib.Path, dict[str, Any]],
    data: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, results = strict

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("something was fitted again")

    monkeypatch.setattr(fitting, "fit", refuse)
    again = compare(data, folder)
    assert again["window_rows"] == results["window_rows"]
    for other in (["--epochs", "1"], ["--seeds", "1"]):
        with pytest.raises(AssertionError, match="fitted again"):
            compare(data, folder, *other)


@pytest.mark.slow
def test_an_interrupted_fleet_goes_on_from_its_checkpoint(
    strict: tuple[pathlib.Path, dict[str, Any]],
    data: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, results = strict
    asked = 0

    @contextlib.contextmanager
    def impatient() -> Iterator[Any]:
        def stop() -> bool:
            nonlocal asked
            asked += 1
            return asked == 3

        yield stop

    arguments = words(data, folder, "--out", str(tmp_path / "out"))
    with monkeypatch.context() as patch:
        patch.setattr(console, "interruptible", impatient)
        assert study.main(command.STUDY, arguments) == 130
    assert asked == 3 and not (tmp_path / "out" / "telemetry_comparison.json").exists()
    assert study.main(command.STUDY, arguments) == 0
    made = json.loads((tmp_path / "out" / "telemetry_comparison.json").read_text())
    facts = [one["facts"]["tiny_vae"] for one in (made, results)]
    assert facts[0]["state_sha256"] == facts[1]["state_sha256"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "lstm"], "detector='lstm' is unknown"),
        (["--models", "none.toml"], "there is no config file"),
        (["--models", "zscore", "zscore"], "'zscore' is there twice"),
        (["--channels", "Q-1"], "channel 'Q-1' has no labels"),
        ([], "none of 2 labelled channels has 100 anomalous windows"),
        (["--data-root", "/none"], "is not a folder"),
    ],
)
def test_bad_input_is_one_line(
    data: pathlib.Path,
    tmp_path: pathlib.Path,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture,
) -> None:
    rest = ["--data-root", str(data), "--out", str(tmp_path)]
    assert study.main(command.STUDY, [*rest, *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line
