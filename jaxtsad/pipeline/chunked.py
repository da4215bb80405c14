"""Scores of a series that comes in chunks, the same as if it had come whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad import blocks, types
from jaxtsad.datasets.reading import screening
from jaxtsad.ops.windows import ALIGNED
from jaxtsad.pipeline import ensembles, heads, scoring
from jaxtsad.pipeline.members import Fitted, subset


def scores(fitted: Fitted, member: int, values: Any) -> np.ndarray:
    """Scores `[T]` of a series on disk, read some steps at a time.

    Args:
        fitted: Trained members, of series.
        member: Which of them to score with.
        values: A `DiskArray [T, C]`, in units of the data.
    """
    chunks = ChunkedScores(fitted, member)
    made = [chunks.add(rows) for rows in blocks.blocks(values)]
    return np.concatenate([*made, chunks.finish()])


class ChunkedScores:
    """Scores one long series of which a few windows are held at a time.

    A step's score is given as soon as every window that covers it is there, and every
    step that a score head looks at. Cells missing in the whole of the first chunk count
    as the middle of the training values, where a whole series would take their first
    later value.

    Args:
        fitted: Trained members, of series.
        member: Which of them to score with.
    """

    def __init__(self, fitted: Fitted, member: int) -> None:
        self._fitted = subset(fitted, [member])
        self._components = [
            (ChunkedScores(one, 0), np.zeros(0, np.float32))
            for one in self._fitted.components
        ]
        if self._components:
            return
        window, reach = fitted.setup.window, fitted.detector.reach
        self._stride = ALIGNED if reach else fitted.setup.scoring_stride
        self._before, self._after = reach or window - 1, reach or window
        self._values = np.zeros((0, fitted.layout.channels))
        self._last: np.ndarray | None = None
        self._start = self._given = 0
        self._head = None if fitted.head is None else _ChunkedHead(self._fitted)

    def add(self, values: np.ndarray) -> np.ndarray:
        """Takes the next steps `[T, C]` and gives the scores `[T']` known by now."""
        if self._components:
            return self._joined([one.add(values) for one, _ in self._components])
        middle = self._fitted.scalers[0].middle
        filled, _ = screening.screen(values, before=self._last, fill=middle)
        self._last = filled[-1]
        self._values = np.concatenate([self._values, filled])
        # The window at the end of what is there is not one of the whole series; a
        # detector of whole series sees so many steps beyond each.
        known = max(self._given, self._start + len(self._values) - self._after)
        outputs = self._outputs(known)
        first = max(0, self._given - self._before) // self._stride * self._stride
        self._values = self._values[first - self._start :]
        self._start = first
        if self._head is None:
            return outputs
        return self._head.add(self._scaled(filled).values, outputs)

    def finish(self) -> np.ndarray:
        """The scores `[T']` of the last steps."""
        if self._components:
            return self._joined([one.finish() for one, _ in self._components])
        outputs = self._outputs(self._start + len(self._values))
        return outputs if self._head is None else self._head.finish(outputs)

    def _joined(self, more: Sequence[np.ndarray]) -> np.ndarray:
        """Scores of the steps that all members of an ensemble have scored by now."""
        known = [
            np.concatenate([before, after])
            for (_, before), after in zip(self._components, more, strict=True)
        ]
        ready = min(len(scores) for scores in known)
        self._components = [
            (one, scores[ready:])
            for (one, _), scores in zip(self._components, known, strict=True)
        ]
        if not ready:
            return known[0][:0]
        each = [([scores[:ready]], None) for scores in known]
        return ensembles.outputs(self._fitted.setup, self._fitted.joint, each)[0]

    def _outputs(self, stop: int) -> np.ndarray:
        """What the detector gives of the steps from those given to another."""
        output = heads.source(self._fitted.setup)
        if stop == self._given:
            more = self._fitted.layout.shape if output == "explain" else ()
            return np.zeros((0, *more), np.float32)
        part, first = self._scaled(self._values), self._start // self._stride
        [made] = scoring.detected(self._fitted, [part], output, [first])
        outputs = made[self._given - self._start : stop - self._start]
        self._given = stop
        return outputs

    def _scaled(self, values: np.ndarray) -> types.Split:
        return self._fitted.scalers[0].apply(types.cut_test(values))


class _ChunkedHead:
    """The score head of one member, of a series that comes in chunks."""

    def __init__(self, fitted: Fitted) -> None:
        assert fitted.head is not None
        self._setup, self._head = fitted.setup, fitted.head
        self._before, self._after = heads.reach(fitted.setup, fitted.head)[0]
        self._values = np.zeros((0, fitted.layout.channels), np.float32)
        self._outputs: list[np.ndarray] = []
        self._given = 0

    def add(self, values: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Takes scaled values and what the detector gives of as many steps or fewer."""
        self._values = np.concatenate([self._values, values])
        self._outputs.append(outputs)
        return self._scores(self._after)

    def finish(self, outputs: np.ndarray) -> np.ndarray:
        """The scores of the last steps."""
        self._outputs.append(outputs)
        return self._scores(0)

    def _scores(self, after: int) -> np.ndarray:
        outputs = np.concatenate(self._outputs)
        stop = len(outputs) - after
        if stop <= self._given:
            self._outputs = [outputs]
            return np.zeros(0, np.float32)
        part = types.cut_test(self._values[: len(outputs)])
        [made] = heads.apply(self._setup, self._head, [part], [outputs])
        scores = made[self._given : stop]
        drop = max(0, stop - self._before) // ALIGNED * ALIGNED
        self._values, self._outputs = self._values[drop:], [outputs[drop:]]
        self._given = stop - drop
        return scores
