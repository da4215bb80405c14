"""ADBench's classical tables: rows with numeric features and a 0/1 anomaly label.

Han, Hu, Huang, Jiang, Zhao: "ADBench: Anomaly Detection Benchmark", NeurIPS 2022. Some
tables hold small integers, which overflow in arithmetic: all are returned as float64.
"""

from __future__ import annotations

import os
import pathlib

import numpy as np

from jaxtsad.datasets.reading import files
from jaxtsad.types import Samples


def load_samples(root: str | os.PathLike[str], *, table: str = "annthyroid") -> Samples:
    """Loads one table, values `[N, D]` float64 and labels `[N]`, 1 for an anomaly.

    Args:
        root: The data root with a folder `adbench/Classical` of `<number>_<name>.npz`.
        table: Its name with or without the number, such as "annthyroid".

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If the table is unknown or corrupt.
    """
    folder = pathlib.Path(root) / "adbench" / "Classical"
    paths = {path.stem: path for path in sorted(folder.glob("*_*.npz"))}
    if not paths:
        raise FileNotFoundError(f"there is no table {folder}/<number>_<name>.npz")
    named = {stem.split("_", 1)[1]: path for stem, path in paths.items()} | paths
    if table not in named:
        choices = ", ".join(stem.split("_", 1)[1] for stem in paths)
        raise ValueError(f"{table=} is not there; the choices are {choices}")
    arrays = files.arrays(named[table], "X", "y")
    values, labels = arrays["X"].astype(np.float64), arrays["y"].astype(np.int64)
    if values.ndim != 2 or labels.shape != (len(values),):
        raise ValueError(f"{named[table]}: X is {values.shape} and y is {labels.shape}")
    return Samples(named[table].stem, values, labels)
