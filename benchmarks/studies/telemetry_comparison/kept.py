"""A row of the comparison as it is kept in the run directory."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.studies.telemetry_comparison.presets import Recipe
from jaxtsad import files
from jaxtsad.experiments import facts
from jaxtsad.reporting import run_directory
from jaxtsad.reporting.run_directory import Scored
from jaxtsad.types import Series

FILES = ("windows", "validation", "other_clip", "steps")
DONE = "model.json"


class Made(NamedTuple):
    """A row's scores and what it cost.

    Attributes:
        windows: Scores of test windows, calibrated on those of the fit windows.
        validation: The same, calibrated on validation windows; empty without them.
        other_clip: The same with test values not clipped, or clipped where they are
            not; empty without clipping.
        steps: Scores of test steps, calibrated on fit steps.
        facts: Parameters, seconds, windows per second, memory, notes.
    """

    windows: list[Scored]
    validation: list[Scored]
    other_clip: list[Scored]
    steps: list[Scored]
    facts: dict[str, Any]


def identity(
    recipe: Recipe, series: Sequence[Series], seeds: Sequence[int]
) -> dict[str, Any]:
    """All that decides a row's scores, as JSON gives it back."""
    said = {
        "row": recipe.row,
        "setup": dataclasses.asdict(recipe.setup),
        "clip_test": recipe.clip_test,
        "seeds": list(seeds),
        "data": facts.data_checksums(series),
    }
    identity: dict[str, Any] = json.loads(json.dumps(said))
    identity["setup"]["plan"].pop("checkpoint_seconds")
    return identity


def read(folder: pathlib.Path) -> Made | None:
    """A row that was finished before, None where there is none."""
    try:
        known = json.loads((folder / DONE).read_text())
    except (OSError, json.JSONDecodeError):
        return None
    scored = {name: run_directory.read_scores(folder / f"{name}.npz") for name in FILES}
    return Made(**scored, facts=known)


def write(folder: pathlib.Path, made: Made) -> None:
    """Writes a finished row; what says that it is finished comes last."""
    for name in FILES:
        run_directory.write_scores(folder / f"{name}.npz", getattr(made, name), {})
    files.write_json(folder / DONE, made.facts)
