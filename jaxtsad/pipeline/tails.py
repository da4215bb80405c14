"""Levels: scores as -log10 of their tail probability among calibration scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxtsad.evaluation.scoring import tail
from jaxtsad.evaluation.scoring.tail import Calibration
from jaxtsad.training import arrays
from jaxtsad.types import Array


def fit(scores: Sequence[np.ndarray], floor: float, members: str) -> Calibration:
    """Learns how calibration scores `[T]` of members are distributed, stacked `[M]`.

    Args:
        scores: Of each member.
        floor: Least deviation.
        members: How members share a program (see `training.fleet.lift`).
    """
    items = [(each,) for each in scores]
    made = arrays.run(tail.calibrate, (("floor", floor),), items, (), members)
    calibration: Calibration = stacked(made)
    return calibration


def calibration_template(members: int) -> Any:
    """Shapes of how the calibration scores of members are distributed."""

    def empty(*shape: int) -> Any:
        return jax.ShapeDtypeStruct((members, *shape), np.float32)

    knots = empty(tail.KNOTS)
    return Calibration(empty(), empty(), knots, knots, empty())


def check_calibration(made: Calibration) -> None:
    """The same of how calibration scores are distributed."""
    increasing: list[Any] = [np.diff(made.knots), np.diff(made.levels)]
    positive = [made.deviation, made.slope, made.levels, *increasing]
    if not all((each > 0).all() for each in positive) or not all(
        np.isfinite(each).all() for each in made
    ):
        raise ValueError("a calibration's numbers are not those of one")


def levels_of(
    calibration: Calibration, scores: Sequence[np.ndarray], members: str
) -> list[np.ndarray]:
    """Calibrated scores `[T]` of each member."""
    items = [(each,) for each in scores]
    levels = arrays.run(_level, (), items, (calibration,), members)
    return [level[: len(each)] for level, each in zip(levels, scores, strict=True)]


def _level(calibration: Calibration, scores: Array, length: Array) -> Array:
    del length
    return tail.calibrated(calibration, scores)


def stacked(trees: Sequence[Any]) -> Any:
    """Trees of members as one, stacked `[M, ...]`."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)
