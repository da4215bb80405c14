"""A run directory as the report sees it: rows, scores, events, learning curves."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad.interactive import Pictures
from jaxtsad.reporting import run_directory, training_log
from jaxtsad.reporting.run_directory import Scored
from jaxtsad.reporting.tables import rows as rows_
from jaxtsad.reporting.tables.rows import Row


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run directory as it was read.

    Attributes:
        path: The directory.
        report: `report.json`.
        flagged: `events.csv`.
        history: `metrics.jsonl`, empty where nothing was trained.
        scores: All scores of `scores.npz`.
        channels: By entity, its channels to draw `[T, K]`.
        pictures: By entity, samples to draw.
    """

    path: pathlib.Path
    report: dict[str, Any]
    flagged: pd.DataFrame
    history: pd.DataFrame
    scores: Sequence[Scored]
    channels: Mapping[str, np.ndarray]
    pictures: Mapping[str, Pictures]

    @property
    def rows(self) -> list[Row]:
        """Rows of the report; the run's windows per second are in those it is about."""
        speed = (self.report.get("timings") or {}).get("score_windows_per_s")
        rows: list[Row] = []
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
        others = [name for name in names if name not in rows_.BASELINES]
        return str((others or names or ["detector"])[0])

    @property
    def level(self) -> str:
        """What one score is of: a step, a window or a sample."""
        levels = [str(row.get("level", "step")) for row in self.report["rows"]]
        return levels[0] if levels else "step"

    @property
    def entities(self) -> list[str]:
        """Names of the entities that were scored, in the report's order."""
        listed = [str(e["name"]) for e in self.report.get("entities") or []]
        scored = list(dict.fromkeys(each.entity for each in self.scores))
        known = [name for name in listed if name in scored]
        return known + [name for name in scored if name not in known]

    def described(self, entity: str) -> dict[str, Any]:
        """What the report says of an entity; empty where it says nothing."""
        for entry in self.report.get("entities") or []:
            if str(entry["name"]) == entity:
                return dict(entry)
        return {}

    def detectors(self, entity: str) -> list[str]:
        """Detectors with scores of an entity, the run's own first."""
        names = dict.fromkeys(s.detector for s in self.scores if s.entity == entity)
        return sorted(names, key=lambda name: name != self.detector)

    def scored(self, entity: str, detector: str) -> list[Scored]:
        """Scores of an entity by one detector, by ascending seed, in float64."""
        chosen = [
            s for s in self.scores if (s.entity, s.detector) == (entity, detector)
        ]
        return [
            each._replace(score=each.score.astype(np.float64))
            for each in sorted(chosen, key=lambda each: each.seed)
        ]

    def values(self, entity: str, steps: int) -> np.ndarray | None:
        """Plotted channels `[T, K]` of an entity, or None where there are none.

        A protocol may leave the last steps unscored; they are not drawn either.

        Raises:
            ValueError: If there are fewer steps than scores.
        """
        values = self.channels.get(entity)
        if values is None:
            return None
        if len(values) < steps:
            where = self.path / run_directory.SCORES
            raise ValueError(
                f"{where}: {entity}/values has {len(values)} steps, its scores {steps}"
            )
        return values[:steps]

    def threshold(self, entity: str, detector: str, seed: int) -> float | None:
        """Fitted threshold of one member, or None where there is no single number."""
        rows, wanted = self.report["rows"], {"entity": entity, "detector": detector}
        row = rows_.find(rows, **wanted, seed=seed) or rows_.find(rows, **wanted) or {}
        value = (row.get("threshold") or {}).get("value")
        return None if value is None or not np.isfinite(value) else float(value)

    def events(self, entity: str, detector: str, seed: int) -> pd.DataFrame:
        """Flagged events of one member, in order of time."""
        table = self.flagged
        chosen = (
            (table["entity"] == entity)
            & (table["detector"] == detector)
            & (table["seed"] == seed)
        )
        return table[chosen].sort_values("start")


def read(folder: str | os.PathLike[str]) -> Run:
    """Reads a run directory.

    Args:
        folder: The directory, with `report.json`, `scores.npz`, `events.csv` and, where
            anything was trained, `metrics.jsonl`.

    Raises:
        ValueError: If a file is missing or is not what it should be.
    """
    path = pathlib.Path(folder)
    if not path.is_dir():
        raise ValueError(f"{str(path)!r} is not a run directory: no such directory")
    return Run(
        path,
        run_directory.read_report(path),
        run_directory.read_events(path),
        pd.DataFrame(training_log.records(path)),
        run_directory.read_scores(path / run_directory.SCORES),
        run_directory.read_values(path / run_directory.SCORES),
        run_directory.read_pictures(path),
    )
