"""The scikit-learn style faces, for series and for samples."""

from __future__ import annotations

import os

from jaxtsad.estimator.samples import SampleDetector
from jaxtsad.estimator.series import TimeSeriesDetector
from jaxtsad.pipeline import members, saving

__all__ = ["SampleDetector", "TimeSeriesDetector", "load"]


def load(path: str | os.PathLike[str]) -> TimeSeriesDetector | SampleDetector:
    """Loads what an estimator's `save` wrote; it scores bit for bit the same.

    Raises:
        ValueError: If files are missing, corrupt, truncated or do not fit together.
    """
    fitted, parameters, channels = saving.load(path)
    if isinstance(fitted, members.Fitted):
        series = TimeSeriesDetector(**parameters)
        series.fitted_ = fitted
        series._learned(channels)
        return series
    samples = SampleDetector(**parameters)
    samples.fitted_ = fitted
    samples._learned(channels)
    return samples
