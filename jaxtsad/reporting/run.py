"""A run directory as the report sees it: rows, scores, events, learning curves."""

from __future__ import annotations

import dataclasses
import pathlib
import zipfile
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxtsad.reporting import rows as rows_


class Scored(NamedTuple):
    """One detector's scores of one entity.

    Attributes:
        score: `[T]`, higher is more anomalous.
        label: `[T]` 0/1, or None where unknown.
        calibration: `[n]` scores the threshold was fitted on.
        role: Role of the calibration scores.
    """

    score: np.ndarray
    label: np.ndarray | None
    calibration: np.ndarray
    role: str


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run directory as it was read.

    Attributes:
        path: The directory.
        report: `report.json`.
        found: `events.csv`.
        history: `metrics.jsonl`, empty where nothing was trained.
    """

    path: pathlib.Path
    report: dict[str, Any]
    found: pd.DataFrame
    history: pd.DataFrame
    _scores: Any
    _keys: dict[str, dict[str, list[int]]]

    @property
    def rows(self) -> list[rows_.Row]:
        """Rows of the report; the run's windows per second are in those it is about."""
        speed = (self.report.get("timings") or {}).get("score_windows_per_s")
        rows: list[rows_.Row] = []
        for row in self.report["rows"]:
            metrics = dict(row.get("metrics") or {})
            if speed is not None and row["detector"] == self.detector:
                metrics.setdefault("windows_per_s", speed)
            rows.append({**row, "metrics": metrics})
        return rows

    @property
    def detector(self) -> str:
        """The detector that the run is about."""
        config = self.report.get("config") or {}
        named = (config.get("detector") or {}).get("name")
        name = self.report.get("main", named)
        names = list(dict.fromkeys(row["detector"] for row in self.report["rows"]))
        if name is not None and (name in names or not names):
            return str(name)
        own = [name for name in names if name not in rows_.TRIVIAL]
        return str((own or names or ["detector"])[0])

    @property
    def level(self) -> str:
        """What one score is of: a step, a window or a sample."""
        levels = [str(row.get("level", "step")) for row in self.report["rows"]]
        return levels[0] if levels else "step"

    @property
    def entities(self) -> list[str]:
        """Names of the entities that were scored, in the report's order."""
        listed = [str(e["name"]) for e in self.report.get("entities") or []]
        known = [name for name in listed if name in self._keys]
        return known + [name for name in self._keys if name not in known]

    def described(self, entity: str) -> dict[str, Any]:
        """What the report says of an entity; empty where it says nothing."""
        for entry in self.report.get("entities") or []:
            if str(entry["name"]) == entity:
                return dict(entry)
        return {}

    def detectors(self, entity: str) -> list[str]:
        """Detectors with scores of an entity, the run's own first."""
        names = list(self._keys[entity])
        return sorted(names, key=lambda name: name != self.detector)

    def seeds(self, entity: str, detector: str) -> list[int]:
        """Seeds with scores of an entity, ascending; empty where there are none."""
        return sorted(self._keys[entity].get(detector, []))

    def scored(self, entity: str, detector: str, seed: int) -> Scored:
        """Scores of one entity by one detector and seed.

        Raises:
            ValueError: If fields are missing or their shapes do not fit.
        """
        start = f"{entity}/{detector}/{seed}"
        where = f"{self.path / 'scores.npz'}: {start}"
        score = self._array(f"{start}/score").astype(np.float64)
        label = self._array(f"{start}/label", optional=True)
        calibration = self._array(f"{start}/calibration", optional=True)
        role = self._array(f"{start}/role", optional=True)
        if score.ndim != 1 or not np.isfinite(score).all():
            raise ValueError(f"{where}/score must be finite, (T,), got {score.shape}")
        if label.size and label.shape != score.shape:
            raise ValueError(f"{where}: {label.shape=} must be {score.shape}")
        return Scored(
            score,
            label if label.size else None,
            calibration.astype(np.float64).reshape(-1),
            str(role) if role.ndim == 0 else "",
        )

    def values(self, entity: str, steps: int) -> np.ndarray | None:
        """Plotted channels `[T, K]` of an entity, or None where there are none.

        A protocol may leave the last steps unscored; they are not drawn either.

        Raises:
            ValueError: If there are fewer steps than scores.
        """
        values = self._array(f"{entity}/values", optional=True)
        if values.ndim != 2:
            return None
        if len(values) < steps:
            where = self.path / "scores.npz"
            raise ValueError(
                f"{where}: {entity}/values has {len(values)} steps, its scores {steps}"
            )
        return values[:steps]

    def threshold(self, entity: str, detector: str, seed: int) -> float | None:
        """Fitted threshold of one member, or None where there is no single number."""
        wanted = {"entity": entity, "detector": detector}
        row = rows_.find(self.report["rows"], **wanted, seed=seed) or rows_.find(
            self.report["rows"], **wanted
        )
        value = ((row or {}).get("threshold") or {}).get("value")
        if value is None or not np.isfinite(value):
            return None
        return float(value)

    def events(self, entity: str, detector: str, seed: int) -> pd.DataFrame:
        """Found events of one member, in order of time."""
        table = self.found
        chosen = (
            (table["entity"] == entity)
            & (table["detector"] == detector)
            & (table["seed"] == seed)
        )
        return table[chosen].sort_values("start")

    def _array(self, key: str, optional: bool = False) -> np.ndarray:
        if key not in self._scores:
            if optional:
                return np.zeros(0)
            raise ValueError(f"{self.path / 'scores.npz'}: {key} is missing")
        try:
            return np.asarray(self._scores[key])
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{self.path / 'scores.npz'}: {key} cannot be read ({error})"
            ) from None

    def close(self) -> None:
        """Closes `scores.npz`."""
        self._scores.close()
