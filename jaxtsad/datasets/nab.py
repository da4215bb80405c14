"""Numenta Anomaly Benchmark: real univariate series with known causes.

Lavin, Ahmad: "Evaluating Real-Time Anomaly Detection Algorithms: the Numenta Anomaly
Benchmark", ICMLA 2015. The benchmark has no training part. Its scorer gives a detector
a probationary period, the first 15 % of the rows but at most 750, and that is taken as
the training part here. Rows keep their order: time stamps repeat in some files and go
back once in `machine_temperature_system_failure`.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from jaxtsad.datasets.reading import columns, frames, spans
from jaxtsad.datasets.reading.files import reading
from jaxtsad.types import Series

PROBATION_SHARE = 0.15
PROBATION_ROWS = 750


def probation(rows: int) -> int:
    """Length of the probationary period of a file of `rows` rows.

    Example:
        >>> probation(1882), probation(18050)
        (282, 750)
    """
    return min(int(PROBATION_SHARE * rows), PROBATION_ROWS)


def load(
    root: str | os.PathLike[str],
    entities: Sequence[str] | None = None,
    *,
    group: str | None = None,
) -> list[Series]:
    """Loads series of the benchmark, one `Series` each.

    A step is anomalous if its time stamp lies in one of the windows of
    `combined_windows.json`, ends included.

    Args:
        root: The data root with a folder `nab`, or such a folder itself, with
            `data/<group>/*.csv` and `labels/combined_windows.json`.
        entities: Names such as "nyc_taxi", returned in this order; None: all.
        group: A folder such as "realKnownCause"; None: all that are there.

    Returns:
        Series with metadata "group", "train_time", "test_time", "windows" (pairs of
        time stamps) and "train_labels".

    Raises:
        FileNotFoundError: If there is no such data.
        ValueError: If a name is unknown or a file is corrupt.
    """
    folder = _folder(root)
    paths = {path.stem: path for path in sorted(folder.glob("data/*/*.csv"))}
    groups = sorted({path.parent.name for path in paths.values()})
    if group is not None:
        if group not in groups:
            raise ValueError(f"{group=} is unknown; the choices are {groups}")
        paths = {name: p for name, p in paths.items() if p.parent.name == group}
    unknown = sorted(set(entities or ()) - set(paths))
    if unknown:
        raise ValueError(f"no series {unknown}; the choices are {frames.listed(paths)}")
    windows = _windows(folder / "labels" / "combined_windows.json")
    wanted = paths if entities is None else entities
    return [_series(paths[name], windows) for name in wanted]


def _windows(path: pathlib.Path) -> dict[str, list[tuple[np.datetime64, ...]]]:
    with reading(path):
        listed = json.loads(path.read_text())
        return {
            name: [tuple(pd.to_datetime(pair).to_numpy()) for pair in pairs]
            for name, pairs in listed.items()
        }


def _series(
    path: pathlib.Path, windows: Mapping[str, list[tuple[np.datetime64, ...]]]
) -> Series:
    key = f"{path.parent.name}/{path.name}"
    if key not in windows:
        raise ValueError(f"combined_windows.json has no entry {key!r}")
    table = frames.frame(path)
    time = columns.times(frames.column(table, "timestamp", path), path)
    values = columns.numbers(table[["value"]], path)
    inside = [(time >= first) & (time <= last) for first, last in windows[key]]
    marked = np.any(inside, axis=0) if inside else np.zeros(len(time), bool)
    cut, labels = probation(len(time)), marked.astype(np.int8)
    return Series(
        name=path.stem,
        train=values[:cut],
        test=values[cut:],
        labels=labels[cut:],
        channels=("value",),
        kinds=spans.runs(labels[cut:]),
        metadata={
            "group": path.parent.name,
            "windows": tuple(windows[key]),
            "train_labels": labels[:cut],
            "train_time": time[:cut],
            "test_time": time[cut:],
        },
    )


def _folder(root: str | os.PathLike[str]) -> pathlib.Path:
    base = pathlib.Path(root)
    for folder in (base / "nab", base):
        if (folder / "labels" / "combined_windows.json").is_file():
            return folder
    raise FileNotFoundError(
        f"no Numenta Anomaly Benchmark below {root}: expected nab/data/<group>/*.csv "
        "and nab/labels/combined_windows.json"
    )
