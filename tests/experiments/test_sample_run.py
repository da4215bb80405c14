"""Runs on images and table rows: cut, trained, resumed, judged again, looked into."""

from __future__ import annotations

import base64
import contextlib
import json
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import jaxtsad
from jaxtsad.experiments import (
    console,
    evaluate,
    inspection,
    run,
    sample_tasks,
    toml,
)
from jaxtsad.experiments.config import Config, SampleCut
from jaxtsad.reporting.run_directory import read_report, read_scores
from jaxtsad.training.fit import Interrupted


def config(**sections: Any) -> Config:
    """Two kinds of drawn pictures, 8 x 8 pixels, each the normal one in turn."""
    tree: dict[str, Any] = {
        "name": "tiny",
        "data": {
            "dataset": "rgbd_synthetic",
            "options": {"count": 40, "side": 8, "classes": ["box", "ball"]},
        },
        "samples": {"classes": "normal"},
        "detector": {"name": "ganomaly", "options": {"width": 4, "latent": 4}},
        "training": {"epochs": 3, "batch_size": 16, "stop": "none"},
        "evaluation": {"baselines": ["pca"]},
    }
    for section, values in sections.items():
        tree[section] = {**tree.get(section, {}), **values}
    return toml.parse(tree)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("samples") / "run"
    run.run(config(), folder)
    return folder


def test_a_run_of_images_has_rows_of_samples(finished: pathlib.Path) -> None:
    made = json.loads((finished / "report.json").read_text())
    assert {row["level"] for row in made["rows"]} == {"sample"}
    pairs = {(row["detector"], row["entity"]) for row in made["rows"]}
    for entity in ("box", "ball", "macro", "pooled"):
        assert {("ganomaly", entity), ("pca", entity), ("random", entity)} <= pairs
    assert len((finished / "events.csv").read_text().splitlines()) == 1
    assert not any(name.endswith("_smoothed") for name, _ in pairs)
    for entity in made["entities"]:
        assert (entity["train_steps"], entity["steps"]) == (32, 8 + 40)
    row = next(r for r in made["rows"] if r["detector"] == "ganomaly")
    assert row["threshold"]["fitted_on"] == "validation"
    assert "vus_pr" not in row["metrics"] and 0 <= row["metrics"]["auc_roc"] <= 1
    assert (finished / "report.html").stat().st_size > 1000
    assert isinstance(jaxtsad.load(finished / "model"), jaxtsad.SampleDetector)


def test_a_run_of_images_has_a_page_of_each_class(finished: pathlib.Path) -> None:
    report = (finished / "report.html").read_text()
    classes = [one["name"] for one in read_report(finished)["entities"]]
    assert sorted(classes) == ["ball", "box"]
    kept = {(s.entity, s.detector): s for s in read_scores(finished / "scores.npz")}
    for place, entity in enumerate(classes):
        assert f'<a href="look_{place}.html">{entity}</a>' in report
        text = (finished / f"look_{place}.html").read_text()
        [content] = re.findall(r'id="about">(.*?)</script>', text, re.DOTALL)
        about, scored = json.loads(content), kept[entity, "ganomaly"]
        assert (about["title"], about["entity"]) == (f"tiny, {entity}", entity)
        np.testing.assert_allclose(about["scores"], scored.score, rtol=1e-5)
        assert about["labels"] == scored.label.tolist()
        order = np.argsort(-scored.score, kind="stable").tolist()
        assert about["pictures"]["places"] == order
        given, made = (
            np.frombuffer(base64.b64decode(about["pictures"][name]), np.uint8)
            for name in ("given", "made")
        )
        assert given.size == made.size == 48 * 8 * 8 * 3
        task = next(t for t in sample_tasks.load(config()) if t.name == entity)
        drawn = task.test[order][..., :3].astype(float).ravel()
        # Channels are scaled each by itself.
        assert np.corrcoef(given, drawn)[0, 1] > 0.99


def test_a_run_of_images_is_judged_again(finished: pathlib.Path) -> None:
    before = json.loads((finished / "report.json").read_text())
    made = evaluate.evaluate(finished, threshold="mad")
    assert {r["threshold"]["kind"] for r in made["rows"] if r.get("threshold")} == {
        "mad",
        "share",
    }
    # Pooled rows join scores in units of the threshold.
    for again, row in zip(made["rows"], before["rows"], strict=True):
        if row["entity"] != "pooled":
            expected = row["metrics"]["auc_roc"]
            assert again["metrics"]["auc_roc"] == pytest.approx(expected)


def test_a_sample_can_be_looked_into(finished: pathlib.Path) -> None:
    seen = inspection.inspect(finished, entity="ball", step=3)
    assert seen["values"].shape == seen["reconstruction"].shape == (8, 8, 4)
    assert seen["step"] == 3 and str(seen["entity"]) == "ball"


def test_a_stopped_run_of_images_ends_as_if_it_had_not(
    finished: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def impatient() -> Iterator[Callable[[], bool]]:
        log = tmp_path / "run" / "metrics.jsonl"
        yield lambda: log.exists() and len(log.read_text().splitlines()) > 0

    with monkeypatch.context() as patch:
        patch.setattr(console, "interruptible", impatient)
        with pytest.raises(Interrupted):
            run.run(config(), tmp_path / "run")
    resumed = run.run(config(), tmp_path / "run", resume=True)
    whole = json.loads((finished / "report.json").read_text())
    assert resumed["state_sha256"] == whole["state_sha256"]


def test_a_table_tells_training_its_known_anomalies(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [300, 60])
    values = rng.normal(size=(360, 4)).astype(np.float32)
    values[labels == 1] += 4
    table = jaxtsad.types.Samples("table", values, labels, {"features": tuple("abcd")})
    monkeypatch.setattr(sample_tasks.catalog, "load_samples", lambda *a, **k: table)
    given = config(
        data={"dataset": "devnet", "options": {}},
        samples={"classes": "labels", "known": 20, "hidden": 0.02},
        detector={"name": "zscore", "options": {}},
    )
    [task] = sample_tasks.load(given)
    assert task.known is not None and task.known.sum() == 20
    assert (task.train[task.known].mean(axis=1) > 2).all()
    made = run.run(given, tmp_path / "run")
    own = next(row for row in made["rows"] if row["detector"] == "zscore")
    assert own["entity"] == "table" and own["metrics"]["auc_roc"] > 0.95


def test_nothing_is_trained_on_and_tested() -> None:
    anomalous = np.repeat([False, True], [200, 50])
    for how in (SampleCut(), SampleCut(known=10, hidden=0.1), SampleCut(most_test=9)):
        cut = sample_tasks.cut(anomalous, how)
        assert not set(cut.train) & set(cut.test)
        assert len(set(cut.train)) == len(cut.train)
        known = cut.train[len(cut.train) - cut.known :]
        assert len(known) == how.known and anomalous[known].all()
        hidden = int(anomalous[cut.train].sum()) - cut.known
        assert hidden == (15 if how.hidden else 0)
        again = sample_tasks.cut(anomalous, how)
        np.testing.assert_array_equal(again.test, cut.test)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"samples": {"classes": "odd"}}, "samples.classes='odd' is unknown"),
        ({"samples": {"train": 1.0}}, r"samples.train=1.0 must be in \(0, 1\)"),
        ({"evaluation": {"protocol": "paper"}}, "holds independent samples"),
        ({"data": {"pooling": "pooled"}}, 'pooling="pooled" is of series'),
    ],
)
def test_bad_configs_of_samples_are_one_line(sections: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**sections)


def test_unknown_classes_are_named() -> None:
    with pytest.raises(ValueError, match="'cone' is no class of rgbd_synthetic"):
        sample_tasks.load(config(data={"entities": ["cone"]}))
