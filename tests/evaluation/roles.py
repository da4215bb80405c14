"""Scores with a role, from values."""

from __future__ import annotations

import numpy as np

from jaxtsad import types


def calibration(values: np.ndarray) -> types.Scores:
    """Scores whose role is fit."""
    values = np.asarray(values)
    part, _ = types.cut_train(values[:, None], window=1, validation=0)
    return part.scored(values)


def validation(values: np.ndarray) -> types.Scores:
    """Scores whose role is validation."""
    values = np.asarray(values)
    recording = np.zeros((2 * len(values), 1))
    _, part = types.cut_train(recording, window=1, validation=0.5)
    assert part is not None
    return part.scored(values)


def unseen(values: np.ndarray) -> types.Scores:
    """Scores whose role is test."""
    values = np.asarray(values)
    return types.cut_test(values[:, None]).scored(values)
