from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.datasets import gluing
from jaxtsad.types import Series


def series(name: str, train: int, test: int, width: int = 2) -> Series:
    labels = np.zeros(test, np.int8)
    labels[1] = 1
    return Series(
        name=name,
        train=np.full((train, width), train, np.float32),
        test=np.full((test, width), test, np.float32),
        labels=labels,
        channels=("a", "b"),
        kinds=((1, 2, "point"),),
    )


def test_entities_follow_each_other_in_plain_string_order() -> None:
    glued = gluing.glue([series("A-2", 2, 3), series("A-10", 4, 5)], "both")
    assert glued.name == "both" and glued.channels == ("a", "b")
    assert glued.train[:, 0].tolist() == [4, 4, 4, 4, 2, 2]
    assert glued.test is not None and len(glued.test) == 8
    assert glued.labels is not None
    assert glued.labels.tolist() == [0, 1, 0, 0, 0, 0, 1, 0]
    assert glued.kinds == ((1, 2, "point"), (6, 7, "point"))
    assert glued.metadata["channel_bounds"] == {
        "A-10": {"train": (0, 4), "test": (0, 5)},
        "A-2": {"train": (4, 6), "test": (5, 8)},
    }


def test_entities_can_be_dropped() -> None:
    glued = gluing.glue([series("a", 2, 3), series("b", 4, 5)], drop=("b", "c"))
    assert list(glued.metadata["channel_bounds"]) == ["a"]


def test_what_cannot_be_glued() -> None:
    with pytest.raises(ValueError, match=r"equally many channels, got \[2, 3\]"):
        gluing.glue([series("a", 2, 3), series("b", 2, 3, width=3)])
    with pytest.raises(ValueError, match=r"got \[\]"):
        gluing.glue([series("a", 2, 3)], drop=("a",))
    unlabeled = Series("c", np.ones((3, 2), np.float32))
    with pytest.raises(ValueError, match="1 of 2 entities have a test part"):
        gluing.glue([series("a", 2, 3), unlabeled])
    glued = gluing.glue([unlabeled])
    assert glued.test is None and glued.labels is None
