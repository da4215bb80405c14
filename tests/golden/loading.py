"""Reads golden fixtures: from `JAXTSAD_GOLDEN`, else the copies beside this file."""

from __future__ import annotations

import os
import pathlib

import numpy as np

ROOT = pathlib.Path(
    os.environ.get("JAXTSAD_GOLDEN") or pathlib.Path(__file__).parent / "fixtures"
)


def path(name: str) -> pathlib.Path:
    """Path of a fixture file by its name with suffix."""
    return ROOT / name


def load(stem: str) -> dict[str, np.ndarray]:
    """All arrays of `<stem>.npz` by their flat key."""
    with np.load(path(f"{stem}.npz"), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def cases(stem: str, prefix: str = "") -> list[str]:
    """Distinct first parts of the keys (after `prefix`), in order: the file's cases."""
    with np.load(path(f"{stem}.npz"), allow_pickle=False) as file:
        keys = [key[len(prefix) :] for key in file.files if key.startswith(prefix)]
    return list(dict.fromkeys(key.split("/")[0] for key in keys if "/" in key))
