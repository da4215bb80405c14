"""Faults in somebody's own recording: where they are said to be, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.datasets.synthetic import faulty


def normal(steps: int = 600) -> np.ndarray:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(steps, 4))
    values[:, 2] = rng.integers(0, 2, steps)
    values[:, 3] = 7.0
    return values


@pytest.mark.parametrize("seed", range(20))
def test_faults_are_where_the_labels_say(seed: int) -> None:
    values = normal()
    made = faulty.inject(np.random.default_rng(seed), values, 240, 3)
    clean = values[-240:]
    np.testing.assert_array_equal(values, normal())
    assert made.values.shape == (240, 4) and np.isfinite(made.values).all()
    changed = (made.values != clean).any(axis=1)
    assert not changed[made.labels == 0].any()
    assert len(made.kinds) == 3
    for number, (start, stop, _) in enumerate(made.kinds):
        assert 80 * number <= start < stop <= 80 * (number + 1)
        assert stop - start <= 80 // faulty.SPARE
        assert changed[start:stop].any() and made.labels[start:stop].all()
    again = faulty.inject(np.random.default_rng(seed), values, 240, 3)
    np.testing.assert_array_equal(made.values, again.values)


def test_a_constant_recording_has_faults_too() -> None:
    made = faulty.inject(np.random.default_rng(0), np.ones((300, 2)), 100, 2)
    assert {name for *_, name in made.kinds} <= {"level", "spike"}
    assert made.labels.any() and not made.labels.all()


@pytest.mark.parametrize("steps", [0, 47, 600, 700])
def test_too_little_room_is_one_line(steps: int) -> None:
    with pytest.raises(ValueError, match=r"^3 faults need at least 48 of 600 steps"):
        faulty.inject(np.random.default_rng(0), normal(), steps, 3)
