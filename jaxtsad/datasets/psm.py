"""Pooled Server Metrics: 25 anonymized metrics of application servers, one a minute.

Abdulaal, Liu, Lancewicki: "Practical Approach to Asynchronous Multivariate Time Series
Anomaly Detection and Localization", KDD 2021. The counter `timestamp_(min)` is dropped
from the channels. The full training file has missing cells; they stay NaN here and are
filled by `screening.screen`.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from jaxtsad.datasets.reading import columns, frames, spans, tabular
from jaxtsad.types import Series

TIME = "timestamp_(min)"


def labels(root: str | os.PathLike[str]) -> np.ndarray:
    """The official labels `[87841]` int8 of the full test part, without its values.

    Args:
        root: The data root with a folder `psm`, or such a folder itself.
    """
    return _labels(_folder(root))[1]


def load(
    root: str | os.PathLike[str],
    entities: Sequence[str] | None = None,
    *,
    part: str | None = None,
) -> list[Series]:
    """Loads the pooled metrics as one `Series`.

    Args:
        root: The data root with a folder `psm`, or such a folder itself, with
            `train.csv`, `test.csv` and `test_label.csv` (also `.gz`), or an `excerpt`
            of them.
        entities: Only "psm" is there.
        part: "full", "excerpt", or None for the full set where it is and the excerpt
            else.

    Returns:
        One series. Metadata "breaks" lists the test steps at which the clock jumps; the
        test part of the excerpt is two stretches, so no window should cross its break.

    Raises:
        FileNotFoundError: If there is no such data.
        ValueError: If an option is unknown, or labels and values disagree.
    """
    if entities is not None and list(entities) != ["psm"]:
        raise ValueError(f"{entities=}: the set has the single entity 'psm'")
    if part not in (None, "full", "excerpt"):
        raise ValueError(f"{part=} is unknown; the choices are full, excerpt or None")
    folder = _folder(root)
    full = any(path.name.startswith("train.csv") for path in folder.iterdir())
    if part == "excerpt" or (part is None and not full):
        folder, part = folder / "excerpt", "excerpt"
    train = tabular.read(_file(folder, "train"), time_column=TIME)
    path = _file(folder, "test")
    test = tabular.read(path, time_column=TIME, channels=train.channels)
    minutes, marked = _labels(folder)
    if test.time is None or not np.array_equal(minutes, test.time):
        raise ValueError(f"{path} has other minutes than its label file")
    breaks = np.flatnonzero(np.diff(minutes) != 1) + 1
    series = Series(
        name="psm",
        train=train.values,
        test=test.values,
        labels=marked,
        channels=train.channels,
        kinds=spans.runs(marked),
        metadata={
            "part": part or "full",
            "breaks": tuple(breaks.tolist()),
            "train_time": train.time,
            "test_time": test.time,
        },
    )
    return [series]


def _labels(folder: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    path = _file(folder, "test_label")
    table = frames.frame(path)
    minutes = columns.times(frames.column(table, TIME, path), path)
    return minutes, columns.flags(frames.column(table, "label", path), path)


def _file(folder: pathlib.Path, stem: str) -> pathlib.Path:
    for suffix in (".csv", ".csv.gz"):
        if (folder / (stem + suffix)).is_file():
            return folder / (stem + suffix)
    raise FileNotFoundError(f"there is no file {folder / stem}.csv")


def _folder(root: str | os.PathLike[str]) -> pathlib.Path:
    base = pathlib.Path(root)
    for folder in (base / "psm", base):
        if any(folder.glob("test_label.csv*")) or (folder / "excerpt").is_dir():
            return folder
    raise FileNotFoundError(
        f"no Pooled Server Metrics below {root}: expected psm/train.csv, psm/test.csv "
        "and psm/test_label.csv"
    )
