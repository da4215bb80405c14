"""Scores of several channels made one, by mean, maximum or calibration ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from jaxtsad import types
from jaxtsad.evaluation.thresholds.threshold import calibration_values

COMBINATIONS = ("mean", "max", "rank")


def ranks(scores: np.ndarray, calibration: types.Scores) -> np.ndarray:
    """Share of the calibration scores that each score reaches or surpasses.

    Args:
        scores: `[T]`.
        calibration: Scores whose role is fit or validation.

    Returns:
        `[T]` in [0, 1]; 1 for everything from the largest calibration score on.

    Example:
        >>> part, _ = types.cut_train(np.zeros((4, 1)), window=1, validation=0)
        >>> ranks(np.array([0.0, 2.0, 9.0]), part.scored(np.arange(1.0, 5.0)))
        array([0. , 0.5, 1. ])
    """
    values = np.sort(calibration_values(calibration))
    return np.searchsorted(values, scores, side="right") / len(values)


def combine(
    channels: Sequence[types.Scores],
    how: Literal["mean", "max", "rank"] = "mean",
    calibration: Sequence[types.Scores] | None = None,
) -> types.Scores:
    """Makes one score of several channels' scores.

    Args:
        channels: C scores `[T]` of one length and role.
        how: "mean", "max", or "rank", the mean of the ranks among the calibration
            scores of each channel, which does not mind different scales.
        calibration: C calibration scores; for "rank" only.

    Returns:
        Scores `[T]` with the role of the channels.

    Raises:
        ValueError: If the channels do not fit each other, `how` is unknown, or
            calibration scores are missing.

    Example:
        >>> part = types.cut_test(np.zeros((2, 2)))
        >>> channels = [part.scored(np.array([0.0, 1.0])), part.scored(np.ones(2))]
        >>> combine(channels, "mean")
        Scores(series, test, (2,))
    """
    if how not in COMBINATIONS:
        raise ValueError(
            f"{how=} is unknown; the choices are {', '.join(COMBINATIONS)}"
        )
    shapes = {(len(channel), str(channel.role)) for channel in channels}
    if len(shapes) != 1:
        raise ValueError(
            f"channels must share length and role, got {sorted(shapes)} "
            f"for {len(channels)} channels"
        )
    values = [channel.values for channel in channels]
    if how == "rank":
        if calibration is None or len(calibration) != len(channels):
            given = None if calibration is None else len(calibration)
            raise ValueError(
                f"{how=} needs calibration scores for each of {len(channels)} "
                f"channels, got {given}"
            )
        values = [ranks(v, c) for v, c in zip(values, calibration, strict=True)]
    one = np.max(values, axis=0) if how == "max" else np.mean(values, axis=0)
    return channels[0].map(lambda _: one)
