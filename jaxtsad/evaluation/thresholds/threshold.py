"""What a fitted threshold is, and the gates through which scores come in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from jaxtsad import types


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
    options: Mapping[str, float] = dataclasses.field(default_factory=dict, hash=False)

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
