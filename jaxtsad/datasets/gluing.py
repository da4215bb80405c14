"""Entities laid end to end, as papers do; windows then cross from one to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxtsad.types import Series


def glue(
    series: Sequence[Series], *, name: str = "glued", drop: Sequence[str] = ()
) -> Series:
    """Concatenates entities in plain string order of their names.

    This is the layout of the arrays that many papers train on: entities that share no
    clock follow each other as if they were one recording. It belongs to the paper
    protocol only.

    Args:
        series: Entities with equally many channels, each with a labelled test part.
        name: Name of the result.
        drop: Names to leave out, such as `smap_msl.DROPPED_BY_PAPERS`. Entities without
            labels must be among them.

    Returns:
        One series; metadata "entities" holds the names in order, "train_bounds" and
        "test_bounds" where each begins and, at the end, the length.

    Raises:
        ValueError: If nothing is left, channels differ or labels are missing.

    Example:
        >>> label = np.zeros(1, np.int8)
        >>> parts = [Series(n, np.ones((2, 1)), np.ones((1, 1)), label) for n in "ba"]
        >>> glued = glue(parts)
        >>> glued.metadata["entities"], glued.metadata["train_bounds"]
        (('a', 'b'), (0, 2, 4))
    """
    parts = sorted(
        (one for one in series if one.name not in drop), key=lambda one: one.name
    )
    if not parts:
        raise ValueError(f"nothing left to glue of {[one.name for one in series]}")
    counts = sorted({one.train.shape[1] for one in parts})
    if len(counts) != 1:
        raise ValueError(f"entities must have equally many channels, got {counts}")
    tests, labels = [], []
    for one in parts:
        if one.test is None or one.labels is None:
            raise ValueError(f"{one.name!r} has no labelled test part, drop it")
        tests.append(one.test)
        labels.append(one.labels)
    train_bounds = _bounds([len(one.train) for one in parts])
    test_bounds = _bounds([len(test) for test in tests])
    return Series(
        name=name,
        train=np.concatenate([one.train for one in parts]),
        test=np.concatenate(tests),
        labels=np.concatenate(labels),
        channels=parts[0].channels,
        kinds=tuple(
            (start + first, stop + first, kind)
            for one, first in zip(parts, test_bounds, strict=False)
            for start, stop, kind in one.kinds
        ),
        metadata={
            "entities": tuple(one.name for one in parts),
            "train_bounds": train_bounds,
            "test_bounds": test_bounds,
        },
    )


def _bounds(lengths: Sequence[int]) -> tuple[int, ...]:
    return (0, *np.cumsum(lengths).tolist())
