"""Entities laid end to end, as papers do; windows then cross from one to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxtsad.types import Series


def glue(
    series: Sequence[Series], name: str = "glued", *, drop: Sequence[str] = ()
) -> Series:
    """Concatenates entities in plain string order of their names.

    This is the layout of the arrays that many papers train on: entities that share no
    clock follow each other as if they were one recording. It belongs to the paper
    protocol only.

    Args:
        series: Entities with equally many channels; all have a test part and labels, or
            none has.
        name: Name of the result.
        drop: Names to leave out, such as `smap_msl.DROPPED_BY_PAPERS`.

    Returns:
        One series. Metadata "channel_bounds" holds, by entity, the steps
        `{"train": (start, stop), "test": (start, stop)}` that are its own.

    Raises:
        ValueError: If nothing is left, channel counts differ, or only some entities
            have a test part or labels.

    Example:
        >>> parts = [Series(name, np.ones((2, 1))) for name in "ba"]
        >>> glue(parts).metadata["channel_bounds"]
        {'a': {'train': (0, 2)}, 'b': {'train': (2, 4)}}
    """
    parts = [part for part in series if part.name not in drop]
    parts.sort(key=lambda part: part.name)
    counts = sorted({part.train.shape[1] for part in parts})
    if len(counts) != 1:
        raise ValueError(f"entities must have equally many channels, got {counts}")
    tests = [part.test for part in parts if part.test is not None]
    labels = [part.labels for part in parts if part.labels is not None]
    if not len(tests) == len(labels) in (0, len(parts)):
        raise ValueError(
            f"{len(tests)} of {len(parts)} entities have a test part and {len(labels)} "
            "have labels, expected all or none; drop those without"
        )
    bounds: dict[str, dict[str, tuple[int, int]]] = {part.name: {} for part in parts}
    kinds, first = [], {"train": 0, "test": 0}
    for part in parts:
        kinds += [
            (start + first["test"], stop + first["test"], kind)
            for start, stop, kind in part.kinds
        ]
        for role, values in (("train", part.train), ("test", part.test)):
            if values is not None:
                bounds[part.name][role] = (first[role], first[role] + len(values))
                first[role] += len(values)
    return Series(
        name=name,
        train=np.concatenate([part.train for part in parts]),
        test=np.concatenate(tests) if tests else None,
        labels=np.concatenate(labels) if labels else None,
        channels=parts[0].channels,
        kinds=tuple(kinds),
        metadata={"channel_bounds": bounds},
    )
