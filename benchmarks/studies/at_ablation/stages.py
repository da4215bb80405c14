"""The parts of an ablation, each in a file of its own, so that none is done twice."""

from __future__ import annotations

import functools
import json
import pathlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np
from rich.console import Console

from benchmarks.studies.at_ablation import beside, paper, tasks, training
from benchmarks.studies.at_ablation.tasks import Task
from benchmarks.studies.at_ablation.training import Each, Room
from benchmarks.studies.at_ablation.variants import Preset, Variant
from jaxtsad import __version__
from jaxtsad.experiments import records

Finish: TypeAlias = Callable[[], dict[str, Any]]
"""Waits for what is still measured of a part, writes the part and gives it."""


def run(
    task: Task,
    preset: Preset,
    seeds: Sequence[int],
    variants: Sequence[Variant],
    folder: pathlib.Path,
    *,
    space: Room,
    root: str | None,
    terminal: Console,
    each: Each = map,
) -> dict[str, Any]:
    """Runs what is not there yet of one data set and gathers all of it.

    Args:
        task: The data set.
        preset: How large.
        seeds: One model per variant and seed.
        variants: What to train.
        folder: Where parts are kept.
        space: What its arrays are padded to.
        root: The data root.
        terminal: Whom to tell.
        each: See `training.run`.

    Returns:
        The data set's part of the report.
    """
    name = task.name
    said = tasks.described(task)
    where = folder / name
    same = {"version": __version__, "seeds": list(seeds), "data": said}
    same |= {"preset": preset._asdict()}

    def begin(part: str, about: Any, make: Callable[[], dict[str, Any]]) -> Finish:
        path = where / f"{part}.json"
        wanted = json.loads(json.dumps({**same, "about": about}))
        kept = _kept(path, wanted)
        if kept is not None:
            return lambda: kept
        terminal.print(f"{name}: {part}")
        made = make()
        # No other part runs these programs, and a process may hold only so many.
        jax.clear_caches()

        def finish() -> dict[str, Any]:
            listed = {key: _listed(value) for key, value in made.items()}
            full = {"made_of": wanted, **listed}
            records.write_json(path, full)
            return full

        return finish

    found: dict[str, Any] = {"data": said, "starts": list(task.starts)}
    found["lengths"] = [len(one) for one in task.tests]
    found["noise"] = beside.noise(task)
    found["beside"] = {
        other: begin(
            other, {}, functools.partial(_beside, other, task, preset, seeds)
        )()
        for other in beside.NAMES
    }
    alone = functools.partial(paper.run, task, preset, seeds[0], root)
    found["paper"] = begin("paper", {}, alone)()
    found["variants"] = rows = {}
    # While one variant trains the scores of the one before it are measured.
    waiting: list[tuple[str, Finish]] = []

    def settle() -> None:
        if waiting:
            part, finish = waiting.pop()
            rows[part] = finish()

    try:
        for one in variants:
            train = functools.partial(
                _variant, one, task, preset, seeds, space, each, where
            )
            begun = begin(one.name, one._asdict(), train)
            settle()
            waiting.append((one.name, begun))
    finally:
        settle()
    return found


def _listed(value: Any) -> Any:
    """What came one by one as a list, anything else as it is."""
    return list(value) if isinstance(value, Iterator) else value


def _kept(path: pathlib.Path, wanted: Any) -> dict[str, Any] | None:
    """What an earlier run has written, if it was made of the same things."""
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return None
    return kept if kept.get("made_of") == wanted else None


def _beside(
    name: str, task: Task, preset: Preset, seeds: Sequence[int]
) -> dict[str, Any]:
    return beside.run(name, task, preset, seeds)._asdict()


def _variant(
    variant: Variant,
    task: Task,
    preset: Preset,
    seeds: Sequence[int],
    space: Room,
    each: Each,
    where: pathlib.Path,
) -> dict[str, Any]:
    outcome = training.run(variant, task, preset, seeds, space, each)
    if outcome.along is not None:
        along = {"scores": outcome.along.astype(np.float32)}
        records.write_arrays(where / f"{variant.name}.npz", along)
    return {k: v for k, v in outcome._asdict().items() if k != "along"}


def along(folder: pathlib.Path, name: str, variant: str) -> np.ndarray | None:
    """The first seed's scores `[T, K]` of a followed variant, or None."""
    try:
        with np.load(folder / name / f"{variant}.npz", allow_pickle=False) as file:
            return np.asarray(file["scores"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None
