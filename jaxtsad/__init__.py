"""Deep anomaly detection in JAX and Flax: faithful, fast and honestly evaluated.

Example:
    >>> import jaxtsad
    >>> "zscore" in jaxtsad.detectors.available()
    True
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["SampleDetector", "TimeSeriesDetector", "detectors", "load"]

_LAZY = dict.fromkeys(
    ("SampleDetector", "TimeSeriesDetector", "load"), "jaxtsad.estimator"
)


def __getattr__(name: str) -> Any:
    """Imports the public names on first use, so that importing a part stays cheap."""
    if name == "detectors":
        return importlib.import_module("jaxtsad.detectors")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'jaxtsad' has no attribute {name!r}")
