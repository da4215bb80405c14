"""Tuning without labels: resumed, given up early, bad input as one line."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

import jaxtsad
from jaxtsad.estimator import tuning
from tests.detectors.test_contract import sines

SPACE: dict[str, Any] = {"window": (4, 24), "options__average": [True, False]}


def test_a_search_goes_on_from_its_file(tmp_path: pathlib.Path) -> None:
    data, path = sines(600, 2), tmp_path / "trials.log"
    tuning.tune(data, SPACE, "zscore", trials=3, path=path)
    before = path.stat().st_size
    made = jaxtsad.tune(data, SPACE, "zscore", trials=7, path=path)
    assert path.stat().st_size > before
    table = made.table
    assert table["trial"].tolist() == list(range(7))
    assert set(table["state"]) <= {"complete", "pruned"}
    best = table.loc[table["vus_pr"].idxmax()]
    assert made.parameters == {
        "window": best["window"],
        **{"options__average": best["options__average"]},
    }
    alone = jaxtsad.TimeSeriesDetector("zscore").set_params(**made.parameters)
    test = sines(100, 2, seed=4)
    np.testing.assert_array_equal(
        made.detector.decision_function(test), alone.fit(data).decision_function(test)
    )
    with pytest.raises(ValueError, match="holds trials of another search"):
        tuning.tune(data, {"window": [8]}, "zscore", trials=1, path=path)


def test_what_is_worse_on_a_quarter_is_given_up(monkeypatch: Any) -> None:
    sizes: list[int] = []

    def found(detector: Any, fit: Any, copies: Any) -> np.ndarray:
        sizes.append(len(fit["series"]))
        return np.array([detector.window / 100])

    monkeypatch.setattr(tuning.choosing, "found", found)
    monkeypatch.setattr(tuning, "FIRST", 1)
    space = {"window": [4, 24]}
    made = tuning.tune(sines(600, 2), space, "zscore", trials=6)
    assert made.parameters == {"window": 24}
    given_up = made.table[made.table["state"] == "pruned"]
    assert len(given_up) and (given_up["window"] == 4).all()
    assert len(sizes) == 2 * 6 - len(given_up)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"space": {}}, "space={} must be a mapping"),
        ({"space": {"width": [1]}}, "width"),
        ({"space": {"window": (9, 3)}}, r"space\['window'\]=\(9, 3\) must be a list"),
        ({"space": {"window": []}}, "must be a list of choices"),
        ({"space": {"window": [8]}, "trials": 0}, "trials=0 must be an int above 0"),
        ({"space": {"window": [-1, 0]}, "trials": 2}, "no candidate fits the data"),
    ],
)
def test_bad_input_is_one_line(given: Any, line: str) -> None:
    with pytest.raises(ValueError, match=line) as error:
        tuning.tune(sines(500, 2), detector="zscore", **given)
    assert "\n" not in str(error.value)
