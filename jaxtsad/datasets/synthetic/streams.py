"""Independent random streams of one seed, so that sections and dimensions never mix."""

from __future__ import annotations

import enum

import numpy as np


class Section(enum.IntEnum):
    """Sections of a generated recording, in time order."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


class Use(enum.IntEnum):
    """What a stream is drawn for; the section is added where it matters."""

    NOISE = 0
    BASE = 3
    WANDER = 4
    SLOTS = 10
    EVENTS = 20
    COMMANDS = 30
    COLUMNS = 40
    COUPLED = 50


def stream(
    seed: int, use: Use, series: int, dim: int = 0, section: Section = Section.TRAIN
) -> np.random.Generator:
    """The stream of one use, series, dimension and section.

    Example:
        >>> first, same = stream(0, Use.BASE, 0), stream(0, Use.BASE, 0)
        >>> first.random() == same.random()
        True
        >>> first.random() == stream(0, Use.BASE, 0, dim=1).random()
        False
    """
    key = (int(use) + int(section), series, dim)
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=key)
    return np.random.Generator(np.random.PCG64(sequence))
