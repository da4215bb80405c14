"""Known anomalies of recordings, as steps or events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxtsad.pipeline.inputs import Recordings


def steps(y: Any, given: Recordings) -> list[np.ndarray] | None:
    """Reads which steps of recordings are known anomalies.

    Args:
        y: Of one series its labels `[T]`, 1 for a known anomaly and 0 for unlabelled,
            or its events `[(start, stop), ...]`, stop exclusive; of several a list or
            a mapping of these, like the recordings; None for no labels.
        given: The recordings.

    Returns:
        `[T]` bool of each series, or None where nothing is labelled.

    Raises:
        ValueError: If labels are not 0 or 1, events lie outside their series, or there
            are not as many as series.
    """
    if y is None:
        return None
    if given.single:
        each = [y]
    elif isinstance(y, Mapping):
        unknown = set(map(str, y)) - {series.name for series in given.series}
        if unknown:
            raise ValueError(f"y labels {sorted(unknown)[0]!r}, which is no series")
        named = {str(key): value for key, value in y.items()}
        each = [named.get(series.name, []) for series in given.series]
    else:
        each = list(y)
        if len(each) != len(given.series):
            raise ValueError(
                f"y labels {len(each)} series, {len(given.series)} were given"
            )
    return [
        _of_series(series.name, len(series.values), labels)
        for series, labels in zip(given.series, each, strict=True)
    ]


def _of_series(name: str, length: int, labels: Any) -> np.ndarray:
    values = np.asarray(labels)
    if values.shape == (length,):
        if not np.isin(values, (0, 1)).all():
            odd = values[~np.isin(values, (0, 1))][0]
            raise ValueError(
                f"y of {name!r} holds {odd}; expected 1 for a known anomaly, 0 for "
                "unlabelled"
            )
        return values.astype(bool)
    flags = np.zeros(length, bool)
    if values.size == 0:
        return flags
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(
            f"y of {name!r} has the shape {values.shape}; expected ({length},) labels "
            "or events (start, stop)"
        )
    for start, stop in values:
        if not 0 <= start < stop <= length:
            raise ValueError(
                f"event ({start}, {stop}) of {name!r} is not within its {length} steps"
            )
        flags[int(start) : int(stop)] = True
    return flags
