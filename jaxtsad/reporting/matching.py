"""True events beside found ones: what was hit, how late, and what was a false alarm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Truth(NamedTuple):
    """A true event and how it fared.

    Attributes:
        start: First anomalous step.
        stop: First step after the event.
        kind: What kind of anomaly it is, empty if unknown.
        hit: Whether a found event overlaps it.
        delay: Steps from its start to the first flagged step within it; None if missed.
    """

    start: int
    stop: int
    kind: str
    hit: bool
    delay: int | None


def truths(events: Iterable[Sequence[object]], found: np.ndarray) -> list[Truth]:
    """Looks each true event up among the found ones.

    Args:
        events: True events as `(start, stop)` or `(start, stop, kind)`.
        found: `[E, 2]` found events `[start, stop)`.

    Returns:
        One entry per true event, in order of time.

    Example:
        >>> found = np.array([[0, 3], [12, 14]])
        >>> for event in truths([(10, 20, "spike"), (30, 31)], found):
        ...     print(event.kind, event.hit, event.delay)
        spike True 2
         False None
    """
    found = np.asarray(found, np.int64).reshape(-1, 2)
    matched = []
    for event in events:
        start, stop = int(str(event[0])), int(str(event[1]))
        kind = str(event[2]) if len(event) > 2 else ""
        inside = (found[:, 0] < stop) & (found[:, 1] > start)
        first = found[inside, 0].min() if inside.any() else None
        delay = None if first is None else max(int(first) - start, 0)
        matched.append(Truth(start, stop, kind, first is not None, delay))
    return sorted(matched)


def touches(found: np.ndarray, events: Iterable[Sequence[object]]) -> np.ndarray:
    """Which found events overlap a true one; the others are false alarms.

    Args:
        found: `[E, 2]` found events `[start, stop)`.
        events: True events as `(start, stop, ...)`.

    Returns:
        `[E]` bool.

    Example:
        >>> touches(np.array([[0, 3], [12, 14]]), [(10, 20, "spike")])
        array([False,  True])
    """
    found = np.asarray(found, np.int64).reshape(-1, 2)
    hit = np.zeros(len(found), dtype=bool)
    for event in events:
        start, stop = int(str(event[0])), int(str(event[1]))
        hit |= (found[:, 0] < stop) & (found[:, 1] > start)
    return hit
