"""The scikit-learn style faces, for series and for samples."""

from __future__ import annotations

import os

from jaxtsad.estimator.samples import SampleDetector
from jaxtsad.estimator.series import TimeSeriesDetector
from jaxtsad.pipeline import saving
from jaxtsad.training import compilations

__all__ = ["SampleDetector", "TimeSeriesDetector", "load"]

compilations.keep()


def load(path: str | os.PathLike[str]) -> TimeSeriesDetector | SampleDetector:
    """Loads what an estimator's `save` wrote; it scores bit for bit the same.

    Raises:
        ValueError: If files are missing, corrupt, truncated or do not fit together.
    """
    fitted, parameters, channels = saving.load(path)
    kind = TimeSeriesDetector if fitted.setup.series else SampleDetector
    try:
        estimator = kind(**parameters)
    except TypeError as error:
        raise ValueError(
            f"the detector saved in {str(path)!r} has parameters that are none: {error}"
        ) from None
    estimator.fitted_ = fitted
    estimator._learned(channels)
    return estimator
