"""Label, flag and score arrays that several metric tests draw from."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from jaxtsad.evaluation import segments


def bits(text: str) -> np.ndarray:
    return np.array([int(letter) for letter in text])


def labels_with_events(steps: int, events: list[tuple[int, int]]) -> np.ndarray:
    return segments.flags_of(np.array(events), steps)


@st.composite
def labels_flags_scores(draw, both_classes: bool = True):
    """Runs of labels, unrelated flags, and scores with ties."""
    runs = draw(st.lists(st.integers(1, 6), min_size=2, max_size=9))
    first = draw(st.integers(0, 1))
    labels = np.repeat((np.arange(len(runs)) + first) % 2, runs)
    if not both_classes and draw(st.booleans()):
        labels[:] = draw(st.integers(0, 1))
    size = {"min_size": len(labels), "max_size": len(labels)}
    flags = np.array(draw(st.lists(st.integers(0, 1), **size)))
    scores = np.array(draw(st.lists(st.integers(-6, 6), **size))) / 2
    return labels, flags, scores
