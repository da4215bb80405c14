"""Metrics of the chosen variant and of what stands beside it, entity by entity."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxtsad.evaluation import baselines
from jaxtsad.evaluation.metrics import point, vus
from jaxtsad.experiments.baselines import TRIVIAL
from jaxtsad.pipeline import fitting, members, scoring
from jaxtsad.pipeline.setup import Setup
from jaxtsad.types import Series

METRICS = ("auc_roc", "auc_pr", "vus_pr")
BASELINES = ("zscore", "zscore_smoothed", "pca", "knn")
FIT_WINDOWS = 500
WINDOW = 100

Values = dict[str, list[float]]
"""By metric, one value per entity."""


def measured(labels: Sequence[np.ndarray], scores: Sequence[np.ndarray]) -> Values:
    """Areas of each entity's scores.

    Example:
        >>> label = np.repeat([0, 1, 0], [40, 10, 50])
        >>> measured([label], [label * 1.0])["auc_pr"]
        [1.0]
    """
    found: Values = {name: [] for name in METRICS}
    for label, score in zip(labels, scores, strict=True):
        values = np.asarray(score, np.float64)
        found["auc_roc"].append(float(point.auc_roc(label, values)))
        found["auc_pr"].append(float(point.auc_pr(label, values)))
        found["vus_pr"].append(vus.vus(label, values).pr)
    return found


def trivial(name: str, series: Sequence[Series], setup: Setup) -> list[np.ndarray]:
    """Scores `[T]` of one of `BASELINES`, a model for each entity."""
    detector, options = TRIVIAL[name]
    longest = max(len(one.train) for one in series)
    own = dataclasses.replace(
        setup,
        detector=detector,
        options=options,
        window=WINDOW,
        score_stride=WINDOW // 4,
        stride=max(1, longest // FIT_WINDOWS),
        clip_values=None,
    )
    fitted = fitting.fit(own, [(one.name, one.train) for one in series])
    tests = [
        members.test_part(fitted, index, one.name, np.asarray(one.test))
        for index, one in enumerate(series)
    ]
    return scoring.aggregated(fitted, tests)


def random(labels: Sequence[np.ndarray], seeds: int = 5) -> Values:
    """Areas of random scores, means over draws."""
    drawn = [
        measured(labels, [baselines.random_scores(len(one), seed) for one in labels])
        for seed in range(seeds)
    ]
    return {
        name: np.mean([one[name] for one in drawn], axis=0).tolist() for name in METRICS
    }


def all_positive(labels: Sequence[np.ndarray]) -> Values:
    """Areas of one score for every step."""
    return measured(labels, [np.zeros(len(one)) for one in labels])
