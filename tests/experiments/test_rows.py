"""Whose scores stand in which row of a run, and which model it leaves."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jaxtsad
from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.experiments import run
from tests.experiments import layout

SEEDS = (4, 1)


def plant(root: pathlib.Path, channels: dict[str, int]) -> None:
    """Plants a large event of each entity's test part in a channel of its own."""
    for name, channel in channels.items():
        path = root / "smap_msl" / "test" / f"{name}.npy"
        values = np.load(path)
        values[200:204, channel] += 30.0
        np.save(path, values)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: Any) -> tuple[pathlib.Path, Any]:
    """A run of two seeds beside an untrained network, and its config."""
    root = tmp_path_factory.mktemp("rows")
    data = layout.write(root / "data", layout.columns("lstm_vae"))
    plant(data, {"A-1": 0, "A-2": 2})
    config = layout.config(
        "lstm_vae",
        data,
        training={"seeds": list(SEEDS), "stop": "none", "epochs": 3},
        evaluation={"baselines": ["untrained"]},
    )
    run.run(config, root / "run")
    return root / "run", config


def score(folder: pathlib.Path, row: str, entity: str, seed: int) -> np.ndarray:
    with np.load(folder / "scores.npz") as arrays:
        scores: np.ndarray = arrays[f"{entity}/{row}/{seed}/score"]
    return scores


def part(config: Any, kind: str, entity: str) -> np.ndarray:
    values: np.ndarray = np.load(
        pathlib.Path(config.data.root) / "smap_msl" / kind / f"{entity}.npy"
    )
    return values


@pytest.mark.parametrize("seed", SEEDS)
def test_the_untrained_row_is_of_the_network_as_it_is_initialised(
    finished: Any, seed: int
) -> None:
    folder, config = finished
    detector = TimeSeriesDetector(
        "lstm_vae",
        window=config.window.length,
        options=config.detector.options,
        stride=config.window.stride,
        epochs=0,
        seed=seed,
    )
    names = layout.CHANNELS
    detector.fit({name: part(config, "train", name) for name in names})
    tests = {name: part(config, "test", name) for name in names}
    expected = detector.decision_function(tests)
    for name in names:
        untrained = score(folder, "untrained", name, seed)
        np.testing.assert_allclose(untrained, expected[name], rtol=1e-4, atol=1e-5)
        trained = score(folder, "lstm_vae", name, seed)
        assert np.abs(trained - untrained).max() > 1e-2


def test_the_model_that_is_left_is_of_the_first_seed(finished: Any) -> None:
    folder, config = finished
    saved = jaxtsad.load(folder / "model")
    tests = {name: part(config, "test", name) for name in layout.CHANNELS}
    scores = saved.decision_function(tests)
    for name in layout.CHANNELS:
        first, last = (score(folder, "lstm_vae", name, seed) for seed in SEEDS)
        np.testing.assert_allclose(scores[name], first, rtol=1e-4, atol=1e-5)
        assert np.abs(last - first).max() > 1e-3


def test_the_events_of_each_entity_name_its_own_channels(finished: Any) -> None:
    folder, _ = finished
    names = json.loads((folder / "report.json").read_text())["channels"]
    events = pd.read_csv(folder / "events.csv")
    for name, channel in (("A-1", 0), ("A-2", 2)):
        rows = events[(events.entity == name) & (events.start <= 203)]
        rows = rows[rows.stop > 200]
        assert set(rows.seed) == set(SEEDS)
        first = {str(channels).split(";")[0] for channels in rows.channels}
        assert first == {names[name][channel]}
