"""Sliding means and deviations against NumPy, window by window."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.evaluation.scoring import sliding

VALUES = np.random.default_rng(0).normal(size=(90, 2)).astype(np.float32) + 40


@pytest.mark.parametrize("width", [1, 2, 7, 32, 200])
@pytest.mark.parametrize("length", [90, 61])
def test_mean_is_over_the_steps_that_the_series_has(width: int, length: int) -> None:
    padded = VALUES.copy()
    padded[length:] = 1e9
    made = np.asarray(sliding.mean(jnp.asarray(padded), width, length))[:length]
    for step in range(length):
        first = max(0, step - width // 2)
        own = VALUES[first : min(length, step - width // 2 + width)]
        np.testing.assert_allclose(made[step], own.mean(axis=0), rtol=1e-6)


def test_doubled_windows_are_exact_beside_a_large_mean() -> None:
    far = VALUES + 1e4
    for level, (mean, deviation) in enumerate(sliding.doubled(jnp.asarray(far), 4), 1):
        size = 2**level
        held = np.concatenate(
            [np.repeat(far[:1], 8, 0), far, np.repeat(far[-1:], 8, 0)]
        ).astype(np.float64)
        for step in (0, 3, 50, 89):
            own = held[step + 8 - size // 2 :][:size]
            np.testing.assert_allclose(mean[step], own.mean(axis=0), rtol=1e-6)
            np.testing.assert_allclose(deviation[step], own.std(axis=0), atol=2e-3)


def test_clean_windows_hold_no_step_left_out() -> None:
    counted = np.ones(20, bool)
    counted[[0, 11]] = False
    made = np.asarray(sliding.clean(jnp.asarray(counted), 4))
    for step in range(20):
        steps = range(step - 2, step + 2)
        assert made[step] == all(s < 20 and (s < 0 or counted[s]) for s in steps)


def test_a_step_depends_on_its_own_window_alone_bit_for_bit() -> None:
    other = VALUES.copy()
    other[60:] = np.random.default_rng(1).normal(size=other[60:].shape) * 1e6
    for width in (5, 30):
        first, second = (
            np.asarray(sliding.mean(jnp.asarray(v), width)) for v in (VALUES, other)
        )
        untouched = 60 - (width - 1 - width // 2)
        np.testing.assert_array_equal(first[:untouched], second[:untouched])
        assert (first[untouched:] != second[untouched:]).any(axis=1).all()
