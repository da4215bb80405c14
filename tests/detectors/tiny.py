"""Estimators of the small configs that detectors export for their tests."""

from __future__ import annotations

import dataclasses
from typing import Any

from jaxtsad import detectors
from jaxtsad.estimator import TimeSeriesDetector


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
