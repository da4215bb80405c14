"""Labeled stretches of time: spans `(start, stop, kind)` to steps and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

Span: TypeAlias = tuple[int, int, str]

MIXED = "mixed"
"""Kind of an event that was merged from spans of different kinds."""


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sorts spans and merges those that overlap.

    Spans that only touch stay apart. Merged spans of different kinds become `MIXED`.

    Example:
        >>> merged([(8, 9, "point"), (2, 6, "point"), (4, 8, "point")])
        ((2, 8, 'point'), (8, 9, 'point'))
    """
    events: list[Span] = []
    for start, stop, kind in sorted(spans):
        if events and start < events[-1][1]:
            first, last, before = events.pop()
            kind = kind if kind == before else MIXED
            start, stop = first, max(last, stop)
        events.append((start, stop, kind))
    return tuple(events)


def mark(spans: Sequence[Span], steps: int) -> np.ndarray:
    """Labels `[steps]` int8, 1 inside any of the spans (stop exclusive).

    Example:
        >>> mark([(1, 3, "point")], 4)
        array([0, 1, 1, 0], dtype=int8)
    """
    labels = np.zeros(steps, np.int8)
    for start, stop, _ in spans:
        labels[start:stop] = 1
    return labels


def runs(labels: np.ndarray, kind: str = "anomaly") -> tuple[Span, ...]:
    """The maximal runs of ones in labels `[T]`, as spans of one kind.

    Example:
        >>> runs(np.array([1, 1, 0, 1]))
        ((0, 2, 'anomaly'), (3, 4, 'anomaly'))
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels > 0, [0]])))
    pairs = edges.reshape(-1, 2).tolist()
    return tuple((start, stop, kind) for start, stop in pairs)
