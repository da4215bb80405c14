"""Trains one variant on all seeds in one program and scores it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy import stats

from benchmarks.studies.at_ablation import measures, scores
from benchmarks.studies.at_ablation.tasks import Task
from benchmarks.studies.at_ablation.variants import Preset, Variant
from jaxtsad.detectors import configure
from jaxtsad.detectors.anomaly_transformer import detector as anomaly_transformer
from jaxtsad.evaluation.metrics import point
from jaxtsad.ops import aggregate, windows
from jaxtsad.pipeline.members import Member, keys_of
from jaxtsad.training import fit as training
from jaxtsad.training import fleet
from jaxtsad.training.plan import Plan
from jaxtsad.types import PyTree, Scores, Split

Job: TypeAlias = Callable[[], list[dict[str, Any]]]
Each: TypeAlias = Callable[[Callable[[Job], Any], Iterable[Job]], Iterable[Any]]
FOLDED = ("assdis", "reconstruction")
"""Scores that are folded in all ways."""
REDRAWN = ("mean", "spread")
"""Folds whose areas end to end are given intervals: ours and the published repair's."""


class Outcome(NamedTuple):
    """What one variant gave on one data set.

    Attributes:
        rows: See `measures.rows`; they come as they are measured.
        history: What training said of each epoch and member.
        curves: Of a followed variant, every score's metrics after each epoch.
        along: Of a followed variant, the first seed's scores `[T, K]`, glued.
        seconds: Compiling and training.
        windows_per_s: Trained on, compilation apart.
    """

    rows: Iterator[dict[str, Any]]
    history: list[dict[str, Any]]
    curves: list[dict[str, Any]]
    along: np.ndarray | None
    seconds: float
    windows_per_s: float


class Room(NamedTuple):
    """Lengths that all data sets are padded to: they share compiled programs.

    Attributes:
        fit: Of training arrays by name.
        scored: Of scored ones, tested or held out.
    """

    fit: Mapping[str, int]
    scored: Mapping[str, int]


def room(tasks: Sequence[Task]) -> Room:
    """Room for each of several data sets."""
    fits = [fleet.stack([_fit_view(task)], bucketed=True) for task in tasks]
    tests = [
        scores.view(task.tests, task.setup.window, task.setup.scoring_stride, 1).view
        for task in tasks
    ]
    return Room(fleet.padded_lengths(fits), fleet.padded_lengths(tests))


def run(
    variant: Variant,
    task: Task,
    preset: Preset,
    seeds: Sequence[int],
    space: Room,
    each: Each = map,
) -> Outcome:
    """Trains a variant and measures all its scores.

    Args:
        variant: What to train.
        task: On what.
        preset: How large and how long.
        seeds: One model each.
        space: What `room` gives for this data set, alone or among others.
        each: How measuring is spread, as `map` of a function and its inputs.
    """
    options = {**variant.options, **preset.sizes, "batch_size": preset.batch_size}
    sizes = {"window": preset.length, "channels": len(task.columns)}
    config = configure("anomaly_transformer", {**options, **sizes})
    keys = keys_of([Member(None, seed) for seed in seeds])
    number, length = len(seeds), preset.length
    held_out = [part.validation for part in task.parts if part.validation]
    calibrated: list[Split] = held_out or [part.fit for part in task.parts]
    stride = task.setup.scoring_stride
    seen = {
        "calibration": scores.view(calibrated, length, stride, number, space.scored),
        "test": scores.view(task.tests, length, stride, number, space.scored),
    }
    scorer = scores.scorer(config)

    def scored(model: PyTree, part: str, folds: Sequence[str] = ("mean",)) -> Any:
        model = scores.sliced(model, number)
        return scores.run(scorer, model, keys, seen[part], preset.batch_size, folds)

    history: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []

    def after_epoch(epoch: int, model: PyTree) -> None:
        if variant.followed:
            steps = scored(model, "test")["mean"]
            curves.extend(_curves(epoch, seeds, steps, task.labels))

    checks = None
    if held_out:
        checks = fleet.stack(
            [windows.view(held_out, length, stride)] * number, bucketed=True
        )
    epochs = 0 if variant.untrained else preset.epochs
    result = training.fit(
        keys,
        anomaly_transformer.build(config),
        fleet.stack([_fit_view(task)] * number, bucketed=True, least=space.fit),
        validations=checks,
        plan=Plan(epochs=epochs, **variant.plan),
        callbacks=training.Callbacks(epoch=history.extend, model=after_epoch),
    )
    folds = aggregate.AGGREGATES if variant.followed else ("mean",)
    calibration = scored(result.model, "calibration", folds)
    test = scored(result.model, "test", folds)
    jobs: list[Job] = []
    for how in folds:
        pair = calibration[how], test[how]
        for index, seed in enumerate(seeds):
            about: dict[str, Any] = {"seed": seed, "fold": how}
            about["intervals"] = how in REDRAWN and (
                variant.followed or variant.untrained
            )
            jobs += _jobs(*pair, calibrated, task, index, **about)
    along = np.concatenate([one[0] for one in test["mean"]])
    return Outcome(
        itertools.chain.from_iterable(each(_done, jobs)),
        [{**record, "seed": seeds[record["member"]]} for record in history],
        curves,
        along if variant.followed else None,
        result.compile_s + result.train_s,
        result.trained / result.train_s if result.train_s else 0.0,
    )


def _fit_view(task: Task) -> Any:
    setup = task.setup
    return windows.view([part.fit for part in task.parts], setup.window, setup.stride)


def _jobs(
    calibration: Sequence[np.ndarray],
    test: Sequence[np.ndarray],
    parts: Sequence[Split],
    task: Task,
    index: int,
    **about: Any,
) -> list[Job]:
    """What is left to measure of one model: a call of `measures.rows` per score."""
    found: list[Job] = []
    for place, name in enumerate(scores.NAMES):
        if about["fold"] != "mean" and name not in FOLDED:
            continue
        pooled = Scores.join(
            [
                part.scored(values[index, :, place])
                for part, values in zip(parts, calibration, strict=True)
            ]
        )
        job = functools.partial(
            measures.rows,
            [values[index, :, place] for values in test],
            task.labels,
            measures.fitted(pooled),
            [one.name for one in task.series],
            score=name,
            **about,
        )
        found.append(job)
    return found


def _done(job: Job) -> list[dict[str, Any]]:
    return job()


def _curves(
    epoch: int,
    seeds: Sequence[int],
    steps: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
) -> list[dict[str, Any]]:
    """Area of each score, and how alike its order is to that of the error alone."""
    known = np.concatenate(labels)
    table = np.concatenate(steps, axis=1)
    plain = scores.NAMES.index("reconstruction")
    found = []
    for index, seed in enumerate(seeds):
        for place, name in enumerate(scores.NAMES):
            values = table[index, :, place].astype(np.float64)
            alike = stats.spearmanr(values, table[index, :, plain]).statistic
            found.append(
                {
                    "epoch": epoch,
                    "seed": seed,
                    "score": name,
                    "auc_pr": point.auc_pr(known, values),
                    "rank_correlation": float(alike),
                }
            )
    return found
