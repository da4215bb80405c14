"""The chosen variant: recipes, the search, its rows and its tables."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from benchmarks.studies import report, study
from benchmarks.studies.at_improved import __main__, judging, networks, page, recipes
from benchmarks.studies.at_improved.recipes import INPUT, Evidence, Recipe
from jaxtsad.evaluation.scoring import smoothing
from jaxtsad.training import loop
from tests.experiments import layout


def evidence(seed: int, columns: int = 3) -> Evidence:
    """An entity whose network errs at its event, as does the recording itself."""
    rng = np.random.default_rng(seed)
    label = np.repeat([0, 1, 0], [200, 20, 180])
    squared = {
        name: np.square(rng.normal(size=(400, columns)) + 2 * label[:, None])
        for name in ("untrained", "plain", "modified", INPUT)
    }
    held = {name: np.ones(columns) for name in squared}
    low = {name: rng.random(400) for name in squared}
    varies = np.arange(columns) < 2
    commands = np.arange(columns) > 0
    return Evidence(f"E-{seed}", label, varies, commands, held, squared, low)


def test_recipes_do_what_they_say() -> None:
    one = evidence(0)
    errors, inputs = one.test["plain"], one.test[INPUT]
    plain = Recipe("plain", width=1)

    def same(recipe: Recipe, expected: np.ndarray) -> None:
        np.testing.assert_allclose(recipes.score(one, recipe), expected)

    same(plain, errors.mean(1))
    same(plain._replace(mix="mean"), (errors + inputs).mean(1) / 2)
    same(plain._replace(mix="max"), np.maximum(errors, inputs).mean(1))
    same(Recipe(INPUT, mix="mean", width=1), inputs.mean(1))
    scaled = errors / np.array([11.0, 11.0, 1.1])[None]
    recipe = plain._replace(scale=True, squash="log", floor=10.0)
    same(recipe, np.log1p(scaled).mean(1))
    same(plain._replace(squash="cap"), np.minimum(errors, recipes.CAP).mean(1))
    varying = plain._replace(squash="root", columns="varying")
    same(varying, np.sqrt(errors[:, :2]).mean(1))
    same(plain._replace(columns="measured"), errors[:, 0])
    # What is constant in training has no error worth the name.
    halves = (errors[:, 0] + inputs[:, 2]) / 2
    same(plain._replace(columns="no_commands"), halves)
    thirds = (errors[:, 0] + errors[:, 1] + inputs[:, 2]) / 3
    same(plain._replace(columns="groups"), thirds)
    same(plain._replace(discrepancy=True), errors.mean(1) * one.low["plain"])
    flat = one._replace(varies=np.zeros(3, bool))
    kept = recipes.score(flat, plain._replace(columns="varying"))
    np.testing.assert_allclose(kept, errors.mean(1))
    once = smoothing.moving_average(errors.mean(1), 20, centered=True)
    same(plain._replace(width=20), once)
    twice = smoothing.moving_average(once, 20, centered=True)
    same(plain._replace(width=20, passes=2), twice)


def test_only_every_other_entity_has_a_say() -> None:
    found = [evidence(seed) for seed in range(4)]
    trials = __main__.choose(found)
    spoilt = [found[0], found[1]._replace(test={}), found[2], found[3]._replace(low={})]
    assert __main__.choose(spoilt) == trials
    best = max(trials, key=lambda one: one.value)
    assert best.value >= trials[0].value > 0 and best.recipe.network != INPUT
    assert len({one.recipe for one in trials}) == len(trials)


def test_tables_of_made_up_entities() -> None:
    found = [[evidence(seed) for seed in range(8)]]
    own: dict[str, Any] = __main__.rows(found, Recipe("plain", squash="log"))
    labels = [one.labels for one in found[0]]
    own["random"] = judging.random(labels)
    own["all_positive"] = judging.all_positive(labels)
    for name in judging.BASELINES:
        own[name] = own["random"]
    assert np.mean(own["improved"]["vus_pr"]) > np.mean(own["random"]["vus_pr"])
    trials = __main__.choose(found[0][:2])
    tried = [{**one._asdict(), "recipe": one.recipe._asdict()} for one in trials]
    about = {"tuning": ["A"], "held_out": ["B"], "trials": tried, "rows": own}
    chosen = Recipe("plain", squash="log")._asdict()
    made = {"command": "x", "sets": {"one": {**about, "recipe": chosen}}}
    text = report.markdown(page.report(made))
    for word in ("better than zscore_smoothed, pca, knn", "random scores", "start"):
        assert word in text
    assert "not shown to be better than improved_untrained" in text


@pytest.mark.slow
def test_the_command_trains_judges_and_keeps(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = layout.write(tmp_path / "data", 3)
    sizes = {"width": 8, "heads": 2, "hidden": 8, "batch_size": 8}
    monkeypatch.setattr(networks, "SIZES", sizes)
    words = ["--data-root", str(root), "--datasets", "smap", "--epochs", "1"]
    words += ["--out", str(tmp_path / "out")]
    assert study.main(__main__.STUDY, words) == 0
    path = tmp_path / "out" / "at_improved.json"
    made = json.loads(path.read_text())
    assert made["sets"]["smap"]["held_out"] == ["A-2"]
    assert set(made["sets"]["smap"]["rows"]) == set(page.WORDS)
    stages = tmp_path / "out" / "stages" / "smap"
    kept = stages / "plain_0.npz", stages / "judged.json"
    before = [one.stat().st_mtime_ns for one in kept]
    assert study.main(__main__.STUDY, words) == 0
    assert [one.stat().st_mtime_ns for one in kept] == before
    # What was lost is made anew, from checkpoints without training.
    monkeypatch.delattr(loop.Loop, "run_epoch")
    for one in kept:
        one.unlink()
    assert study.main(__main__.STUDY, words) == 0
    again = json.loads(path.read_text())
    assert again["sets"] == made["sets"]


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture, tmp_path: Any) -> None:
    assert study.main(__main__.STUDY, ["--out", str(tmp_path), "--seeds", "0"]) == 2
    assert capsys.readouterr().err == "error: --seeds 0 must be at least 1\n"
