"""What a threshold is, how it is fitted, and the gates through which scores come in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxtsad import types, validation
from jaxtsad.evaluation.thresholds import budget, kinds, pot

KINDS: dict[str, Callable[..., float]] = {
    "quantile": kinds.quantile,
    "gaussian": kinds.gaussian,
    "mad": kinds.mad,
    "iqr": kinds.iqr,
    "pot": pot.value,
    "budget": budget.value,
}


@dataclasses.dataclass(frozen=True)
class Threshold:
    """A number above which a score is flagged, and where it came from.

    Attributes:
        kind: How it was found, a key of `thresholds.KINDS` or a `transductive_` name.
        value: A step is flagged if and only if its score is strictly greater.
        fitted_on: Role of the scores it was fitted on: "fit" or "validation"; a name
            with "test" in it is transductive.
        options: Every option of the kind with the value used, JSON friendly.

    Example:
        >>> Threshold("quantile", 0.5, "validation").flags(np.array([0.4, 0.5, 0.6]))
        array([0, 0, 1], dtype=int8)
    """

    kind: str
    value: float
    fitted_on: str
    options: Mapping[str, float | None] = dataclasses.field(
        default_factory=dict, hash=False
    )

    def flags(self, scores: types.Scores | np.ndarray) -> np.ndarray:
        """Flags the steps whose score is strictly greater than the threshold.

        Args:
            scores: `[T]` (or any shape), of any role.

        Returns:
            int8 array of the same shape, 1 where flagged.

        Raises:
            ValueError: If a score is not finite.
        """
        return (finite(scores) > self.value).astype(np.int8)


def finite(scores: types.Scores | np.ndarray) -> np.ndarray:
    """Scores of any role as float64, so that comparisons with a threshold are exact.

    Raises:
        ValueError: If a score is not finite.
    """
    values = scores.values if isinstance(scores, types.Scores) else scores
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise ValueError(
            f"scores must be finite, got {np.count_nonzero(~np.isfinite(values))} "
            f"of {values.size} that are not"
        )
    return values


def stream(scores: types.Scores | np.ndarray) -> np.ndarray:
    """Scores of one series, `[T]` float64, with at least one step.

    Raises:
        ValueError: If they are not one-dimensional, empty, or not finite.
    """
    values = finite(scores)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"expected scores [T] with T > 0, got {values.shape=}")
    return values


def calibration_values(calibration: types.Scores) -> np.ndarray:
    """Values `[n]` of calibration scores as float64; the gate that keeps test data out.

    Args:
        calibration: Scores whose role is fit or validation.

    Raises:
        TypeError: If `calibration` is not `types.Scores`: a bare array has no role.
        ValueError: If its role is test, or it is empty.
    """
    if not isinstance(calibration, types.Scores):
        raise TypeError(
            "calibration must be types.Scores cut for fit or validation (made by "
            f"Split.scored), got {type(calibration).__name__}"
        )
    if calibration.role not in (types.Role.FIT, types.Role.VALIDATION):
        raise ValueError(
            f"calibration scores must have role fit or validation, got "
            f"calibration.role={str(calibration.role)!r}"
        )
    return stream(calibration)


def choices(kind: str) -> dict[str, float | None]:
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

    Scores that are all equal give that number, so nothing like them is flagged; a
    budget gives one a little above, so that rounding is not either. One score is enough
    for every kind but "pot", which needs 20 excesses over the median.

    Args:
        kind: "quantile" (q=0.99), "gaussian" (k=3), "mad" (k=3.5), "iqr" (k=1.5),
            "pot" (q=1e-3, level=0.98) or "budget" (alarms_per_1000=1).
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
    used = {
        name: option if option is None else float(option)
        for name, option in (choices(kind) | options).items()
    }
    value = KINDS[kind](values, **used)
    if kind != "budget" and values.min() == values.max():
        value = float(values[0])
    return Threshold(kind, value, str(calibration.role), used)
