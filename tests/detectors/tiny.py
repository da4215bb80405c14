"""Estimators of the small configs that detectors export for their tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest

from jaxtsad import detectors
from jaxtsad.estimator import TimeSeriesDetector

STEPS = 400
"""Of what they are fitted on: recordings of one length share their programs."""
SHOWN = ("zscore", "pca", "knn", "ar", "iforest", "ensemble")
SHOWN += ("lstm_autoencoder", "anomaly_transformer", "pretrained_tcn")


def each(names: Iterable[str]) -> list[Any]:
    """Parameters of a test of detectors: by default those of each kind.

    Compiling costs: closed forms, a recurrent network, a transformer and the default
    detector show how a mechanism is used; the others are tested by the slow command.
    """
    return [
        pytest.param(name, marks=[] if name in SHOWN else [pytest.mark.slow])
        for name in names
    ]


def estimator(name: str, **more: Any) -> TimeSeriesDetector:
    """One epoch of a detector's `TINY`, not fitted."""
    config = detectors.module(name).TINY
    options = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in ("window", "channels", "layout")
    }
    return TimeSeriesDetector(
        name, window=config.window, options=options, epochs=1, stop="none", **more
    )
