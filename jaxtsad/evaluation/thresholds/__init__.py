"""Thresholds: fitted on calibration scores, `fit(kind, calibration)`.

Each kind is a function `(scores, **options) -> value`, named in `KINDS`. What looks at
the test stream itself lies in `transductive` and `dynamic` and carries the word in its
name; `spot` and `dspot` update themselves along a stream.
"""

from __future__ import annotations

from jaxtsad.evaluation.thresholds.threshold import (
    KINDS,
    Threshold,
    check,
    choices,
    fit,
)

__all__ = ["KINDS", "Threshold", "check", "choices", "fit"]
