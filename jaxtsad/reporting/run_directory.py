"""The files of a run directory: each format is written and read here alone.

`metrics.jsonl` is the exception: `training_log` writes and reads it.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxtsad import files
from jaxtsad.interactive import Pictures
from jaxtsad.reporting import spreadsheet

KIND = "the run directory"
CONFIG, REPORT = "config.toml", "report.json"
SCORES, EVENTS, INSPECTION = "scores.npz", "events.csv", "inspection.npz"
PICTURES = "pictures.npz"
EVENT_COLUMNS = ("entity", "detector", "seed", "start", "stop", "severity", "channels")


class Scored(NamedTuple):
    """One model's scores on one entity's test part.

    Attributes:
        entity: Whose test part.
        detector: Name of the row.
        seed: Seed of the model.
        score: `[T]`, higher is more anomalous.
        label: `[T]` 0/1, or None where there are no labels.
        calibration: `[n]` scores the threshold is fitted on.
        role: What the calibration scores were cut for: fit or validation.
        shares: `[T, C]` each channel's share of the score, or None.
    """

    entity: str
    detector: str
    seed: int
    score: np.ndarray
    label: np.ndarray | None
    calibration: np.ndarray
    role: str
    shares: np.ndarray | None = None

    def contributions(self) -> np.ndarray | None:
        """Each channel's part of the score `[T, C]`, or None where it is not known."""
        if self.shares is None:
            return None
        return self.shares.astype(np.float64) * self.score[:, None]


def read_scores(path: pathlib.Path) -> list[Scored]:
    """All scores that `write_scores` wrote, in its order.

    Arrays are named `<entity>/<detector>/<seed>/{score,label,calibration,role,shares}`;
    names of entities may hold `/`.

    Raises:
        ValueError: If the file is missing, corrupt or of another layout.
    """
    arrays = _read(path, lambda name: not name.endswith("/values"))
    stems = [name.removesuffix("/score") for name in arrays if name.endswith("/score")]
    return [_scored(path, stem, arrays) for stem in stems]


def _scored(path: pathlib.Path, stem: str, arrays: Mapping[str, np.ndarray]) -> Scored:
    parts = stem.rsplit("/", 2)
    if len(parts) != 3 or not parts[2].isdigit():
        raise ValueError(
            f"{path}: '{stem}/score' must be named entity/detector/seed/score"
        )
    for name in ("calibration", "role"):
        if f"{stem}/{name}" not in arrays:
            raise ValueError(f"{path}: {stem}/{name} is missing")
    score, label = arrays[f"{stem}/score"], arrays.get(f"{stem}/label")
    if score.ndim != 1 or not np.isfinite(score).all():
        raise ValueError(
            f"{path}: {stem}/score must be finite, (T,), got {score.shape}"
        )
    if label is not None and label.shape != score.shape:
        raise ValueError(f"{path}: {stem}: {label.shape=} must be {score.shape}")
    return Scored(
        parts[0],
        parts[1],
        int(parts[2]),
        score,
        label,
        arrays[f"{stem}/calibration"],
        str(arrays[f"{stem}/role"]),
        arrays.get(f"{stem}/shares"),
    )


def read_values(path: pathlib.Path) -> dict[str, np.ndarray]:
    """By entity, the channels to draw `[T, K]` that `write_scores` wrote."""
    arrays = _read(path, lambda name: name.endswith("/values"))
    return {name.removesuffix("/values"): array for name, array in arrays.items()}


def write_scores(
    path: pathlib.Path,
    scored: Iterable[Scored],
    values: Mapping[str, np.ndarray] | None = None,
    *,
    exact: bool = False,
) -> None:
    """Writes all scores, and by entity the channels to draw `[T, K]`.

    Args:
        path: The file.
        scored: Scores, in this order.
        values: Channels to draw.
        exact: Keeps every digit, of what is read again by this run.
    """
    arrays: dict[str, np.ndarray] = {}
    wide, narrow = (None, None) if exact else (np.float32, np.float16)
    for each in scored:
        start = f"{each.entity}/{each.detector}/{each.seed}"
        arrays[f"{start}/score"] = np.asarray(each.score, wide)
        if each.label is not None:
            arrays[f"{start}/label"] = each.label.astype(np.int8)
        arrays[f"{start}/calibration"] = np.asarray(each.calibration, wide)
        arrays[f"{start}/role"] = np.array(each.role)
        if each.shares is not None:
            arrays[f"{start}/shares"] = np.asarray(each.shares, narrow)
    for entity, array in (values or {}).items():
        arrays[f"{entity}/values"] = np.asarray(array, wide)
    files.write_arrays(path, arrays)


def _read(path: pathlib.Path, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """Arrays of an archive by their names."""
    return files.read_arrays(_existing(path), wanted)


def _existing(path: pathlib.Path) -> pathlib.Path:
    if not path.is_file():
        raise ValueError(f"{str(path.parent)!r} has no {path.name}: not a finished run")
    return path


def read_inspection(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Arrays of `inspection.npz`; empty where the run was not looked into.

    Raises:
        ValueError: If the file is no archive of arrays.
    """
    path = folder / INSPECTION
    return _read(path, lambda name: True) if path.is_file() else {}


def write_inspection(folder: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes `inspection.npz`."""
    files.write_arrays(folder / INSPECTION, arrays)


def read_pictures(folder: pathlib.Path) -> dict[str, Pictures]:
    """By entity, the samples of `pictures.npz`; empty of a run of series.

    Raises:
        ValueError: If the file is no archive of arrays, or of another layout.
    """
    path = folder / PICTURES
    arrays = _read(path, lambda name: True) if path.is_file() else {}
    found = {}
    for stem in [n.removesuffix("/places") for n in arrays if n.endswith("/places")]:
        places, given = arrays[f"{stem}/places"], arrays.get(f"{stem}/given")
        made = arrays.get(f"{stem}/made")
        shapes = {np.shape(a) for a in (given, made) if a is not None}
        if given is None or len(shapes) > 1 or given.ndim != 4:
            raise ValueError(f"{path}: {stem}/given must be [n, h, w, 1 or 3]")
        if places.shape != given.shape[:1]:
            raise ValueError(f"{path}: {stem}/places must be {given.shape[:1]}")
        found[stem] = Pictures(places, given, made)
    return found


def write_pictures(folder: pathlib.Path, seen: Mapping[str, Pictures]) -> None:
    """Writes `pictures.npz`, where there are any."""
    arrays = {
        f"{entity}/{name}": array
        for entity, one in seen.items()
        for name, array in one._asdict().items()
        if array is not None
    }
    if arrays:
        files.write_arrays(folder / PICTURES, arrays)


def read_report(folder: pathlib.Path) -> dict[str, Any]:
    """What `report.json` holds; its rows have a detector, an entity and a seed.

    Raises:
        ValueError: If the file is missing or of another layout.
    """
    path = folder / REPORT
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


def write_report(folder: pathlib.Path, report: Mapping[str, Any]) -> None:
    """Writes `report.json`; numbers that are not finite become null."""
    files.write_json(folder / REPORT, report)


def read_events(folder: pathlib.Path) -> pd.DataFrame:
    """Flagged events of `events.csv`, a row each.

    Raises:
        ValueError: If the file is missing or of another layout.
    """
    path = _existing(folder / EVENTS)
    try:
        table = pd.read_csv(
            path,
            dtype={name: str for name in ("entity", "detector", "channels")},
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
    for name in ("entity", "detector", "channels"):
        table[name] = table[name].map(spreadsheet.unquoted)
    for name in ("seed", "start", "stop"):
        if len(table) and table[name].dtype.kind not in "iu":
            raise ValueError(f"{path}: column {name} must hold whole numbers")
    return table


def write_events(
    folder: pathlib.Path, events: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> None:
    """Writes `events.csv`.

    Args:
        folder: The run directory.
        events: Flagged events.
        columns: What the columns are, in order, at least `EVENT_COLUMNS`.
    """
    table = pd.DataFrame(list(events), columns=list(columns))
    files.write_text(folder / EVENTS, spreadsheet.to_csv(table))
