"""A run directory as the report sees it: rows, scores, events, learning curves."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad.reporting import run_directory, training_log
from jaxtsad.reporting.run_directory import Scored, Scores
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
        scores: `scores.npz`, opened.
    """

    path: pathlib.Path
    report: dict[str, Any]
    flagged: pd.DataFrame
    history: pd.DataFrame
    scores: Scores

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
        scored = list(dict.fromkeys(entity for entity, _, _ in self.scores.members))
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
        names = dict.fromkeys(
            name for scored, name, _ in self.scores.members if scored == entity
        )
        return sorted(names, key=lambda name: name != self.detector)

    def seeds(self, entity: str, detector: str) -> list[int]:
        """Seeds with scores of an entity, ascending; empty where there are none."""
        member = entity, detector
        return sorted(
            seed for *other, seed in self.scores.members if (*other,) == member
        )

    def scored(self, entity: str, detector: str, seed: int) -> Scored:
        """Scores of one entity by one detector and seed.

        Raises:
            ValueError: If arrays are missing or their shapes do not fit.
        """
        scored = self.scores.scored(entity, detector, seed)
        return scored._replace(score=scored.score.astype(np.float64))

    def values(self, entity: str, steps: int) -> np.ndarray | None:
        """Plotted channels `[T, K]` of an entity, or None where there are none.

        A protocol may leave the last steps unscored; they are not drawn either.

        Raises:
            ValueError: If there are fewer steps than scores.
        """
        values = self.scores.values(entity)
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
        wanted = {"entity": entity, "detector": detector}
        row = rows_.find(self.report["rows"], **wanted, seed=seed) or rows_.find(
            self.report["rows"], **wanted
        )
        value = ((row or {}).get("threshold") or {}).get("value")
        if value is None or not np.isfinite(value):
            return None
        return float(value)

    def events(self, entity: str, detector: str, seed: int) -> pd.DataFrame:
        """Flagged events of one member, in order of time."""
        table = self.flagged
        chosen = (
            (table["entity"] == entity)
            & (table["detector"] == detector)
            & (table["seed"] == seed)
        )
        return table[chosen].sort_values("start")


@contextmanager
def read(folder: str | os.PathLike[str]) -> Iterator[Run]:
    """Opens a run directory for the time of a `with` statement.

    Args:
        folder: The directory, with `report.json`, `scores.npz`, `events.csv` and, where
            anything was trained, `metrics.jsonl`.

    Yields:
        What it holds.

    Raises:
        ValueError: If a file is missing or is not what it should be.
    """
    path = pathlib.Path(folder)
    if not path.is_dir():
        raise ValueError(f"{str(path)!r} is not a run directory: no such directory")
    report, events = run_directory.read_report(path), run_directory.read_events(path)
    history = training_log.read(path)
    with Scores(path / run_directory.SCORES) as scores:
        yield Run(path, report, events, history, scores)
