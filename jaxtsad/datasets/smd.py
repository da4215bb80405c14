"""Server Machine Dataset: 28 servers, 38 metrics each, one row a minute.

Su, Zhao, Niu, Liu, Sun, Pei: "Robust Anomaly Detection for Multivariate Time Series
through Stochastic Recurrent Neural Network", KDD 2019. Values come scaled to [0, 1].
Machines are different entities: train one model per machine. Spans in
`interpretation_label` end before their second number and count metrics from 1.
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from jaxtsad.datasets.reading import columns, frames, spans
from jaxtsad.types import Series

Interpretation: TypeAlias = tuple[int, int, tuple[int, ...]]
SUFFIXES = (".txt", ".txt.bz2", ".txt.gz")


def labels(root: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Test labels `[T]` int8 of every machine that has them, without its values.

    Args:
        root: See `load`.
    """
    folder = _folder(root)
    return {name: _labels(folder, name) for name in _names(folder, "test_label")}


def machines(root: str | os.PathLike[str]) -> list[str]:
    """Names of the machines whose values are there, in the order of their numbers.

    Args:
        root: See `load`.

    Raises:
        FileNotFoundError: If there is no such data.
    """
    return _names(_folder(root), "train")


entities = machines
"""What `catalog.entities` asks for."""


def test_part(
    root: str | os.PathLike[str], machine: str
) -> tuple[np.ndarray, np.ndarray]:
    """Values `[T, C]` and labels `[T]` int8 of one machine's test part alone.

    Args:
        root: See `load`.
        machine: Such as "machine-1-6".

    Raises:
        FileNotFoundError: If there is no such data.
        ValueError: If a file is corrupt, or the two have not the same rows.
    """
    folder = _folder(root)
    test, marked = _values(folder, "test", machine), _labels(folder, machine)
    if len(test) != len(marked):
        raise ValueError(f"{machine!r} has {len(test)} rows and {len(marked)} labels")
    return test, marked


def load(
    root: str | os.PathLike[str], machines: Sequence[str] | None = None
) -> list[Series]:
    """Loads machines, one `Series` each.

    Args:
        root: The data root with `smd/ServerMachineDataset`, or a folder that holds the
            folders `train`, `test` and `test_label` of `.txt` or `.txt.bz2` files.
        machines: Names such as "machine-1-6", returned in this order; None: all that
            have a training part, in the order of their numbers.

    Returns:
        Series whose metadata "interpretation" lists `(start, stop, channels)`: which
        channels, counted from 0, the publishers hold responsible for an event.

    Raises:
        FileNotFoundError: If there is no such data.
        ValueError: If a machine is unknown or a file is corrupt.
    """
    folder = _folder(root)
    known = _names(folder, "train")
    unknown = sorted(set(machines or ()) - set(known))
    if unknown:
        raise ValueError(
            f"no machine {unknown}; the choices are {frames.listed(known)}"
        )
    wanted = known if machines is None else machines
    return [_series(folder, name) for name in wanted]


def _series(folder: pathlib.Path, name: str) -> Series:
    train, test = (_values(folder, part, name) for part in ("train", "test"))
    marked = _labels(folder, name)
    if train.shape[1] != test.shape[1] or len(test) != len(marked):
        raise ValueError(
            f"{name!r} disagrees with itself: train {train.shape}, test {test.shape}, "
            f"labels {marked.shape}"
        )
    return Series(
        name=name,
        train=train,
        test=test,
        labels=marked,
        channels=tuple(f"metric_{number}" for number in range(1, train.shape[1] + 1)),
        kinds=spans.runs(marked),
        metadata={"interpretation": _interpretation(folder, name)},
    )


def _values(folder: pathlib.Path, part: str, name: str) -> np.ndarray:
    path = _file(folder, part, name)
    return columns.numbers(frames.frame(path, header=False), path)


def _labels(folder: pathlib.Path, name: str) -> np.ndarray:
    path = _file(folder, "test_label", name)
    return columns.flags(frames.frame(path, header=False).iloc[:, 0], path)


def _interpretation(folder: pathlib.Path, name: str) -> tuple[Interpretation, ...]:
    path = folder / "interpretation_label" / f"{name}.txt"
    if not path.is_file():
        return ()
    intervals = []
    for line in path.read_text().split():
        match = re.fullmatch(r"(\d+)-(\d+):([\d,]+)", line)
        if match is None:
            raise ValueError(f"{path}: {line!r} is not start-end:dim,dim,...")
        start, stop, dims = match.groups()
        responsible = tuple(int(dim) - 1 for dim in dims.split(",") if dim)
        intervals.append((int(start), int(stop), responsible))
    return tuple(intervals)


def _names(folder: pathlib.Path, part: str) -> list[str]:
    names = {path.name.split(".")[0] for path in (folder / part).glob("*.txt*")}
    return sorted(names, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])


def _file(folder: pathlib.Path, part: str, name: str) -> pathlib.Path:
    for suffix in SUFFIXES:
        path = folder / part / (name + suffix)
        if path.is_file():
            return path
    raise FileNotFoundError(f"there is no file {folder / part / name}.txt")


def _folder(root: str | os.PathLike[str]) -> pathlib.Path:
    base = pathlib.Path(root)
    name = "ServerMachineDataset"
    for folder in (base / "smd" / name, base / "smd", base / name, base):
        if (folder / "train").is_dir() or (folder / "test_label").is_dir():
            return folder
    raise FileNotFoundError(
        f"no Server Machine Dataset below {root}: expected "
        "smd/ServerMachineDataset/{train,test,test_label}/machine-*.txt"
    )
