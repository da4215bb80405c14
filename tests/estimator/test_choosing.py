"""Choosing without labels: ranked by faults put in, fitted on all, said in a table."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jaxtsad
from jaxtsad import cli
from jaxtsad.estimator import choosing
from tests.detectors.test_contract import sines

CHEAP: list[Any] = [
    {"detector": "ar", "window": 8},
    {"detector": "zscore", "window": 8, "options": {"average": True}},
    {"detector": "zscore", "window": 8},
]


@pytest.fixture(scope="module")
def chosen() -> choosing.Choice:
    return choosing.choose(sines(600, 2), detectors=CHEAP, rule="best")


def test_candidates_are_ranked_and_the_best_is_fitted_on_all(chosen: Any) -> None:
    table = chosen.table
    assert sorted(table["candidate"]) == ["ar", "zscore", "zscore (2)"]
    assert table["vus_pr"].is_monotonic_decreasing
    assert (table["low"] <= table["vus_pr"]).all()
    assert (table["vus_pr"] <= table["high"]).all()
    own = table.set_index("candidate").loc["ar"]
    assert own["difference"] == own["difference_low"] == 0
    assert chosen.name == table["candidate"][0]
    place = ["ar", "zscore", "zscore (2)"].index(chosen.name)
    assert chosen.candidates[0] == CHEAP[place]
    alone = jaxtsad.TimeSeriesDetector(**CHEAP[place]).fit(sines(600, 2))
    test = sines(100, 2, seed=4)
    np.testing.assert_array_equal(
        chosen.detector.decision_function(test), alone.decision_function(test)
    )


def test_another_than_the_first_is_taken_only_where_it_is_clearly_better() -> None:
    def table(low: float) -> pd.DataFrame:
        numbers = {"vus_pr": [0.6, 0.5], "difference": [0.1, 0.0]}
        ends = {"difference_low": [low, 0.0], "difference_high": [0.2, 0.0]}
        return pd.DataFrame({"candidate": ["b", "a"]} | numbers | ends)

    for low, rule, place in (
        (0.01, "clear", 1),
        (-0.01, "clear", 0),
        (-0.01, "best", 1),
        (0.01, "first", 0),
        (0.01, None, 1),
        (-0.01, None, 0),
    ):
        found, reason = choosing.decide(table(low), ["a", "b"], rule)
        assert found == place and "0.600" in reason
    found, reason = choosing.decide(table(0.0), ["b", "a"], "clear")
    assert found == 0 and "best" in reason
    names = ["pretrained_tcn", "b"]
    found, reason = choosing.decide(table(0.01), names, None)
    assert found == 0 and "better on 52 labeled series" in reason
    assert choosing.decide(table(0.01), names, "clear")[0] == 1


def test_an_ensemble_of_the_best_weighs_them(chosen: Any) -> None:
    made = chosen.ensemble(2)
    assert made.options["members"] == list(chosen.candidates[:2])
    assert made.options["weights"] == chosen.table["vus_pr"].tolist()[:2]


def test_the_same_seed_gives_the_same_table_and_a_fleet_is_chosen_for() -> None:
    data = {"a": sines(500, 2), "b": sines(450, 2, seed=2)}
    first, again = (
        choosing.choose(data, detectors=CHEAP[1:], seed=3).table.drop(columns="seconds")
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detectors": []}, r"detectors=\[\] must name at least one candidate"),
        ({"detectors": ["pcaa"]}, "'pcaa' is unknown; the choices are"),
        ({"detectors": [3]}, r"detectors\[0\]=3 must be a name or a mapping"),
        ({"detectors": [{"detector": "pca", "rnk": 1}]}, r"detectors\[0\].rnk is no"),
        ({"detectors": [{"window": 3}]}, "detector must be given"),
        ({"rule": "any"}, "any is no rule; the choices are clear, best, first"),
    ],
)
def test_bad_choices_are_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        choosing.choose(sines(500, 2), **{"detectors": CHEAP[1:], **options})
    assert "\n" not in str(error.value)


def test_short_recordings_are_one_line() -> None:
    with pytest.raises(ValueError, match=r"'series' has 399 steps; .* at least 400"):
        choosing.choose(sines(399, 2), detectors=CHEAP[1:])


def test_the_command_prints_a_table_and_saves(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    pd.DataFrame(sines(500, 2), columns=["flow", "heat"]).to_csv(
        tmp_path / "train.csv", index=False
    )
    words = ["choose", str(tmp_path / "train.csv"), "--out", str(tmp_path / "model")]
    candidates = '[{detector = "zscore", window = 8}, {detector = "ar", window = 8}]'
    assert cli.main([*words, "--detectors", candidates]) == 0
    told = capsys.readouterr().out
    assert "VUS-PR on injected faults" in told and "chosen: " in told
    loaded = jaxtsad.load(tmp_path / "model")
    assert loaded.detector in ("zscore", "ar") and loaded.window == 8
    assert cli.main([*words, "--detectors", "zscore,nothing"]) == 2
    assert "'nothing' is unknown" in capsys.readouterr().err
