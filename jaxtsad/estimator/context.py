"""Steps that came before those to score, so that short pieces have whole windows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad.datasets.reading import clock
from jaxtsad.datasets.reading.recording import DataWarning, Recording
from jaxtsad.datasets.reading.tables import Options
from jaxtsad.pipeline import inputs

WINDOWS = 2
"""So many windows of earlier steps are used: all that cover a step to score."""


def with_earlier(
    given: inputs.Recordings,
    context: Any,
    options: Options,
    window: int,
    before: int = 0,
) -> list[Recording]:
    """Recordings with the steps before them, as many as scores depend on.

    Args:
        given: The recordings to score.
        context: Earlier steps of each, in the shape of what was given; None for none.
        options: How frames are read.
        window: Window length L in steps.
        before: Steps before one that a score head sees of it.

    Raises:
        ValueError: If there are not as many as recordings, or channels differ.
        DataWarning: A warning, where a recording is then still shorter than a window.
    """
    longer = list(given.series)
    if context is not None:
        earlier = inputs.recordings(context, options)
        if earlier.keys != given.keys or len(earlier.series) != len(longer):
            raise ValueError(
                f"context holds {len(earlier.series)} series, {len(longer)} are to be "
                "scored; give earlier steps of each, in the same shape"
            )
        pairs = zip(earlier.series, longer, strict=True)
        most, gap = WINDOWS * window + before, options.max_gap
        longer = [_joined(before, one, most, gap) for before, one in pairs]
    short = [one for one in longer if len(one) < window]
    if short:
        warnings.warn(
            f"{short[0].name!r} has {len(short[0])} steps, shorter than one window of "
            f"{window}: what came before steps like these in training is put before "
            "them, and its scores are rough; give the steps before it as context=",
            DataWarning,
            stacklevel=5,
        )
    return longer


def without_earlier(
    given: inputs.Recordings, results: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Results of the steps to score alone."""
    return [
        values[len(values) - len(one) :]
        for one, values in zip(given.series, results, strict=True)
    ]


def _joined(
    before: Recording, one: Recording, most: int, max_gap: str | float | None
) -> Recording:
    earlier = before.ordered(one.channels)
    tail = earlier.part(slice(max(0, len(earlier) - most), None))
    time = None
    if tail.time is not None and one.time is not None:
        time = np.concatenate([tail.time, one.time])
    return Recording(
        np.concatenate([tail.values, one.values]),
        one.channels,
        time,
        name=one.name,
        breaks=() if max_gap is None else clock.breaks_of(time, max_gap),
    )
