"""What every metric asks of its labels, flags and scores."""

from __future__ import annotations

import numpy as np


def binary(values: np.ndarray, name: str) -> np.ndarray:
    """Checks 0/1 values `[T]` and returns them as bool.

    Args:
        values: `[T]` bool, or numbers that are 0 or 1.
        name: What an error calls them, such as "labels".

    Returns:
        `[T]` bool.

    Raises:
        ValueError: If they are not one value per step, or some value is not 0 or 1.

    Example:
        >>> binary(np.array([0, 1, 1]), "labels")
        array([False,  True,  True])
    """
    values = np.asarray(values)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"{name}.shape={values.shape}, expected (T,) with T >= 1")
    if values.dtype == np.bool_:
        return values
    flags = values == 1
    wrong = ~flags & (values != 0)
    if wrong.any():
        step = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{name} must be 0 or 1, got {values[step]} at step {step}")
    return flags


def finite(scores: np.ndarray) -> np.ndarray:
    """Checks scores `[T]` and returns them as floats (float32 stays float32).

    Args:
        scores: `[T]` numbers, higher is more anomalous.

    Returns:
        `[T]` float.

    Raises:
        ValueError: If they are not one value per step or not all finite; a score that
            is NaN has no rank, so there is no number to report.
    """
    scores = np.asarray(scores)
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError(f"{scores.shape=}, expected (T,) with T >= 1")
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    if not np.isfinite(scores).all():
        step = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ValueError(f"scores must be finite, got {scores[step]} at step {step}")
    return scores


def with_scores(
    labels: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Checks labels and scores of one length; see `binary` and `finite`."""
    known, values = binary(labels, "labels"), finite(scores)
    if len(known) != len(values):
        raise ValueError(f"{len(scores)=} must equal {len(labels)=}")
    return known, values


def with_flags(labels: np.ndarray, flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Checks labels and flags of one length; see `binary`."""
    known, values = binary(labels, "labels"), binary(flags, "flags")
    if len(known) != len(values):
        raise ValueError(f"{len(flags)=} must equal {len(labels)=}")
    return known, values
