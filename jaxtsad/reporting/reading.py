"""Reading a run directory: its report, scores, events and learning curves."""

from __future__ import annotations

import json
import pathlib
import zipfile
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad.reporting.run import Run

EVENT_COLUMNS = ("entity", "detector", "seed", "start", "stop", "severity", "channels")


def read(path: str | pathlib.Path) -> Run:
    """Opens a run directory; close the result when done.

    Args:
        path: The directory, with `report.json`, `scores.npz`, `events.csv` and, where
            anything was trained, `metrics.jsonl`.

    Raises:
        ValueError: If a file is missing or is not what it should be.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is not a run directory: no such directory")
    report = _report(folder / "report.json")
    found = _found(folder / "events.csv")
    history = _history(folder / "metrics.jsonl")
    scores = _open(folder / "scores.npz")
    try:
        keys = _members(scores.files)
    except ValueError as error:
        scores.close()
        raise ValueError(f"{folder / 'scores.npz'}: {error}") from None
    return Run(folder, report, found, history, scores, keys)


def _members(names: list[str]) -> dict[str, dict[str, list[int]]]:
    """Seeds by entity and detector, from the names of the arrays."""
    keys: dict[str, dict[str, list[int]]] = {}
    for name in names:
        if not name.endswith("/score"):
            continue
        parts = name.rsplit("/", 3)
        if len(parts) != 4 or not parts[2].isdigit():
            raise ValueError(f"{name!r} must be named entity/detector/seed/score")
        entity, detector, seed, _ = parts
        keys.setdefault(entity, {}).setdefault(detector, []).append(int(seed))
    return keys


def _existing(path: pathlib.Path) -> pathlib.Path:
    if not path.is_file():
        raise ValueError(f"{str(path.parent)!r} has no {path.name}: not a finished run")
    return path


def _report(path: pathlib.Path) -> dict[str, Any]:
    try:
        report = json.loads(_existing(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(report, dict) or not isinstance(report.get("rows"), list):
        raise ValueError(f"{path} must be an object with a list of rows")
    for place, row in enumerate(report["rows"]):
        for name in ("detector", "entity", "seed"):
            if not isinstance(row, dict) or name not in row:
                raise ValueError(f"{path}: row {place} has no {name}")
    return report


def _found(path: pathlib.Path) -> pd.DataFrame:
    text = ("entity", "detector", "channels")
    _existing(path)
    try:
        table = pd.read_csv(
            path,
            dtype={name: str for name in text},
            keep_default_na=False,
            na_values={"severity": ["", "nan"], "peak": ["", "nan"]},
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame({name: [] for name in EVENT_COLUMNS})
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{path} is not a table of events: {error}") from None
    missing = [name for name in EVENT_COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(f"{path} lacks the columns {', '.join(missing)}")
    for name in ("seed", "start", "stop"):
        if len(table) and table[name].dtype.kind not in "iu":
            raise ValueError(f"{path}: column {name} must hold whole numbers")
    return table


def _history(path: pathlib.Path) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame()
    lines = []
    for place, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {place} is not JSON: {error}") from None
        if not isinstance(line, dict) or "epoch" not in line:
            raise ValueError(f"{path}, line {place} must be an object with an epoch")
        entity = line.get("entity") or "all entities"
        lines.append({"seed": 0, **line, "entity": entity})
    return pd.DataFrame(lines)


def _open(path: pathlib.Path) -> Any:
    _existing(path)
    try:
        return np.load(path, allow_pickle=False)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path} is not an archive of arrays: {error}") from None
