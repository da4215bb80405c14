"""Thresholds: fitted on calibration scores, `fit(kind, calibration)`.

Each kind is a function `(scores, **options) -> value`, named in `KINDS`. What looks at
the test stream itself lies in `transductive` and `dynamic` and carries the word in its
name; `spot` and `dspot` update themselves along a stream.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from jaxtsad import types, validation
from jaxtsad.evaluation.thresholds import kinds, pot
from jaxtsad.evaluation.thresholds.threshold import Threshold, calibration_values

__all__ = ["KINDS", "Threshold", "check", "choices", "fit"]

KINDS: dict[str, Callable[..., float]] = {
    "quantile": kinds.quantile,
    "gaussian": kinds.gaussian,
    "mad": kinds.mad,
    "iqr": kinds.iqr,
    "pot": pot.value,
}


def choices(kind: str) -> dict[str, float]:
    """Options of a kind with their defaults.

    Args:
        kind: A key of `KINDS`.

    Raises:
        ValueError: If there is no such kind.

    Example:
        >>> choices("pot")
        {'q': 0.001, 'level': 0.98}
    """
    made: Any = validation.options_of(_value(kind))()
    return dataclasses.asdict(made)


def check(kind: str, options: Mapping[str, Any]) -> None:
    """Raises unless a kind is there and its options fit.

    Args:
        kind: A key of `KINDS`.
        options: Values of its options.

    Raises:
        ValueError: Naming the kind or the option, and what would be right.
    """
    validation.check_names(
        options, list(choices(kind)), f"option of threshold {kind!r}"
    )
    validation.options_of(_value(kind))(**options)


def _value(kind: str) -> Callable[..., float]:
    if kind not in list(KINDS):
        raise ValueError(
            f"threshold {kind=} is unknown; the choices are {', '.join(KINDS)}"
        )
    return KINDS[kind]


def fit(kind: str, calibration: types.Scores, **options: Any) -> Threshold:
    """Fits a threshold on calibration scores, never on test scores.

    Scores that are all equal give that number, whatever the kind, so nothing like
    them is flagged. One score is enough for every kind but "pot", which needs 20
    excesses over the median.

    Args:
        kind: "quantile" (q=0.99), "gaussian" (k=3), "mad" (k=3.5), "iqr" (k=1.5) or
            "pot" (q=1e-3, level=0.98).
        calibration: Scores `[n]` whose role is fit or validation.
        **options: Options of that kind, see `choices`.

    Returns:
        The threshold with the role it was fitted on.

    Raises:
        TypeError: If `calibration` is not `types.Scores`.
        ValueError: If its role is test, or the kind, an option or a value is unknown.

    Example:
        >>> import numpy as np
        >>> part, _ = types.cut_train(np.zeros((101, 1)), window=1, validation=0)
        >>> fit("quantile", part.scored(np.arange(101.0)), q=0.9)
        Threshold(kind='quantile', value=90.0, fitted_on='fit', options={'q': 0.9})
    """
    check(kind, options)
    values = calibration_values(calibration)
    used = {k: float(option) for k, option in (choices(kind) | options).items()}
    value = KINDS[kind](values, **used)
    if values.min() == values.max():
        value = float(values[0])
    return Threshold(kind, value, str(calibration.role), used)
