"""Combining channels: hand cases of power means and calibration."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxtsad.evaluation.scoring import combine


def test_powers_of_constant_contributions() -> None:
    parts = combine.powers(jnp.full((50, 4), 16.0), (3, 10), 0.5)
    np.testing.assert_allclose(parts, np.full((50, 4), 2 * 4.0 / 4), rtol=1e-6)


def test_a_power_below_one_prefers_many_channels_to_a_loud_one() -> None:
    loud, many = np.zeros((9, 4)), np.full((9, 4), 2.0)
    loud[:, 0] = 8.0
    each = [combine.powers(jnp.asarray(v), (1,), 0.35).sum() for v in (loud, many)]
    assert each[0] < each[1]


def test_smoothing_looks_ahead_as_far_as_it_says() -> None:
    width, at = 10, 60
    values = np.zeros((100, 1), np.float32)
    values[at] = 1.0
    smoothed = np.asarray(combine.smooth(jnp.asarray(values), width))[:, 0]
    assert np.flatnonzero(smoothed)[0] == at - combine.look_ahead(width)


def test_calibration_counts_only_what_counts() -> None:
    scores = np.array([1.0, 2, 4, 9, 1e6], np.float32)
    counted = np.array([1, 1, 1, 1, 0], bool)
    made = combine.calibrate(jnp.asarray(scores), jnp.asarray(counted), 0.1)
    np.testing.assert_allclose(made.middle, [3.0])
    np.testing.assert_allclose(made.deviation, [scores[:4].std()], rtol=1e-6)
    flat = combine.calibrate(jnp.ones(5), jnp.asarray(counted), 0.1)
    np.testing.assert_allclose(combine.calibrated(flat, jnp.array([1.5])), [5.0], 1e-5)
