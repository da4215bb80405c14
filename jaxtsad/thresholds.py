"""Thresholds by name: from calibration scores to the value above which is flagged.

`fit(kind, calibration)` makes any of `KINDS`; `spot` and `dspot` are modules of
thresholds that update themselves along a stream. What looks at the test scores
themselves says so in its name (`transductive_`).

Example:
    >>> tuple(KINDS)
    ('quantile', 'gaussian', 'mad', 'iqr', 'pot', 'budget')
    >>> choices("mad")
    {'k': 3.5}
"""

from __future__ import annotations

from jaxtsad.evaluation.thresholds import KINDS, Threshold, choices, dspot, fit, spot
from jaxtsad.evaluation.thresholds.dynamic import (
    transductive_dynamic,
)
from jaxtsad.evaluation.thresholds.transductive import (
    transductive_quantile,
)

__all__ = [
    "KINDS",
    "Threshold",
    "choices",
    "dspot",
    "fit",
    "spot",
    "transductive_dynamic",
    "transductive_quantile",
]


def __dir__() -> list[str]:
    return list(__all__)
