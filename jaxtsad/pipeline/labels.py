"""Known anomalies of recordings, as steps or events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxtsad.datasets.reading import marks
from jaxtsad.pipeline.inputs import Recordings


def steps(y: Any, given: Recordings) -> list[np.ndarray] | None:
    """Reads which steps of recordings are known anomalies.

    Args:
        y: Of one series its labels or events, by row or by time stamp (see
            `datasets.reading.marks.steps`); of several a list or a mapping of these,
            like the recordings; None for no labels.
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
        marks.steps(series, labels)
        for series, labels in zip(given.series, each, strict=True)
    ]
