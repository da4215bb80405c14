"""The parts of an ablation, each in a file of its own, so that none is done twice."""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np

from benchmarks.studies.at_ablation import beside, paper, tasks, training
from benchmarks.studies.at_ablation.tasks import Task
from benchmarks.studies.at_ablation.training import Each, Room
from benchmarks.studies.at_ablation.variants import Preset, Variant
from benchmarks.studies.cache import Cache
from benchmarks.studies.study import Session
from jaxtsad import files

Finish: TypeAlias = Callable[[], dict[str, Any]]
"""Waits for what is still measured of a part, writes the part and gives it."""


def run(
    task: Task,
    preset: Preset,
    seeds: Sequence[int],
    variants: Sequence[Variant],
    session: Session,
    *,
    space: Room,
    each: Each = map,
) -> dict[str, Any]:
    """Runs what is not there yet of one data set and gathers all of it.

    Args:
        task: The data set.
        preset: How large.
        seeds: One model per variant and seed.
        variants: What to train.
        session: The run; it keeps the parts.
        space: What its arrays are padded to.
        each: See `training.run`.

    Returns:
        The data set's part of the report.
    """
    name = task.name
    said = tasks.described(task)
    cache = session.cache(__name__, name)
    same = {"seeds": list(seeds), "data": said, "preset": preset._asdict()}

    def begin(part: str, about: Any, make: Callable[[], dict[str, Any]]) -> Finish:
        wanted = {**same, "about": about}
        kept = cache.read(part, wanted)
        if kept is not None:
            return lambda: kept
        session.say(f"{name}: {part}")
        made = make()
        # No other part runs these programs, and a process may hold only so many.
        jax.clear_caches()

        def finish() -> dict[str, Any]:
            listed = {key: _listed(value) for key, value in made.items()}
            written: dict[str, Any] = cache.write(part, wanted, listed)
            return written

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
    alone = functools.partial(paper.run, task, preset, seeds[0], session.root)
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
                _variant, one, task, preset, seeds, space, each, cache
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
    cache: Cache,
) -> dict[str, Any]:
    outcome = training.run(variant, task, preset, seeds, space, each)
    if outcome.along is not None:
        along = {"scores": outcome.along.astype(np.float32)}
        files.write_arrays(cache.folder / f"{variant.name}.npz", along)
    return {k: v for k, v in outcome._asdict().items() if k != "along"}


def along(cache: Cache, name: str, variant: str) -> np.ndarray | None:
    """The first seed's scores `[T, K]` of a followed variant, or None."""
    try:
        path = cache.folder / name / f"{variant}.npz"
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file["scores"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None
