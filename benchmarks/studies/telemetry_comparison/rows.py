"""One row of the comparison: trained or read, scored, judged."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks.studies.study import Session
from benchmarks.studies.telemetry_comparison.presets import QUANTILE, Recipe
from jaxtsad import files, types
from jaxtsad.evaluation import events, thresholds
from jaxtsad.evaluation.protocol import Protocol
from jaxtsad.evaluation.thresholds import Threshold
from jaxtsad.experiments import facts, judge, recordings
from jaxtsad.experiments.judge import Judged, Rows
from jaxtsad.experiments.recordings import Group
from jaxtsad.ops import aggregate
from jaxtsad.pipeline import members, parts, scoring
from jaxtsad.pipeline.members import Fitted
from jaxtsad.reporting import run_directory
from jaxtsad.reporting.run_directory import Scored
from jaxtsad.types import Series, Split

Labels = Callable[[str, int, int], np.ndarray]
NOTHING = "all_negative"
LEVELS = ("windows", "steps")
DONE = "facts.json"


class Made(NamedTuple):
    """A row's scores and what it cost.

    Attributes:
        windows: Scores of test windows, calibrated on those of the fit windows.
        steps: Scores of test steps, calibrated on fit steps.
        facts: Parameters, seconds, notes.
    """

    windows: list[Scored]
    steps: list[Scored]
    facts: dict[str, Any]


def make(
    recipe: Recipe,
    series: Sequence[Series],
    labels: Labels,
    seeds: Sequence[int],
    session: Session,
) -> Made:
    """Makes a row, or reads it where it was finished before.

    Args:
        recipe: How.
        series: All channels.
        labels: `(channel, length, stride) -> [N]` labels of test windows.
        seeds: One model per channel and seed; a trivial row takes the first.
        session: The run, which keeps the row; training goes on from a checkpoint.

    Raises:
        Interrupted: On Ctrl-C, after saving a checkpoint.
    """
    if recipe.trivial and not recipe.setup.untrained:
        seeds = seeds[:1]
    setup = dataclasses.asdict(recipe.setup)
    setup["plan"].pop("checkpoint_seconds")
    about = {"setup": setup, "seeds": seeds, "data": facts.data_checksums(series)}
    folder = session.cache(__name__).place(recipe.row, about)
    if (folder / DONE).is_file():
        session.say(f"{recipe.row}: finished before")
        there = json.loads((folder / DONE).read_text())
        both = [run_directory.read_scores(folder / f"{one}.npz") for one in LEVELS]
        return Made(both[0], both[1], there)
    fits: list[Fitted] = []
    windows: list[Scored] = []
    steps: list[Scored] = []
    for group in recordings.groups(series):
        fits.append(_fit(recipe, group, seeds, folder, session))
        found = _scored(recipe.row, fits[-1], group, labels)
        windows += found[0]
        steps += found[1]
    results = [one.result for one in fits if one.result is not None]
    about_models = {
        "parameters": {
            str(one.layout.channels): members.parameters(one.model) for one in fits
        },
        "members": sum(len(one.members) for one in fits),
        "train_s": sum(one.train_s for one in results),
        "notes": facts.notes((), fits),
        "state_sha256": [facts.state_checksum(one.model) for one in fits],
    }
    made = Made(windows, steps, about_models)
    for name in LEVELS:
        run_directory.write_scores(folder / f"{name}.npz", getattr(made, name), {})
    files.write_json(folder / DONE, made.facts)
    return made


def _fit(
    recipe: Recipe,
    group: Group,
    seeds: Sequence[int],
    folder: pathlib.Path,
    session: Session,
) -> Fitted:
    given = [(one.name, one.train) for one in group.series]
    title = f"{recipe.row}, {len(given) * len(seeds)} members of {group.name}"
    where = None if recipe.trivial else folder / "checkpoints" / group.name
    return session.fit(title, recipe.setup, given, folder=where, seeds=seeds)


def _scored(
    row: str, fitted: Fitted, group: Group, labels: Labels
) -> tuple[list[Scored], list[Scored]]:
    """Windows and steps of every member's test part, calibrated on its fit part."""
    prepared = {
        part.entity: part.fit
        for part in parts.prepare(
            fitted.setup, [(one.name, one.train) for one in group.series]
        )
    }
    by_name = {one.name: one for one in group.series}
    who = [str(member.entity) for member in fitted.members]
    tests = score(
        fitted,
        [
            members.test_part(fitted, i, name, np.asarray(by_name[name].test))
            for i, name in enumerate(who)
        ],
    )
    fits = score(fitted, [prepared[name] for name in who])
    length, stride = fitted.setup.window, fitted.setup.stride
    found: tuple[list[Scored], list[Scored]] = ([], [])
    for i, (name, member) in enumerate(zip(who, fitted.members, strict=True)):
        known = labels(name, length, stride), by_name[name].labels
        for level, scores in enumerate(found):
            pair = tests[level][i], known[level]
            scores.append(Scored(name, row, member.seed, *pair, fits[level][i], "fit"))
    return found


def score(
    fitted: Fitted, splits: Sequence[Split]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Scores of the windows `[N]` and of the steps `[T]` of one part per member.

    A window's score is the mean over its steps; one more window covers the last steps,
    which counts for steps only.
    """
    setup = dataclasses.replace(fitted.setup, tail=True)
    scores, view = scoring.run_detector(
        dataclasses.replace(fitted, setup=setup), splits
    )
    per_window = np.asarray(scores.mean(axis=-1) if scores.ndim == 3 else scores)
    windows, steps = [], []
    for i, split in enumerate(splits):
        count = (len(split) - setup.window) // setup.stride + 1
        windows.append(per_window[i, :count])
        per_step = aggregate.aggregate(
            scores[i],
            view.starts[i],
            view.weight[i],
            steps=view.values.shape[1],
            length=setup.window,
            how=setup.aggregate,
        )
        steps.append(np.asarray(jax.device_get(per_step))[: len(split)])
    return windows, steps


def judged(
    made: Sequence[Made], recipes: Sequence[Recipe], level: str, protocol: Protocol
) -> Rows:
    """All rows of one level, thresholds by each row's own rule.

    Args:
        made: The rows.
        recipes: How they were made; the first is what the comparison is about.
        level: `windows`, those of flagging nothing among them, or `steps`.
        protocol: Named on every row.
    """
    found = [
        judge_row(one, recipe.calibrated)
        for row, recipe in zip(made, recipes, strict=True)
        for one in getattr(row, level)
    ]
    main = recipes[0].row
    if level == "windows":
        first = {x.scored.entity: x for x in found if x.scored.detector == main}
        found += [_nothing(one.scored) for one in first.values()]
    return judge.rows(
        found, main=main, protocol=protocol, validation={}, level=level[:-1]
    )


def judge_row(one: Scored, calibrated: str) -> Judged:
    """Flags by the quantile of test scores (`calibrated="test"`) or of fit scores."""
    calibration = types.restored(one.calibration, one.role, one.entity)
    if calibrated == "test":
        value = float(np.quantile(one.score, QUANTILE))
        threshold = Threshold("transductive_quantile", value, "test", {"q": QUANTILE})
    else:
        threshold = thresholds.fit("quantile", calibration, q=QUANTILE)
    flags = threshold.flags(one.score)
    return Judged(one, threshold, flags, events.spread(calibration))


def _nothing(one: Scored) -> Judged:
    """One and the same score for all windows, none of them flagged."""
    zeros = np.zeros(len(one.score))
    return Judged(
        one._replace(detector=NOTHING, seed=0, score=zeros),
        Threshold("none", 0.0, "nothing"),
        np.zeros(len(zeros), np.int8),
        1.0,
    )
