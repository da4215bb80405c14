"""True events and flagged ones: what was hit, how late, what was a false alarm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class TrueEvent(NamedTuple):
    """A true event and how it fared.

    Attributes:
        start: First anomalous step.
        stop: First step after the event.
        kind: What kind of anomaly it is, empty if unknown.
        hit: Whether a flagged event overlaps it.
        delay: Steps from its start to the first flagged step within it; None if missed.
    """

    start: int
    stop: int
    kind: str
    hit: bool
    delay: int | None


def true_events(
    events: Iterable[Sequence[object]], flagged: np.ndarray
) -> list[TrueEvent]:
    """Looks each true event up among the flagged ones.

    Args:
        events: True events as `(start, stop)` or `(start, stop, kind)`.
        flagged: `[E, 2]` flagged events `[start, stop)`.

    Returns:
        One entry per true event, in order of time.

    Example:
        >>> flagged = np.array([[0, 3], [12, 14]])
        >>> for event in true_events([(10, 20, "spike"), (30, 31)], flagged):
        ...     print(event.kind, event.hit, event.delay)
        spike True 2
         False None
    """
    flagged = np.asarray(flagged, np.int64).reshape(-1, 2)
    matched = []
    for event in events:
        start, stop = int(str(event[0])), int(str(event[1]))
        kind = str(event[2]) if len(event) > 2 else ""
        inside = (flagged[:, 0] < stop) & (flagged[:, 1] > start)
        first = flagged[inside, 0].min() if inside.any() else None
        delay = None if first is None else max(int(first) - start, 0)
        matched.append(TrueEvent(start, stop, kind, first is not None, delay))
    return sorted(matched)


def are_true(flagged: np.ndarray, events: Iterable[Sequence[object]]) -> np.ndarray:
    """Which flagged events overlap a true one; the others are false alarms.

    Args:
        flagged: `[E, 2]` flagged events `[start, stop)`.
        events: True events as `(start, stop, ...)`.

    Returns:
        `[E]` bool.

    Example:
        >>> are_true(np.array([[0, 3], [12, 14]]), [(10, 20, "spike")])
        array([False,  True])
    """
    flagged = np.asarray(flagged, np.int64).reshape(-1, 2)
    hit = np.zeros(len(flagged), dtype=bool)
    for event in events:
        start, stop = int(str(event[0])), int(str(event[1]))
        hit |= (flagged[:, 0] < stop) & (flagged[:, 1] > start)
    return hit
