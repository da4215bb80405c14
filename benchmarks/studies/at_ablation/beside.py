"""What stands beside the variants: trivial detectors, an LSTM autoencoder, noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.studies.at_ablation import measures
from benchmarks.studies.at_ablation.tasks import Task
from benchmarks.studies.at_ablation.variants import Preset
from jaxtsad.evaluation import baselines
from jaxtsad.evaluation.metrics import point_adjusted
from jaxtsad.experiments.baselines import TRIVIAL
from jaxtsad.pipeline import fitting, members
from jaxtsad.training.plan import Plan

SHARE = 0.01
LSTM = "lstm_autoencoder"
NAMES = (LSTM, "zscore", "zscore_smoothed", "pca", "knn")


class Beside(NamedTuple):
    """Rows of one detector, and the seconds it took."""

    rows: list[dict[str, Any]]
    seconds: float


def run(name: str, task: Task, preset: Preset, seeds: Sequence[int]) -> Beside:
    """Fits one of `NAMES` on the same windows and scaling, and measures it."""
    options: dict[str, Any]
    if name == LSTM:
        detector, options = LSTM, {"hidden": preset.hidden, "layers": 3}
        options["batch_size"] = preset.batch_size
    else:
        (detector, options), seeds = TRIVIAL[name], seeds[:1]
    setup = dataclasses.replace(
        task.setup,
        detector=detector,
        options=options,
        plan=Plan(epochs=preset.epochs),
    )
    recordings = [(one.name, one.train) for one in task.series]
    fitted = fitting.fit(setup, recordings, seeds=seeds)
    found: list[list[np.ndarray]] = [[] for _ in seeds]
    for part in task.tests:
        folded = members.aggregated(fitted, [part] * len(seeds))
        for own, values in zip(found, folded, strict=True):
            own.append(values)
    rows = []
    for index, seed in enumerate(seeds):
        rows += measures.rows(
            found[index],
            task.labels,
            measures.fitted(fitted.calibration[index]),
            [one.name for one in task.series],
            intervals=True,
            score="own",
            fold="mean",
            seed=seed,
        )
    assert fitted.result is not None
    return Beside(rows, fitted.result.compile_s + fitted.result.train_s)


def noise(task: Task, seeds: int = 5) -> list[dict[str, Any]]:
    """Rows of random scores that flag 1 % of the steps, and of flagging all of them."""
    names = [*(one.name for one in task.series), measures.GLUED]
    labels = [*task.labels, np.concatenate(task.labels)]
    found = []
    for name, label in zip(names, labels, strict=True):
        for seed in range(seeds):
            score = baselines.random_scores(len(label), seed)
            flags = {"quantile": (score > 1 - SHARE).astype(np.int8)}
            own = measures.measure(score, label, flags)
            own["oracle_pa_f1"] = point_adjusted.best_pa_f1(label, score).value
            found.append(_row("random", name, seed, own))
        every = {"quantile": np.ones(len(label), np.int8)}
        own = measures.measure(np.zeros(len(label)), label, every)
        found.append(_row("all_positive", name, 0, own))
    return found


def _row(
    variant: str, entity: str, seed: int, metrics: dict[str, float]
) -> dict[str, Any]:
    about = {"variant": variant, "score": "own", "fold": "mean", "seed": seed}
    return {**about, "entity": entity, "metrics": metrics}
