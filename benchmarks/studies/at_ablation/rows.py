"""Trains a variant or a baseline on all seeds in one program, and measures it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from benchmarks.studies import anomaly_transformer_protocols as procedure
from benchmarks.studies.at_ablation import measures, scores
from benchmarks.studies.at_ablation.scores import Reader
from benchmarks.studies.at_ablation.tasks import Task
from benchmarks.studies.at_ablation.variants import PUBLISHED_PLAN, Preset, Variant
from benchmarks.studies.published import PUBLISHED
from benchmarks.studies.study import Session
from jaxtsad import files
from jaxtsad.evaluation import protocol as protocols
from jaxtsad.evaluation.metrics import point
from jaxtsad.experiments import recordings, toml
from jaxtsad.experiments.baselines import TRIVIAL
from jaxtsad.ops import aggregate, windows
from jaxtsad.ops.aggregate import AGGREGATES, Aggregate
from jaxtsad.pipeline import fitting, scoring
from jaxtsad.pipeline.members import Member
from jaxtsad.pipeline.parts import shape_of
from jaxtsad.pipeline.setup import layout_of
from jaxtsad.training.fit import Callbacks
from jaxtsad.training.plan import Plan
from jaxtsad.types import PyTree, Scores, Split

LSTM = "lstm_autoencoder"
OWN_MEAN = "own_mean"
BASELINES = (LSTM, "zscore", "zscore_smoothed", "pca", "knn", OWN_MEAN)
AGGREGATED = ("assdis", "assdis_3", "reconstruction")
"""Scores that are aggregated in all ways."""
REDRAWN = ("mean", "spread")
"""Aggregates whose areas are given intervals: ours and the published repair's."""


def of_variant(
    variant: Variant,
    task: Task,
    preset: Preset,
    seeds: Sequence[int],
    session: Session,
    folder: pathlib.Path,
) -> dict[str, Any]:
    """Trains a variant and measures all its scores.

    Args:
        variant: The variant.
        task: What it is trained and tested on.
        preset: How large it is.
        seeds: One model each, all in one program.
        session: The run.
        folder: Of checkpoints and curves, by which an interrupted training goes on.

    Returns:
        `rows`, see `measures.rows`; and of a followed variant `curves`, every score's
        metrics after each epoch.
    """
    options = {**variant.options, **preset.sizes, "batch_size": preset.batch_size}
    setup = dataclasses.replace(
        task.setup,
        options=options,
        plan=Plan(epochs=preset.epochs, **variant.plan),
        untrained=variant.untrained,
    )
    recordings_ = [(one.name, one.train) for one in task.series]
    layout = layout_of(setup, shape_of(setup, recordings_))
    who = tuple(Member(None, seed) for seed in seeds)

    def reader(model: PyTree) -> Reader:
        # Without those that fill a device.
        model = jax.tree.map(lambda leaf: leaf[: len(seeds)], model)
        return Reader(setup, layout, who, model, ())

    def after_epoch(epoch: int, model: PyTree) -> None:
        if variant.followed:
            along = scores.steps(reader(model), task.tests)
            curve = _curves(epoch, seeds, along, task.labels)
            files.write_json(folder / f"curve_{epoch:03d}.json", curve)

    fitted = session.fit(
        f"{task.name}: {variant.name}",
        setup,
        recordings_,
        folder=None if variant.untrained else folder / "checkpoints",
        seeds=seeds,
        callbacks=Callbacks(model=after_epoch),
    )
    curves = [
        row
        for path in sorted(folder.glob("curve_*.json"))
        for row in json.loads(path.read_text())
    ]
    held_out = [part.validation for part in task.parts if part.validation]
    calibrated = held_out or [part.fit for part in task.parts]
    trained = reader(fitted.model)
    rows = []
    ways: tuple[Aggregate, ...] = AGGREGATES if variant.followed else ("mean",)
    for how in ways:
        calibration = scores.steps(trained, calibrated, how)
        tested = scores.steps(trained, task.tests, how)
        wanted = scores.NAMES if how == "mean" else AGGREGATED
        intervals = how in REDRAWN and (variant.followed or variant.untrained)
        for index, seed in enumerate(seeds):
            for name in wanted:
                place = scores.NAMES.index(name)
                rows += measures.rows(
                    [values[index, :, place] for values in tested],
                    task.labels,
                    measures.fitted(
                        _joined(calibrated, [x[index, :, place] for x in calibration])
                    ),
                    task.names,
                    intervals=intervals,
                    score=name,
                    fold=how,
                    seed=seed,
                )
    return {"rows": rows, "curves": curves}


def _joined(parts: Sequence[Split], values: Sequence[np.ndarray]) -> Scores:
    each = [part.scored(own) for part, own in zip(parts, values, strict=True)]
    return Scores.join(each)


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
            about = {"epoch": epoch, "seed": seed, "score": name}
            area = point.auc_pr(known, values)
            found.append({**about, "auc_pr": area, "rank_correlation": float(alike)})
    return found


def of_baseline(
    name: str, task: Task, preset: Preset, seeds: Sequence[int]
) -> dict[str, Any]:
    """Fits one of `BASELINES` on the same windows and scaling, and measures it."""
    options: dict[str, Any]
    if name == OWN_MEAN:
        return {"rows": _of_own_mean(task, preset, seeds[0])}
    if name == LSTM:
        detector, options = LSTM, {"hidden": preset.hidden, "layers": 3}
        options["batch_size"] = preset.batch_size
    else:
        (detector, options), seeds = TRIVIAL[name], seeds[:1]
    plan = Plan(epochs=preset.epochs)
    setup = dataclasses.replace(
        task.setup, detector=detector, options=options, plan=plan
    )
    data = [(one.name, one.train) for one in task.series]
    fitted = fitting.fit(setup, data, seeds=seeds)
    tested = [scoring.aggregated(fitted, [part] * len(seeds)) for part in task.tests]
    rows = []
    for index, seed in enumerate(seeds):
        rows += measures.rows(
            [values[index] for values in tested],
            task.labels,
            measures.fitted(fitted.calibration[index]),
            task.names,
            intervals=True,
            score="own",
            fold="mean",
            seed=seed,
        )
    return {"rows": rows}


def _of_own_mean(task: Task, preset: Preset, seed: int) -> list[dict[str, Any]]:
    """Each step's squared distance from its entity's training mean, of no network."""
    means = [one.fit.values.mean(axis=0, dtype=np.float64) for one in task.parts]
    pairs = list(zip(task.parts, means, strict=True))
    # Not every entity has room for a validation part.
    held_out = [(one.validation, mean) for one, mean in pairs if one.validation]
    held_out = held_out or [(one.fit, mean) for one, mean in pairs]
    rows = []
    for how in REDRAWN:
        tested, calibration = (
            [_distance(part, mean, preset, how) for part, mean in given]
            for given in (zip(task.tests, means, strict=True), held_out)
        )
        fitted = measures.fitted(_joined([part for part, _ in held_out], calibration))
        about = {"score": "own", "fold": how, "seed": seed}
        rows += measures.rows(
            tested, task.labels, fitted, task.names, intervals=True, **about
        )
    return rows


def _distance(part: Split, mean: np.ndarray, preset: Preset, how: str) -> np.ndarray:
    error = np.square(part.values - mean).mean(axis=1)
    length = min(preset.length, len(error))
    starts = windows.starts_of(len(error), length, preset.score_stride)
    each = error[starts[:, None] + np.arange(length)].astype(np.float32)
    weight = np.ones(len(starts), np.float32)
    given = map(jnp.asarray, (each, starts, weight))
    steps = aggregate.aggregate(*given, steps=len(error), length=length, how=how)
    return np.asarray(steps)


def by_procedure(
    task: Task,
    preset: Preset,
    seed: int,
    root: str | None,
    folder: pathlib.Path | None = None,
) -> Mapping[str, Any]:
    """The reference by the publication's own procedure, with all that it leaks.

    Trains on the glued entities, validates and calibrates on test, adjusts. It goes on
    from checkpoints in the folder.

    Returns:
        `rows`, metrics by row; what leaks; and the share of steps that is flagged.
    """
    published = PUBLISHED.get(task.name.upper())
    share = published.share if published else measures.SHARE
    config = toml.parse(
        {
            "name": f"at_ablation_{task.name}",
            "data": {
                "dataset": task.name,
                "entities": task.names,
                "channels": [str(column) for column in task.columns],
                "pooling": "glued",
                "scaler": preset.scaler,
                "root": root or "",
            },
            "window": {"length": preset.length, "stride": task.setup.stride},
            "detector": {
                "name": "anomaly_transformer",
                "options": {"mode": "reference", **preset.sizes},
            },
            "training": {
                "epochs": min(preset.epochs, 3),
                "batch_size": preset.batch_size,
                "seeds": [seed],
                **PUBLISHED_PLAN,
            },
            "evaluation": {
                "protocol": "paper",
                "anomaly_share": share,
                "baselines": ["zscore"],
            },
        }
    )
    rows = procedure.rows(config, protocols.PAPER, recordings.load(config), folder)
    leaks = [*protocols.PAPER.leaks, protocols.GLUED]
    return {"rows": rows, "leaks": leaks, "share": share}
