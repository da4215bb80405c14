"""Drawn color and depth pictures of boxes, cylinders and balls; no download.

`synthetic.scenes` draws them: one object per picture, in a random color that says
nothing of its shape.
"""

from __future__ import annotations

import os

import numpy as np

from jaxtsad.datasets.synthetic import scenes
from jaxtsad.types import Samples


def load_samples(
    root: str | os.PathLike[str] | None = None,
    *,
    part: str = "train",
    count: int = 0,
    side: int = 64,
    seed: int = 0,
    classes: tuple[str, ...] = scenes.CLASSES[:3],
) -> Samples:
    """Draws `count` pictures of every class, `[N, side, side, 4]` in [-1, 1].

    Args:
        root: Not used: nothing is read.
        part: `train`, `validation` or `test`, drawn apart.
        count: Pictures per class; 0 for 1500, 100 and 500.
        side: Pixels per side.
        seed: Seed.
        classes: Of `synthetic.scenes.CLASSES`.

    Raises:
        ValueError: If a choice is unknown.
    """
    del root
    number = count or scenes.PARTS.get(part, 1)
    drawn = [
        scenes.pictures(kind, number, seed=seed, part=part, side=side)
        for kind in classes
    ]
    labels = np.repeat(np.arange(len(classes)), number)
    metadata = {
        "classes": tuple(classes),
        "index": np.tile(np.arange(number), len(classes)),
    }
    return Samples("rgbd_synthetic", np.concatenate(drawn), labels, metadata)
