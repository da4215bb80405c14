"""Runs: nothing fitted sees the test part, and everything is in the directory."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest

import jaxtsad
from jaxtsad import detectors, files
from jaxtsad.evaluation import thresholds
from jaxtsad.experiments import (
    evaluate,
    inspection,
    judge,
    report,
    run,
    toml,
)
from jaxtsad.reporting import run_directory
from jaxtsad.reporting.pages import attention
from tests.experiments import layout

TRANSDUCTIVE = {"transductive_quantile", "transductive_dynamic"}


def tiny(name: str, root: pathlib.Path, noise: bool = False) -> pathlib.Path:
    """Runs a detector on the small recording and returns the run directory."""
    data = layout.write(root / f"data_{noise}", layout.columns(name), noise)
    config = layout.config(name, data, evaluation={"baselines": ["zscore"]})
    run.run(config, root / f"run_{noise}")
    return root / f"run_{noise}"


# Compiling costs: the rest of the detectors are tested by the slow command.
QUICK = ("anomaly_transformer", "iforest", "pca")
EVERY = [
    pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
    for name in detectors.available()
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: Any) -> pathlib.Path:
    """A finished run of a detector that is trained."""
    return tiny("anomaly_transformer", tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module", params=EVERY)
def pair(request: Any, tmp_path_factory: Any) -> tuple[pathlib.Path, pathlib.Path]:
    """Two runs of one detector; in the second the test parts are noise."""
    name, first = request.param, None
    if name == "anomaly_transformer":
        first = request.getfixturevalue("finished")
    root = first.parent if first else tmp_path_factory.mktemp(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report.run_report, "write", lambda folder: [])
        return first or tiny(name, root), tiny(name, root, noise=True)


def test_noise_in_the_test_part_changes_nothing_fitted(pair: Any) -> None:
    first, second = pair
    for name in ("model.safetensors", "estimator.json"):
        ours, theirs = ((folder / "model" / name).read_bytes() for folder in pair)
        assert ours == theirs, f"{name} depends on the test part"
    one, other = (run_directory.read_scores(f / run_directory.SCORES) for f in pair)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.calibration, b.calibration)
        assert a.role == b.role == "validation"
        assert not np.array_equal(a.score, b.score)
    reports = [json.loads((f / "report.json").read_text()) for f in (first, second)]
    assert reports[0]["state_sha256"] == reports[1]["state_sha256"]


@pytest.mark.parametrize("kind", [*thresholds.KINDS])
def test_noise_in_the_test_part_changes_no_threshold(pair: Any, kind: str) -> None:
    assert kind not in TRANSDUCTIVE
    values = []
    for folder in pair:
        config = toml.load(folder / "config.toml")
        rule = report.rule(config)._replace(kind=kind, options={})
        scored = run_directory.read_scores(folder / run_directory.SCORES)
        values.append([one.threshold.value for one in judge.judge(scored, rule)])
    assert values[0] == values[1]


def test_the_run_directory_is_complete(finished: pathlib.Path) -> None:
    folder = finished
    names = {path.name for path in folder.iterdir()}
    expected = {"config.toml", "report.json", "report.html", "scores.npz", "events.csv"}
    assert expected | {"model", "table.md", "table.csv", "table.json"} <= names
    made = json.loads((folder / "report.json").read_text())
    rows = {(row["detector"], row["entity"]) for row in made["rows"]}
    for entity in (*layout.CHANNELS, "macro", "pooled"):
        assert {("random", entity), ("all_positive", entity)} <= rows
        assert ("zscore", entity) in rows
    assert made["protocol"] == "strict" and made["leaks"] == []
    assert made["timings"]["train_s"] > 0 and (folder / "metrics.jsonl").exists()
    model = jaxtsad.load(folder / "model")
    scored = run_directory.read_scores(folder / run_directory.SCORES)
    first = scored[0]
    test = np.load(folder.parent / "data_False/smap_msl/test" / f"{first.entity}.npy")
    again = model.decision_function({first.entity: test})[first.entity]
    np.testing.assert_allclose(again, first.score, rtol=1e-5, atol=1e-7)


def test_a_finished_run_can_be_looked_into(
    finished: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection.run_report, "write", lambda folder: [])
    seen = inspection.inspect(finished, entity="A-1", step=104)
    tiny = detectors.module("anomaly_transformer").TINY
    shape = (tiny.layers, tiny.heads, tiny.window, tiny.window)
    assert seen["series"].shape == seen["prior"].shape == shape
    assert seen["start"] <= 104 < seen["start"] + tiny.window
    product = seen["error"] * seen["weight"]
    np.testing.assert_allclose(seen["score"], product, rtol=1e-4)
    np.testing.assert_allclose(seen["explain"].sum(-1), seen["score"], rtol=1e-4)
    assert seen["sigma_along"].shape == (layout.STEPS, tiny.layers, tiny.heads)
    assert seen["discrepancy_along"].shape == (layout.STEPS, tiny.layers)
    drawn = attention.build(run_directory.read_inspection(finished))
    assert drawn.count("<svg") == 5 and "A-1, step 104" in drawn
    with pytest.raises(ValueError, match="step=400 must be in"):
        inspection.inspect(finished, entity="A-1", step=400)
    with pytest.raises(ValueError, match="entity='B-1' is unknown; the choices are"):
        inspection.inspect(finished, entity="B-1")


def test_evaluate_judges_again_without_training(
    finished: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report.run_report, "write", lambda folder: [])
    folder = finished
    before = json.loads((folder / "report.json").read_text())
    model = (folder / "model" / "model.safetensors").stat().st_mtime_ns
    after = evaluate.evaluate(folder, threshold="mad")
    assert {
        row["threshold"]["kind"] for row in after["rows"] if "threshold" in row
    } == {
        "mad",
        "share",
    }
    assert after["rows"][0]["metrics"]["auc_pr"] == pytest.approx(
        before["rows"][0]["metrics"]["auc_pr"]
    )
    for key in evaluate.TRAINED_BY:
        assert after[key] == before[key]
    same = evaluate.evaluate(folder)
    assert [row["metrics"] for row in files.plain(same["rows"])] == [
        row["metrics"] for row in before["rows"]
    ]
    assert (folder / "model" / "model.safetensors").stat().st_mtime_ns == model


def test_a_run_is_not_overwritten_and_bad_data_is_named(tmp_path: pathlib.Path) -> None:
    data = layout.write(tmp_path / "data", 3)
    config = layout.config("zscore", data, evaluation={"baselines": ["zscore"]})
    run.run(config, tmp_path / "run")
    with pytest.raises(ValueError, match="holds a run already"):
        run.run(config, tmp_path / "run")
    with pytest.raises(ValueError, match="holds no run to resume"):
        run.run(config, tmp_path / "other", resume=True)
    narrow = layout.config("zscore", data, data={"channels": ["telemetry", "9"]})
    with pytest.raises(ValueError, match="'9' is no channel"):
        run.run(narrow, tmp_path / "narrow")


def test_the_paper_protocol_confesses(tmp_path: pathlib.Path) -> None:
    data = layout.write(tmp_path / "data", 3)
    config = layout.config(
        "pca",
        data,
        data={"pooling": "glued"},
        evaluation={"protocol": "paper", "baselines": ["zscore"]},
    )
    made = run.run(config, tmp_path / "run")
    assert len(made["leaks"]) == 4
    assert all(row["protocol"] == "paper" for row in made["rows"])
    scored = run_directory.read_scores(tmp_path / "run" / run_directory.SCORES)
    window, steps = config.window.length, 2 * layout.STEPS
    assert len(scored[0].score) == steps - steps % window
    train = 2 * layout.STEPS + 60
    assert len(scored[0].calibration) == len(range(0, train - window + 1, 2)) * window
    main = next(row for row in made["rows"] if row["detector"] == "pca")
    everything = np.concatenate([scored[0].calibration, scored[0].score])
    assert main["threshold"]["value"] == pytest.approx(np.percentile(everything, 99))


def test_seeds_share_a_program_and_get_a_mean_row(tmp_path: pathlib.Path) -> None:
    data = layout.write(tmp_path / "data", 3)
    config = layout.config(
        "zscore",
        data,
        training={"seeds": [0, 1, 2]},
        evaluation={"baselines": ["zscore_smoothed"]},
    )
    made = run.run(config, tmp_path / "run")
    own = [
        r for r in made["rows"] if r["detector"] == "zscore" and r["entity"] == "A-1"
    ]
    assert [row["seed"] for row in own] == [0, 1, 2, "mean"]
    assert own[-1]["sd"]["auc_pr"] == pytest.approx(0.0)
