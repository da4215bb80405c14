from __future__ import annotations

import numpy as np
import pytest
from sklearn import preprocessing as sklearn_preprocessing

from jaxtsad import types
from jaxtsad.datasets import preprocessing
from jaxtsad.types import Split


def parts(values: np.ndarray, window: int = 2) -> tuple[Split, Split, Split]:
    fit, held_out = types.cut_train(values, window=window)
    assert held_out is not None
    return fit, held_out, types.cut_test(values)


@pytest.fixture
def values() -> np.ndarray:
    generator = np.random.default_rng(3)
    values = generator.normal(size=(500, 4)) * [1, 5, 0.1, 0] + [0, 100, -2, 7]
    return values.astype(np.float32)


def test_fit_columns_have_mean_zero_and_deviation_one(values: np.ndarray) -> None:
    fit, _, _ = parts(values)
    scaled = preprocessing.fit_scaler("zscore", fit).apply(fit)
    assert scaled.role is types.Role.FIT and scaled.values.dtype == np.float32
    wide = scaled.values.astype(np.float64)
    np.testing.assert_allclose(wide.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(wide.std(axis=0), [1, 1, 1, 0], atol=1e-5)


def test_statistics_are_those_of_scikit_learn(values: np.ndarray) -> None:
    fit, _, test = parts(values)
    scaler = preprocessing.fit_scaler("zscore", fit)
    peer = sklearn_preprocessing.StandardScaler().fit(fit.values.astype(np.float64))
    np.testing.assert_allclose(scaler.shift, peer.mean_, rtol=1e-12)
    np.testing.assert_allclose(scaler.scale, peer.scale_, rtol=1e-12)
    expected = peer.transform(values.astype(np.float64))
    np.testing.assert_allclose(scaler.apply(test).values, expected, atol=1e-5)


def test_minmax_maps_the_fit_part_to_zero_and_one(values: np.ndarray) -> None:
    fit, _, _ = parts(values)
    scaled = preprocessing.fit_scaler("minmax", fit).apply(fit).values
    np.testing.assert_allclose(scaled.min(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.max(axis=0), [1, 1, 1, 0], atol=1e-6)


def test_none_leaves_values_alone(values: np.ndarray) -> None:
    fit, _, test = parts(values)
    scaled = preprocessing.fit_scaler("none", fit).apply(test)
    np.testing.assert_array_equal(scaled.values, values)


def test_a_column_constant_in_fit_becomes_the_raw_difference(
    values: np.ndarray,
) -> None:
    fit, _, _ = parts(values)
    later = np.array([[0, 0, 0, 9.5]], np.float32)
    scaler = preprocessing.fit_scaler("zscore", fit, clip_values=5)
    scaled = scaler.apply(types.cut_test(later)).values
    assert scaled[0, 3] == pytest.approx(2.5)


def test_a_spike_is_clipped_by_unclipped_statistics(values: np.ndarray) -> None:
    spiked = values.copy()
    spiked[10, 0] = 100.0
    fit, _, _ = parts(spiked)
    raw = fit.values[:, 0].astype(np.float64)
    bound = raw.mean() + 5 * raw.std()
    scaler = preprocessing.fit_scaler("none", fit, clip_values=5)
    clipped = scaler.apply(fit).values
    assert clipped[10, 0] == pytest.approx(bound, rel=1e-6)
    keep = np.arange(len(fit)) != 10
    np.testing.assert_array_equal(clipped[keep], fit.values[keep])


def test_scaling_is_fitted_after_clipping(values: np.ndarray) -> None:
    spiked = values.copy()
    spiked[10, 0] = 1e4
    fit, _, _ = parts(spiked)
    scaled = preprocessing.fit_scaler("zscore", fit, clip_values=3).apply(fit).values
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0)[:3], 1, atol=1e-4)


def test_test_parts_can_be_left_unclipped(values: np.ndarray) -> None:
    fit, held_out, test = parts(values)
    wild = test.map(lambda array: array * 0 + 1e3)
    tame = preprocessing.fit_scaler("none", fit, clip_values=2)
    assert tame.apply(wild).values[:, :3].max() < 1e3
    free = preprocessing.fit_scaler("none", fit, clip_values=2, clip_test=False)
    np.testing.assert_array_equal(free.apply(wild).values, wild.values)
    wild_held_out = held_out.map(lambda array: array * 0 + 1e3)
    assert free.apply(wild_held_out).values[:, :3].max() < 1e3


def test_statistics_do_not_see_the_test_part(values: np.ndarray) -> None:
    fit, _, _ = parts(values)
    first = preprocessing.fit_scaler("zscore", fit, clip_values=5)
    noise = np.random.default_rng(0).normal(size=values.shape) * 1e6
    first.apply(types.cut_test(noise))
    again = preprocessing.fit_scaler("zscore", fit, clip_values=5)
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name])


def test_pooled_statistics_are_those_of_all_parts_together(values: np.ndarray) -> None:
    halves = [parts(values[:200])[0], parts(values[200:])[0]]
    pooled = preprocessing.fit_scaler("zscore", halves)
    together = np.concatenate([half.values for half in halves]).astype(np.float64)
    np.testing.assert_allclose(pooled.shift, together.mean(axis=0))
    np.testing.assert_allclose(pooled.scale[:3], together.std(axis=0)[:3])


@pytest.mark.parametrize("role", ["validation", "test"])
def test_only_fit_data_can_be_fitted_on(values: np.ndarray, role: str) -> None:
    fit, held_out, test = parts(values)
    other = {"validation": held_out, "test": test}[role]
    for given in (other, [fit, other]):
        with pytest.raises(ValueError, match=f"role fit only, got .*{role}"):
            preprocessing.fit_scaler("zscore", given)


def test_bad_requests_are_one_clear_line(values: np.ndarray) -> None:
    fit, _, _ = parts(values)
    with pytest.raises(ValueError, match=r"kind='robust'.*zscore, minmax, none"):
        preprocessing.fit_scaler("robust", fit)
    with pytest.raises(ValueError, match="clip_values=-1"):
        preprocessing.fit_scaler("zscore", fit, clip_values=-1)
    with pytest.raises(ValueError, match="at least one"):
        preprocessing.fit_scaler("zscore", [])
    with pytest.raises(ValueError, match="non-finite"):
        preprocessing.fit_scaler("zscore", fit.map(lambda array: array * np.nan))
    with pytest.raises(ValueError, match=r"equally many channels, got \[1, 4\]"):
        preprocessing.fit_scaler("zscore", [fit, fit.map(lambda array: array[:, :1])])
    scaler = preprocessing.fit_scaler("zscore", fit)
    with pytest.raises(ValueError, match=r"\(3, 5\), expected 4 channels"):
        scaler.transform(np.ones((3, 5)))


def test_saved_arrays_restore_the_scaler(values: np.ndarray) -> None:
    fit, _, test = parts(values)
    scaler = preprocessing.fit_scaler("minmax", fit, clip_values=4, clip_test=False)
    arrays = scaler.arrays()
    assert all(array.dtype.kind in "fub" for array in arrays.values())
    again = preprocessing.Scaler.from_arrays(arrays)
    assert (again.kind, again.clip_test, again.channels) == ("minmax", False, 4)
    np.testing.assert_array_equal(again.apply(test).values, scaler.apply(test).values)
    del arrays["low"]
    with pytest.raises(ValueError, match=r"\['low'\] is missing"):
        preprocessing.Scaler.from_arrays(arrays)
