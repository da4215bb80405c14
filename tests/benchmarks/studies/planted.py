"""A series with an event that any detector finds."""

from __future__ import annotations

import numpy as np

from benchmarks.studies.tsb_ad.protocol import Case


def planted(
    name: str = "a", place: int = 0, *, train: int = 120, steps: int = 300
) -> Case:
    """Noise of `steps` steps with an event of ten, a hundred steps before its end."""
    generator = np.random.default_rng(place)
    values = generator.normal(size=(steps, 2))
    labels = np.zeros(steps, np.int8)
    event = slice(steps - 100, steps - 90)
    labels[event] = 1
    values[event, 0] += 20
    return Case(name, "demo", train, values, labels, place, "demo")
