"""Features of columns: relative to the fit part, local, and of any unit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.pretrained_tcn import features
from jaxtsad.detectors.pretrained_tcn.column_statistics import LENGTH, Statistics

STEPS, FIT = 320, 256
fit = jax.jit(features.fit)
make = jax.jit(features.features, static_argnames="fitting")


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    rng = np.random.default_rng(0)
    step = np.arange(STEPS)
    wave = np.sin(step / 5) + 0.1 * rng.normal(size=STEPS)
    two = (step // 40 % 2).astype(float)
    return np.stack([wave, two, np.full(STEPS, 3.0)], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def statistics(values: np.ndarray) -> Statistics:
    return fit(jnp.asarray(values[:FIT]), jnp.ones(FIT))


def test_statistics_are_those_of_the_fit_part(
    values: np.ndarray, statistics: Statistics
) -> None:
    own = values[:FIT].astype(np.float64)
    np.testing.assert_allclose(statistics.mean, own.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(statistics.scale[:2], own.std(axis=0)[:2], rtol=1e-5)
    np.testing.assert_allclose(statistics.low, own.min(axis=0))
    np.testing.assert_allclose(statistics.high, own.max(axis=0))
    np.testing.assert_array_equal(statistics.constant, [0, 0, 1])
    np.testing.assert_array_equal(statistics.two_valued, [0, 1, 0])
    number = [len(np.unique(own[:, c])) for c in range(3)]
    np.testing.assert_allclose(statistics.variety, np.log(number), rtol=1e-5)


def test_padding_and_steps_that_do_not_count_change_nothing(
    values: np.ndarray, statistics: Statistics
) -> None:
    padded = np.concatenate([values[:FIT], np.full((64, 3), 1e5, np.float32)])
    counted = np.concatenate([np.ones(FIT), np.zeros(64)]).astype(np.float32)
    again = fit(jnp.asarray(padded), jnp.asarray(counted))
    for one, other in zip(statistics, again, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


def test_a_planted_value_is_seen_by_magnitude_novelty_and_distance(
    values: np.ndarray, statistics: Statistics
) -> None:
    planted = values.copy()
    planted[290:, 0] = 5.0
    seen = np.asarray(make(statistics, jnp.asarray(planted), STEPS))
    clean = np.asarray(make(statistics, jnp.asarray(values), STEPS))
    assert seen.shape == (STEPS, 3, features.COUNT)
    assert np.isfinite(seen).all()
    for number in (0, 1, 2, 3, 9):
        assert seen[300, 0, number] > clean[300, 0, number] + 0.5
    np.testing.assert_array_equal(seen[:, 1], clean[:, 1])


def test_features_look_ahead_as_far_as_they_say(
    values: np.ndarray, statistics: Statistics
) -> None:
    later = values.copy()
    later[200:] = np.random.default_rng(1).normal(size=later[200:].shape)
    first, second = (
        np.asarray(make(statistics, jnp.asarray(v), STEPS)) for v in (values, later)
    )
    untouched = 200 - features.AFTER
    np.testing.assert_array_equal(first[:untouched], second[:untouched])
    assert (first[untouched:] != second[untouched:]).any()


def test_a_unit_changes_nothing(values: np.ndarray, statistics: Statistics) -> None:
    unit = np.array([1024.0, 0.125, 1.0], np.float32)
    scaled = fit(jnp.asarray(values[:FIT] * unit), jnp.ones(FIT))
    first = make(statistics, jnp.asarray(values), STEPS)
    second = make(scaled, jnp.asarray(values * unit), STEPS)
    np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-3)


def test_the_fit_part_is_not_compared_with_itself(
    values: np.ndarray, statistics: Statistics
) -> None:
    z = features.standardized(statistics, jnp.asarray(values[:FIT]))
    place = int(statistics.places[40])
    each = [
        float(features.nearest(statistics, z, FIT, fitting=own)[place, 0])
        for own in (False, True)
    ]
    assert each[0] < 1e-2 < each[1]
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(z[:, 0]), LENGTH)
    places = np.asarray(statistics.places)
    far = places[(places >= 0) & (abs(places - place) > LENGTH // 2)]
    apart = np.sqrt(((windows[far] - windows[place]) ** 2).mean(axis=1)).min()
    np.testing.assert_allclose(each[1], apart, rtol=1e-3)


def test_features_of_a_last_step_are_those_of_the_series_cut_there(
    values: np.ndarray, statistics: Statistics
) -> None:
    for stop in (40, 123, 300):
        cut = jnp.asarray(values[:stop])
        padded = jnp.pad(cut, ((0, STEPS - stop), (0, 0)))
        whole = make(statistics, padded, stop)[stop - 1]
        z = features.standardized(statistics, cut)
        apart = features.nearest(statistics, z, stop, fitting=False)
        last = apart[stop - LENGTH]
        newest = features.newest(statistics, cut[-features.SEEN :], last)
        np.testing.assert_allclose(newest, whole, atol=2e-4)
