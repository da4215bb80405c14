"""Logarithmic axes: when they help, and labels that stay plain text."""

from __future__ import annotations

from typing import Any

import numpy as np


def log_suits(values: np.ndarray) -> bool:
    """Whether positive values spread so far that a linear axis would hide most.

    Example:
        >>> log_suits(np.array([1e-4, 1e-4, 2e-4, 1.0])), log_suits(np.arange(9.0))
        (True, False)
    """
    if not len(values) or values.min() <= 0:
        return False
    return bool(values.max() > 100 * np.median(values))


def log_scale(axis: Any) -> None:
    """Makes a matplotlib axis logarithmic, its labels free of mathematical type."""
    from matplotlib.ticker import NullFormatter

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())
