"""Scores of a series that comes in chunks, the same as if it had come whole."""

from __future__ import annotations

import numpy as np

from jaxtsad import types
from jaxtsad.datasets.reading import screening
from jaxtsad.pipeline import scoring
from jaxtsad.pipeline.members import Fitted, subset


class ChunkedScores:
    """Scores one long series of which a few windows are held at a time.

    A step's score is given as soon as every window that covers it is there. Cells
    missing in the whole of the first chunk count as the middle of the training values,
    where a whole series would take their first later value.

    Args:
        fitted: Trained members, of series.
        member: Which of them to score with.

    Raises:
        ValueError: If the members have score heads.
    """

    def __init__(self, fitted: Fitted, member: int) -> None:
        if fitted.head is not None:
            raise ValueError(
                f"head={fitted.setup.head!r} needs the whole series; give it in one "
                "piece, or fit with head='none'"
            )
        self._fitted = subset(fitted, [member])
        self._window = fitted.setup.window
        self._stride = fitted.setup.scoring_stride
        self._values = np.zeros((0, fitted.layout.channels))
        self._last: np.ndarray | None = None
        self._start = self._given = 0

    def add(self, values: np.ndarray) -> np.ndarray:
        """Takes the next steps `[T, C]` and gives the scores `[T']` known by now."""
        middle = self._fitted.scalers[0].middle
        filled, _ = screening.screen(values, before=self._last, fill=middle)
        self._last = filled[-1]
        self._values = np.concatenate([self._values, filled])
        # The window at the end of what is there is not one of the whole series.
        known = self._start + len(self._values) - self._window
        if known <= self._given:
            return np.zeros(0, np.float32)
        scores = self._scores()[self._given - self._start : known - self._start]
        self._given = known
        first = max(0, self._given - self._window + 1) // self._stride * self._stride
        self._values = self._values[first - self._start :]
        self._start = first
        return scores

    def finish(self) -> np.ndarray:
        """The scores `[T']` of the last steps."""
        if not len(self._values):
            return np.zeros(0, np.float32)
        return self._scores()[self._given - self._start :]

    def _scores(self) -> np.ndarray:
        part = self._fitted.scalers[0].apply(types.cut_test(self._values))
        first = self._start // self._stride
        return scoring.detected(self._fitted, [part], first=[first])[0]
