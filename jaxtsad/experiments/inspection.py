"""Looks inside a finished run's detector around one step."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pandas as pd

from jaxtsad import files
from jaxtsad.experiments import recordings, toml
from jaxtsad.pipeline import inspection, members, saving
from jaxtsad.reporting import run as runs
from jaxtsad.reporting import run_directory
from jaxtsad.reporting.pages import run_report


def inspect(
    folder: str | os.PathLike[str],
    *,
    entity: str | None = None,
    step: int | None = None,
) -> dict[str, np.ndarray]:
    """Writes `inspection.npz` and draws it in the run's report.

    Args:
        folder: A finished run directory.
        entity: Name of a recording; None for that of the most severe event.
        step: A step of its test part; None for the peak of its most severe event, or
            its highest score where there is none.

    Returns:
        See `pipeline.inspection.inspect`; besides, `entity`, `seed` and `channels`.

    Raises:
        ValueError: If the directory holds no finished run, the entity or the step is
            unknown, or the detector offers nothing to look into.
    """
    path = pathlib.Path(folder)
    with files.locked(path, run_directory.KIND):
        return _inspect(path, entity, step)


def _inspect(
    path: pathlib.Path, entity: str | None, step: int | None
) -> dict[str, np.ndarray]:
    config = toml.load(path / run_directory.CONFIG)
    run = runs.read(path)
    seed = config.training.seeds[0]
    chosen = entity or _worst(run.flagged, run.entities)
    if chosen not in run.entities:
        listed = ", ".join(run.entities)
        raise ValueError(f"entity={chosen!r} is unknown; the choices are {listed}")
    if step is None:
        by_seed = {each.seed: each for each in run.scored(chosen, run.detector)}
        scored = by_seed[seed].score
        found = run.events(chosen, run.detector, seed)
        step = int(np.argmax(scored))
        if len(found):
            worst = int(found["severity"].to_numpy().argmax())
            start, stop = found[["start", "stop"]].to_numpy()[worst].astype(int)
            step = int(start + np.argmax(scored[start:stop]))
    groups = recordings.groups(recordings.load(config))
    for group in groups:
        for one in group.series:
            if one.name == chosen:
                series, name = one, "model"
                if len(groups) > 1:
                    name = f"model_{group.name}"
    fitted, _, channels = saving.load(path / name)
    owners = [member.entity for member in fitted.members]
    member = 0 if fitted.setup.pooled else owners.index(chosen)
    part = members.test_part(fitted, member, chosen, np.asarray(series.test))
    arrays = inspection.inspect(fitted, member, part, step)
    arrays |= {
        "entity": np.array(chosen),
        "seed": np.array(seed),
        "channels": np.array(channels),
    }
    run_directory.write_inspection(path, arrays)
    run_report.write(path)
    return arrays


def _worst(found: pd.DataFrame, entities: list[str]) -> str:
    """The entity of the most severe event, else the first."""
    known = found[found["severity"].notna()] if len(found) else found
    if not len(known):
        return entities[0]
    return str(known["entity"].iloc[int(known["severity"].to_numpy().argmax())])
