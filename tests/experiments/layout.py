"""A small recording on disk in the SMAP/MSL layout, and the configs that run on it."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np

from jaxtsad import detectors
from jaxtsad.experiments import toml
from jaxtsad.experiments.config import Config
from tests.detectors.test_contract import sines

CHANNELS = ("A-1", "A-2")
STEPS = 400


def write(root: pathlib.Path, columns: int, noise: bool = False) -> pathlib.Path:
    """Writes two channels; with `noise` only the test parts differ: they are noise."""
    folder = root / "smap_msl"
    rows = ["chan_id,spacecraft,anomaly_sequences,class,num_values"]
    for seed, name in enumerate(CHANNELS):
        for part in ("train", "test"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        np.save(
            folder / "train" / f"{name}.npy", sines(STEPS + 60 * seed, columns, seed)
        )
        test = sines(STEPS, columns, seed + 10)
        test[100:108] += 6.0
        if noise:
            test = np.random.default_rng(seed).normal(size=test.shape) * 50
        np.save(folder / "test" / f"{name}.npy", test)
        rows.append(f'{name},SMAP,"[[100, 107]]","[point]",{STEPS}')
    (folder / "labeled_anomalies.csv").write_text("\n".join(rows) + "\n")
    return root


def config(name: str, root: pathlib.Path, **sections: Any) -> Config:
    """A tiny experiment with a detector's TINY options."""
    tiny = detectors.module(name).TINY
    options = {
        field.name: getattr(tiny, field.name)
        for field in dataclasses.fields(tiny)
        if field.name not in ("window", "channels", "batch_size", "clip_gradients")
    }
    tree: dict[str, Any] = {
        "name": "tiny",
        "data": {"dataset": "smap", "root": str(root)},
        "window": {"length": tiny.window, "stride": 2},
        "detector": {"name": name, "options": options},
        "training": {"epochs": 2, "batch_size": 8},
    }
    for section, values in sections.items():
        tree.setdefault(section, {}).update(values)
    return toml.parse(tree)


def columns(name: str) -> int:
    """Number of channels of a detector's TINY config."""
    return int(detectors.module(name).TINY.channels)
