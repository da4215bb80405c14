"""The files of a run directory: each format is written and read here alone.

`metrics.jsonl` is the exception: `training_log` writes and reads it.
"""

from __future__ import annotations

import json
import pathlib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxtsad import files

CONFIG, REPORT = "config.toml", "report.json"
SCORES, EVENTS, INSPECTION = "scores.npz", "events.csv", "inspection.npz"
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


class Scores:
    """`scores.npz` opened; arrays are read when they are asked for.

    Arrays are named `<entity>/<detector>/<seed>/{score,label,calibration,role,shares}`
    and, for channels to draw, `<entity>/values`.

    Args:
        path: The file.

    Attributes:
        members: Entity, detector and seed of all scores, as they were written.

    Raises:
        ValueError: If the file is missing, corrupt or of another layout.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._file = _open(path)
        names = [name for name in self._file.files if name.endswith("/score")]
        try:
            self.members = [_member(name) for name in names]
        except ValueError as error:
            self.close()
            raise ValueError(f"{path}: {error}") from None

    def scored(self, entity: str, detector: str, seed: int) -> Scored:
        """Scores of one entity by one detector and seed.

        Raises:
            ValueError: If arrays are missing or their shapes do not fit.
        """
        start = f"{entity}/{detector}/{seed}"
        score, label = self._array(f"{start}/score"), self._optional(f"{start}/label")
        if score.ndim != 1 or not np.isfinite(score).all():
            raise ValueError(
                f"{self._path}: {start}/score must be finite, (T,), got {score.shape}"
            )
        if label is not None and label.shape != score.shape:
            raise ValueError(
                f"{self._path}: {start}: {label.shape=} must be {score.shape}"
            )
        return Scored(
            entity,
            detector,
            seed,
            score,
            label,
            self._array(f"{start}/calibration"),
            str(self._array(f"{start}/role")),
            self._optional(f"{start}/shares"),
        )

    def values(self, entity: str) -> np.ndarray | None:
        """Channels to draw `[T, K]` of an entity, or None where there are none."""
        return self._optional(f"{entity}/values")

    def _optional(self, key: str) -> np.ndarray | None:
        return self._array(key) if key in self._file else None

    def _array(self, key: str) -> np.ndarray:
        if key not in self._file:
            raise ValueError(f"{self._path}: {key} is missing")
        try:
            return np.asarray(self._file[key])
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise ValueError(f"{self._path}: {key} cannot be read ({error})") from None

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Scores:
        """Returns itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the file."""
        self.close()


def _member(name: str) -> tuple[str, str, int]:
    """Entity, detector and seed from the name of an array; entities may hold `/`."""
    parts = name.rsplit("/", 3)
    if len(parts) != 4 or not parts[2].isdigit():
        raise ValueError(f"{name!r} must be named entity/detector/seed/score")
    return parts[0], parts[1], int(parts[2])


def read_scores(path: pathlib.Path) -> list[Scored]:
    """All scores that `write_scores` wrote, in its order.

    Raises:
        ValueError: If the file is missing, corrupt or of another layout.
    """
    with Scores(path) as file:
        return [file.scored(*member) for member in file.members]


def write_scores(
    path: pathlib.Path,
    scored: Iterable[Scored],
    values: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Writes all scores, and by entity the channels to draw `[T, K]`."""
    arrays: dict[str, np.ndarray] = {}
    for each in scored:
        start = f"{each.entity}/{each.detector}/{each.seed}"
        arrays[f"{start}/score"] = each.score.astype(np.float32)
        if each.label is not None:
            arrays[f"{start}/label"] = each.label.astype(np.int8)
        arrays[f"{start}/calibration"] = each.calibration.astype(np.float32)
        arrays[f"{start}/role"] = np.array(each.role)
        if each.shares is not None:
            arrays[f"{start}/shares"] = each.shares.astype(np.float16)
    for entity, array in (values or {}).items():
        arrays[f"{entity}/values"] = array.astype(np.float32)
    files.write_arrays(path, arrays)


def _open(path: pathlib.Path) -> Any:
    """An archive of arrays, opened."""
    try:
        archive = np.load(_existing(path), allow_pickle=False)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        if not path.is_file():
            raise
        raise ValueError(f"{path} is not an archive of arrays: {error}") from None
    return archive


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
    if not path.is_file():
        return {}
    with _open(path) as file:
        return {name: np.asarray(file[name]) for name in file.files}


def write_inspection(
    folder: pathlib.Path, arrays: Mapping[str, np.ndarray]
) -> pathlib.Path:
    """Writes `inspection.npz` and returns its path."""
    files.write_arrays(folder / INSPECTION, arrays)
    return folder / INSPECTION


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
    files.write_text(folder / EVENTS, table.to_csv(index=False))
