"""The ablation: its variants, what it measures, its tables, and that it resumes."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from benchmarks.studies import report as reports
from benchmarks.studies import study
from benchmarks.studies.at_ablation import (
    __main__,
    measures,
    scores,
    tables,
    tasks,
    variants,
)
from benchmarks.studies.at_ablation import rows as rows_
from jaxtsad import detectors, types
from jaxtsad.evaluation.metrics import point
from jaxtsad.training.plan import Plan
from tests.experiments import layout

SMALL = variants.PRESETS["cpu"]._replace(
    length=8,
    score_stride=4,
    columns=2,
    every={},
    also={},
    windows=60,
    sizes={"width": 8, "heads": 2, "hidden": 8},
    hidden=4,
    batch_size=16,
    epochs=2,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return layout.write(tmp_path_factory.mktemp("data"), 3)


def test_every_variant_is_one_change_of_a_good_config() -> None:
    base = {"window": 8, "channels": 3}
    reference = detectors.configure("anomaly_transformer", base)
    seen = {(reference, Plan(**variants.PUBLISHED_PLAN), False)}
    for variant in variants.VARIANTS[1:]:
        options = {**base, **variant.options}
        config = detectors.configure("anomaly_transformer", options)
        one = (config, Plan(**variant.plan), variant.untrained)
        assert one not in seen, variant.name
        seen.add(one)
    names = [variant.name for variant in variants.VARIANTS]
    assert len(set(names)) == len(names) and names[0] == "reference"
    with pytest.raises(ValueError, match="'magic' is unknown; the choices are ref"):
        variants.chosen(["magic"])


def test_a_task_is_cut_the_same_for_all(root: pathlib.Path) -> None:
    task = tasks.load("smap", SMALL, str(root))
    assert [one.name for one in task.series] == ["A-1", "A-2"]
    assert len(task.columns) == 2
    assert {str(test.role) for test in task.tests} == {"test"}
    scaled = np.concatenate([part.fit.values for part in task.parts])
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-5)
    windows = sum(len(part.fit) - 7 for part in task.parts) / task.setup.stride
    assert 60 <= windows < 120
    raw = tasks.load("smap", SMALL._replace(scaler="none"), str(root))
    for one, test in zip(raw.series, raw.tests, strict=True):
        np.testing.assert_array_equal(test.values, np.asarray(one.test, np.float32))
    every = SMALL._replace(every={"smap": 2}, columns=0)
    alone = tasks.load("smap", every, str(root))
    assert [one.name for one in alone.series] == ["A-1"]
    assert alone.columns == (0, 1, 2)


def test_rows_have_every_metric_and_the_entities_end_to_end() -> None:
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 0], [200, 20, 180])
    score = rng.random(400) + label
    part, _ = types.cut_train(np.zeros((400, 1)), window=1, validation=0)
    fitted = measures.fitted(part.scored(rng.random(400)))
    rows = measures.rows([score, score], [label, label], fitted, "ab", score="own")
    assert [row["entity"] for row in rows] == ["a", "b", measures.GLUED]
    keys = {f"{rule}/{key}" for rule in measures.RULES for key in measures.FLAGGED}
    assert set(rows[0]["metrics"]) == keys | set(measures.AREAS)
    assert rows[0]["metrics"]["auc_roc"] == 1.0 == rows[2]["metrics"]["auc_pr"]


def test_the_distance_from_an_entitys_mean_by_steps_and_windows(
    root: pathlib.Path,
) -> None:
    task = tasks.load("smap", SMALL._replace(scaler="none"), str(root))
    short = (task.parts[0]._replace(validation=None), *task.parts[1:])
    given = task._replace(parts=short), SMALL, [0]
    rows = rows_.of_baseline(rows_.OWN_MEAN, *given)["rows"]
    assert {row["fold"] for row in rows} == set(rows_.REDRAWN)
    for place, one in enumerate(task.series):
        error = (task.tests[place].values - task.parts[place].fit.values.mean(0)) ** 2
        own = next(
            row for row in rows if row["entity"] == one.name and row["fold"] == "mean"
        )
        area = point.auc_roc(np.asarray(one.labels), error.mean(1))
        np.testing.assert_allclose(own["metrics"]["auc_roc"], area, atol=1e-3)


def test_too_few_calibration_scores_for_pot_leave_it_out() -> None:
    part, _ = types.cut_train(np.zeros((30, 1), np.float32), window=1, validation=0)
    score, label = np.arange(100.0), np.repeat([0, 1], [90, 10])
    few = measures.fitted(part.scored(np.arange(30.0)))
    first, last = measures.rows([score], [label], few, "a", score="own")
    assert not any(key.startswith("pot/") for key in first["metrics"])
    assert {"quantile/f1", "dynamic/f1"} <= set(first["metrics"])
    assert set(last["metrics"]) == set(measures.REDRAWN)


def made(entities: list[str]) -> dict[str, Any]:
    """A report of made-up numbers."""
    rng = np.random.default_rng(0)
    keys = [f"{r}/{k}" for r in measures.RULES for k in measures.FLAGGED]
    keys += [*measures.AREAS]

    def rows(names: tuple[str, ...], folds: tuple[str, ...] = ("mean",)) -> list:
        return [
            {
                "score": name,
                "fold": how,
                "seed": seed,
                "entity": entity,
                "metrics": {key: float(rng.random()) for key in keys},
            }
            for name in names
            for how in folds
            for seed in (0, 1)
            for entity in [*entities, measures.GLUED]
        ]

    curves = [
        {"epoch": e, "seed": 0, "score": name, "auc_pr": 0.1, "rank_correlation": None}
        for e in (0, 1)
        for name in scores.NAMES
    ]
    folds = ("mean", "max", "last", "center", "spread")
    noise = {name: rows(("own",)) for name in ("random", "all_positive")}
    found = {
        "data": {
            "entities": entities,
            "columns": [0],
            "steps": 900,
            "labelled": 0.1,
            "stride": 5,
        },
        "noise": noise,
        "baselines": {name: {"rows": rows(("own",))} for name in rows_.BASELINES},
        "paper": {
            "rows": {"anomaly_transformer": {"pa_f1": 0.9, "f1": None}},
            "leaks": ["everything <b>"],
            "share": 0.01,
        },
        "variants": {
            name: {"rows": rows(scores.NAMES, folds), "curves": curves}
            for name in ("reference", "modified")
        },
    }
    preset = SMALL._asdict()
    about = {"name": "cpu", "command": "x", "preset": preset, "seeds": [0, 1]}
    return {**about, "sets": {"msl": found}}


def test_tables_of_made_up_numbers() -> None:
    report = made(["C-1", "M-6", "M-7"])
    found = report["sets"]["msl"]
    for one in tables.everything("msl", found):
        assert all(len(line) == len(one.heads) for line in one.lines), one.title
    text = reports.markdown(tables.report(report))
    report["sets"]["msl"]["paper"] = None
    assert "By the published procedure" not in reports.markdown(tables.report(report))
    for word in ("random", "0.936", "0.721", "POT", "spread", "epoch 2", "mean VUS"):
        assert word in text
    assert "error alone (modified, 3 entities, too few for a claim): " in text
    rows = found["variants"]["reference"]["rows"]
    table = tables.table(rows, "vus_pr", ["C-1", "M-6"], score="assdis")
    assert table.shape == (2, 2) and np.isfinite(table).all()


@pytest.mark.slow
def test_the_command_writes_its_report_and_resumes(
    root: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(variants.PRESETS, "cpu", SMALL)
    words = ["--data-root", str(root), "--datasets", "smap", "--out", str(tmp_path)]
    words += ["--variants", "reference", "untrained"]
    assert study.main(__main__.STUDY, words) == 0
    report = json.loads((tmp_path / "at_ablation.json").read_text())
    rows = report["sets"]["smap"]["variants"]["reference"]["rows"]
    assert {row["fold"] for row in rows} == {"mean", "max", "last", "center", "spread"}
    assert {row["score"] for row in rows} == set(scores.NAMES)
    start = report["sets"]["smap"]["variants"]["untrained"]["rows"]
    assert ("assdis_3", "spread") in {(row["score"], row["fold"]) for row in start}
    sp_rows, error = (
        tables.table(rows, "auc_pr", ["A-1"], score=name)
        for name in ("sp_rows", "reconstruction")
    )
    np.testing.assert_allclose(sp_rows, error, atol=1e-3)
    before = {
        path: path.stat().st_mtime_ns
        for path in (tmp_path / "stages" / "smap").glob("*.json")
    }
    assert study.main(__main__.STUDY, words) == 0
    for path, time in before.items():
        assert path.stat().st_mtime_ns == time, path
    (tmp_path / "stages" / "smap" / "untrained.json").unlink()
    assert study.main(__main__.STUDY, words) == 0
    again = json.loads((tmp_path / "at_ablation.json").read_text())
    assert (
        again["sets"]["smap"]["variants"]["untrained"]["rows"]
        == (report["sets"]["smap"]["variants"]["untrained"]["rows"])
    )
    few = ["--windows", "20", "--epochs", "1", "--baselines", "--variants", "untrained"]
    assert study.main(__main__.STUDY, [*words[:6], *few]) == 0
    report = json.loads((tmp_path / "at_ablation.json").read_text())
    assert (report["preset"]["windows"], report["preset"]["epochs"]) == (20, 1)
    assert report["sets"]["smap"]["data"]["stride"] > 1


@pytest.mark.parametrize("name", ["seeds", "windows", "epochs"])
def test_bad_input_is_one_line(
    name: str, capsys: pytest.CaptureFixture, tmp_path: Any
) -> None:
    words = ["--out", str(tmp_path), "--datasets", "msl", f"--{name}", "0"]
    assert study.main(__main__.STUDY, words) == 2
    assert capsys.readouterr().err == f"error: --{name} 0 must be at least 1\n"


def test_intervals_end_to_end_hold_the_areas() -> None:
    rng = np.random.default_rng(0)
    labels = [np.repeat([0, 1, 0], [60, 20, 40]) for _ in range(8)]
    values = [np.round(rng.random(120) + 0.5 * one, 1) for one in labels]
    found = measures.redrawn(values, labels)
    whole = np.concatenate(labels), np.concatenate(values)
    for name, area in zip(found, (point.auc_roc, point.auc_pr), strict=True):
        low, high = found[name]
        assert low < area(*whole) < high < 1
    one = measures.redrawn(values[:1], labels[:1])
    for name, area in zip(one, (point.auc_roc, point.auc_pr), strict=True):
        np.testing.assert_allclose(one[name], area(labels[0], values[0]), rtol=1e-12)
    nothing = measures.redrawn(values[:1], [np.zeros(120, int)])
    assert np.isnan(list(nothing.values())).all()
