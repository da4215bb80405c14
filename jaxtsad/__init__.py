"""Deep anomaly detection in JAX and Flax: faithful, fast and honestly evaluated.

Example:
    >>> import jaxtsad
    >>> "zscore" in jaxtsad.detectors.available()
    True
"""

from __future__ import annotations

import importlib

# Importing `typing` costs more than all the rest; editors and mypy know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from jaxtsad import datasets, detectors, metrics, thresholds
    from jaxtsad.check import check_detector
    from jaxtsad.estimator import SampleDetector, TimeSeriesDetector, load
    from jaxtsad.estimator.choosing import choose
    from jaxtsad.estimator.tuning import tune

__version__ = "0.1.0"
__all__ = [
    "SampleDetector",
    "TimeSeriesDetector",
    "check_detector",
    "choose",
    "datasets",
    "detectors",
    "load",
    "metrics",
    "thresholds",
    "tune",
]

_HOMES = {
    "SampleDetector": "jaxtsad.estimator",
    "TimeSeriesDetector": "jaxtsad.estimator",
    "check_detector": "jaxtsad.check",
    "choose": "jaxtsad.estimator.choosing",
    "load": "jaxtsad.estimator",
    "tune": "jaxtsad.estimator.tuning",
}


def __getattr__(name: str) -> object:
    """Imports the public names on first use, so that importing a part stays cheap."""
    if name in _HOMES:
        offered: object = getattr(importlib.import_module(_HOMES[name]), name)
        return offered
    if name in __all__:
        return importlib.import_module(f"jaxtsad.{name}")
    raise AttributeError(f"module 'jaxtsad' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
