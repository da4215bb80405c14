"""Detectors that are solved in `init`, or on the host, and take no steps."""

from __future__ import annotations

from collections.abc import Callable

from jaxtsad.ops.windows import WindowView
from jaxtsad.types import (
    Array,
    Batch,
    Clock,
    Detector,
    Key,
    Metrics,
    PyTree,
    State,
)


def advance(
    key: Key, state: State, source: WindowView, clock: Clock
) -> tuple[State, Metrics]:
    """`Detector.advance` where nothing is left to do."""
    del key, source, clock
    return state, {}


def solved(
    init: Callable[[Key, WindowView], State],
    explain: Callable[[Array, PyTree, Batch], Array],
) -> Detector:
    """A detector whose score `[B, L]` is the sum of what its channels explain.

    Args:
        init: Solves it.
        explain: Each channel's part `[B, L, C]`.
    """

    def score(keys: Array, model: PyTree, batch: Batch) -> Array:
        return explain(keys, model, batch).sum(axis=-1)

    return Detector(
        steps=lambda source: 0,
        init=init,
        advance=advance,
        score=score,
        explain=explain,
    )
