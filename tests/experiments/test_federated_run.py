"""An experiment of entities that make one model in common."""

from __future__ import annotations

import json
import pathlib
import tomllib

import numpy as np
import pytest

from jaxtsad.experiments import run, toml
from jaxtsad.pipeline import saving
from tests.experiments import layout

NAME = "lstm_autoencoder"
NOISY = {"rounds": 2, "clip_updates": 0.5, "noise": 3.0}


def test_a_federated_run_tells_what_privacy_it_spends(tmp_path: pathlib.Path) -> None:
    root = layout.write(tmp_path / "data", layout.columns(NAME))
    config = layout.config(
        NAME,
        root,
        data={"pooling": "federated"},
        federated=NOISY,
        evaluation={"baselines": ["zscore", "untrained"]},
    )
    assert toml.parse(tomllib.loads(toml.dump(config))) == config
    report = run.run(config, tmp_path / "out")
    epsilon = config.federated.epsilon
    assert any(f"epsilon {epsilon:.3g} at delta" in note for note in report["notes"])
    found = {row["detector"] for row in report["rows"]}
    assert {NAME, "zscore", "untrained"} <= found
    fitted, _, _ = saving.load(tmp_path / "out" / "model")
    assert fitted.setup.federated == config.federated
    assert [member.entity for member in fitted.members] == list(layout.CHANNELS)
    lines = (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert len(records) == 2 * len(layout.CHANNELS)
    assert np.all([record["update"] > 0 for record in records])


def test_a_closed_form_has_nothing_to_average(tmp_path: pathlib.Path) -> None:
    root = layout.write(tmp_path, layout.columns("pca"))
    config = layout.config("pca", root, data={"pooling": "federated"})
    with pytest.raises(ValueError, match="pca is solved in closed form"):
        run.run(config, tmp_path / "out")
