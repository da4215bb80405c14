"""What a row of the table is: a detector, how it is fitted, and what follows."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from benchmarks.studies.tsb_ad.protocol import Case
from jaxtsad import detectors
from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.evaluation import baselines
from jaxtsad.evaluation.scoring import smoothing

WINDOW = 40
WIDTH = 40
"""Steps of each of the two centred averages that smoothed rows go through."""
SEEDS = 5
RANDOM = "random"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a row's scores are made.

    Attributes:
        name: Of the row.
        detector: Name of the detector; `random` for uniform scores.
        parameters: Of `TimeSeriesDetector`, besides the detector.
        smooth: Width of two centred moving averages of the scores; 0 for none.
        drop_two_valued: Leaves columns out that have exactly two values in training
            (unless no other column is there).
        unsmoothed: Name of the row with the same scores, but not smoothed.
        strides: By data set another `score_stride`, where it would take too long.
    """

    name: str
    detector: str
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    smooth: int = 0
    drop_two_valued: bool = False
    unsmoothed: str = ""
    strides: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def raw(self) -> Recipe:
        """The same without smoothing, by which scores are kept."""
        name = self.unsmoothed or self.name
        return dataclasses.replace(self, name=name, smooth=0, unsmoothed="")

    @property
    def about(self) -> dict[str, Any]:
        """All that decides its scores, for the key of a stage."""
        kept = dataclasses.asdict(self)
        return kept | {"seeds": SEEDS}

    @property
    def words(self) -> str:
        """What the row is, in a line."""
        if self.detector == RANDOM:
            return f"uniform scores, the mean over {SEEDS} seeds"
        given = ", ".join(f"{k}={v!r}" for k, v in self.parameters.items())
        text = f"`TimeSeriesDetector({self.detector!r}{', ' * bool(given)}{given})`"
        if self.drop_two_valued:
            text += ", without columns of exactly two values in training"
        if self.strides:
            each = ", ".join(
                f"{value} on {name}" for name, value in self.strides.items()
            )
            text += f", score_stride={each}"
        if self.smooth:
            text += f", two centred moving averages of {self.smooth} steps"
        return text


class Scored(NamedTuple):
    """Scores of one series by one row.

    Attributes:
        scores: `[T]`, or `[S, T]` of several seeds.
        fit_seconds: Time to fit, compilation included.
        score_seconds: Time to score all rows, compilation included.
    """

    scores: np.ndarray
    fit_seconds: float
    score_seconds: float


CLOSED: dict[str, Any] = {"window": WINDOW, "score_stride": 1, "validation": 0.0}
UNGATED: dict[str, Any] = {"options": {"gate": False}}
COARSE = {"SMAP": 10}
FOUR: dict[str, Any] = {
    "options": {"members": ["pretrained_tcn", "lstm_vae", "pca", "knn"]}
}
ROWS = {
    one.name: one
    for one in (
        Recipe(RANDOM, RANDOM),
        Recipe("zscore", "zscore", CLOSED),
        Recipe("zscore_smoothed", "zscore", CLOSED, WIDTH, unsmoothed="zscore"),
        Recipe("pca", "pca", CLOSED, strides=COARSE),
        Recipe("pca_smoothed", "pca", CLOSED, WIDTH, False, "pca", COARSE),
        Recipe("pca_defaults", "pca"),
        Recipe("knn", "knn", CLOSED),
        Recipe("knn_defaults", "knn"),
        Recipe("knn_without_two_valued", "knn", CLOSED, drop_two_valued=True),
        Recipe("pretrained_tcn_without_gate", "pretrained_tcn", UNGATED),
        Recipe("ensemble_of_four", "ensemble", FOUR),
    )
}
"""Rows of other parameters than the defaults. Those without anything learned but
statistics have no early stopping, so all training rows are fitted on, but in the rows
that show what the default would do."""


def recipe(name: str) -> Recipe:
    """A row of this table by its name, or any detector with its defaults.

    Raises:
        ValueError: If it is neither.
    """
    if name in ROWS:
        return ROWS[name]
    if name not in detectors.available():
        raise ValueError(
            f"detectors: {name!r} is unknown; the choices are "
            f"{', '.join([*ROWS, *detectors.available()])}"
        )
    return Recipe(name, name)


def score(one: Recipe, case: Case) -> Scored:
    """Fits on the first `train_points` rows and scores all rows, without smoothing.

    Args:
        one: The row.
        case: The series, of which the detector sees the values alone.

    Raises:
        ValueError: If an option is bad.
    """
    values, steps = case.values, len(case.values)
    if one.detector == RANDOM:
        seeds = [baselines.random_scores(steps, seed) for seed in range(SEEDS)]
        return Scored(np.array(seeds), 0.0, 0.0)
    train = values[: case.train_points]
    if one.drop_two_valued:
        kept = several_valued(train)
        values, train = values[:, kept], train[:, kept]
    parameters = dict(one.parameters)
    if case.dataset in one.strides:
        parameters["score_stride"] = one.strides[case.dataset]
    detector = TimeSeriesDetector(one.detector, **parameters)
    began = time.perf_counter()
    detector.fit(train)
    fitted = time.perf_counter()
    scores = detector.decision_function(values)
    done = time.perf_counter()
    return Scored(np.asarray(scores), fitted - began, done - fitted)


def smoothed(one: Recipe, scores: np.ndarray) -> np.ndarray:
    """Scores `[T]` or `[S, T]` as the row has them."""
    if not one.smooth:
        return scores
    for _ in range(2):
        scores = smoothing.moving_average(scores.T, one.smooth, centered=True).T
    return scores


def several_valued(train: np.ndarray) -> np.ndarray:
    """Which columns `[C]` have not exactly two values; all, where all have two.

    Example:
        >>> several_valued(np.array([[0, 1, 5], [0, 2, 5], [1, 3, 5]]))
        array([False,  True,  True])
    """
    kept = np.array([len(np.unique(column)) != 2 for column in train.T])
    return kept if kept.any() else np.ones_like(kept)
