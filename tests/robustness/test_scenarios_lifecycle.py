"""Public reports of this field on the life of a fitted detector, played through."""

from __future__ import annotations

import copy
import pathlib
import pickle
import subprocess
import sys
from typing import Any

import joblib
import numpy as np
import pytest

import jaxtsad
from jaxtsad import cli

ROOT = pathlib.Path(__file__).parents[2]


def waves(steps: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(steps, 2))
    return np.sin(np.arange(steps) / 4)[:, None] + 0.05 * noise


@pytest.fixture(scope="module", params=["series", "samples"])
def fitted(request: pytest.FixtureRequest) -> Any:
    if request.param == "samples":
        return jaxtsad.SampleDetector("iforest").fit(waves(80))
    detector = jaxtsad.TimeSeriesDetector("pca", window=20, seed=2**40)
    return detector.fit({"a": waves(200), "b": waves(150, 1)})


def test_an_isolation_forest_is_saved_by_joblib(
    fitted: Any, tmp_path: pathlib.Path
) -> None:
    """pycaret#322: `save_model` of an anomaly detector ended in a PicklingError."""
    test: Any = waves(60, 5)
    if isinstance(fitted, jaxtsad.TimeSeriesDetector):
        test = {"a": test, "b": waves(40, 6)}
    path = tmp_path / "Final IForest Model 08Feb2020.pkl"
    joblib.dump(fitted, path)
    expected = fitted.decision_function(test)
    for again in (
        joblib.load(path),
        pickle.loads(pickle.dumps(fitted)),
        copy.deepcopy(fitted),
        copy.deepcopy(pickle.loads(pickle.dumps(copy.deepcopy(fitted)))),
    ):
        assert again.get_params() == fitted.get_params()
        found = again.decision_function(test)
        for one in expected if isinstance(expected, dict) else [slice(None)]:
            np.testing.assert_array_equal(found[one], expected[one])


@pytest.mark.slow  # another process
def test_another_process_says_the_same(fitted: Any, tmp_path: pathlib.Path) -> None:
    """pycaret#322: the point of saving is a process that never saw the training."""
    path, saved = tmp_path / "one.joblib", tmp_path / "saved"
    joblib.dump(fitted, path)
    fitted.save(saved)
    code = (
        "import sys, joblib, numpy as np, jaxtsad\n"
        "one, two = joblib.load(sys.argv[1]), jaxtsad.load(sys.argv[2])\n"
        "test = np.sin(np.arange(60.0) / 4)[:, None] * [1.0, 2.0]\n"
        "if isinstance(one, jaxtsad.TimeSeriesDetector):\n"
        "    test = {'a': test, 'b': test[:40]}\n"
        "print(repr(one.decision_function(test)) == repr(two.decision_function(test)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(saved)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "True", done.stderr


def test_a_detector_goes_into_a_folder_that_is_there(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """A mounted, empty folder is filled; another's is refused before training."""
    monkeypatch.chdir(tmp_path)
    np.savetxt("train.csv", waves(120), delimiter=",", header="=a,[b]", comments="")
    (tmp_path / "out").mkdir()
    place = (tmp_path / "out").stat().st_ino
    fit = ["fit", "train.csv", "--detector", "zscore", "--window", "20", "--out"]
    assert cli.main([*fit, "out"]) == 0
    assert (tmp_path / "out").stat().st_ino == place
    capsys.readouterr()
    assert cli.main(["score", "out", "train.csv", "--out", "-"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("step,") and said.out.count("\n") == 121
    assert said.err.endswith("steps flagged; -\n")

    def train(*_: Any, **__: Any) -> None:
        raise AssertionError("trained before the folder was refused")

    monkeypatch.setattr(jaxtsad.TimeSeriesDetector, "fit", train)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    assert cli.main([*fit, "thesis"]) == 2
    assert "is not empty and is no saved detector" in capsys.readouterr().err
