"""Linear maps between columns against NumPy, and what they see when one breaks."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.pretrained_tcn import relations

STEPS, WINDOW = 400, 12
LIVE = jnp.array([1.0, 1.0, 1.0, 0.0])


@pytest.fixture(scope="module")
def z() -> np.ndarray:
    rng = np.random.default_rng(0)
    cause = np.convolve(rng.normal(size=STEPS + 8), np.ones(9) / 3, "valid")
    columns = [cause, -cause, 0.5 * cause, np.zeros(STEPS)]
    noise = 0.1 * rng.normal(size=(STEPS, 4)) * [1, 1, 1, 0]
    return (np.stack(columns, axis=1) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(z: np.ndarray) -> relations.Relations:
    counted = jnp.ones(STEPS, bool)
    return jax.jit(relations.fit, static_argnums=2)(
        jnp.asarray(z), counted, WINDOW, LIVE
    )


residuals = jax.jit(relations.residuals)


def test_regression_on_the_other_columns_is_gaussian_conditioning(
    z: np.ndarray, fitted: relations.Relations
) -> None:
    width = relations.near_window(4)
    windows = np.lib.stride_tricks.sliding_window_view(z, width, axis=0)
    windows = windows.transpose(0, 2, 1)[:, 1:].astype(np.float64)  # an odd number
    rows = windows.reshape(len(windows), -1)
    mean = rows.mean(axis=0)
    covariance = (rows - mean).T @ (rows - mean) / len(rows)
    covariance += relations.RIDGE * np.eye(len(covariance))
    own = np.arange(width - 1) * 4  # column 0
    others = np.setdiff1d(np.arange(len(covariance)), own)
    weights = np.linalg.solve(
        covariance[np.ix_(others, others)], covariance[np.ix_(others, own)]
    )
    left = (rows - mean)[:, own] - (rows - mean)[:, others] @ weights
    middle = left[:, (width - 1) // 2]
    made = np.asarray(residuals(fitted, jnp.asarray(z), STEPS, LIVE).others)[:, 0]
    made = made[width // 2 : width // 2 + len(middle)]
    np.testing.assert_allclose(np.corrcoef(made, middle**2)[0, 1], 1.0, atol=2e-2)


def test_a_broken_relation_is_seen_where_each_value_is_normal(
    z: np.ndarray, fitted: relations.Relations
) -> None:
    broken = z.copy()
    broken[200:230, 1] *= -1
    clean, seen = (residuals(fitted, jnp.asarray(v), STEPS, LIVE) for v in (z, broken))
    for part in ("axes", "others", "wide"):
        before, after = (np.asarray(getattr(r, part)) for r in (clean, seen))
        assert after[205:225, 1].mean() > 4 * before[205:225, 1].mean(), part
        assert after[:, 3].max() < 1e-9, part
        np.testing.assert_allclose(after[:150], before[:150], rtol=1e-3, atol=1e-4)


def test_what_follows_the_series_means_nothing(
    z: np.ndarray, fitted: relations.Relations
) -> None:
    padded = np.concatenate([z, np.full((100, 4), 1e4, np.float32)])
    first = residuals(fitted, jnp.asarray(z), STEPS, LIVE)
    second = residuals(fitted, jnp.asarray(padded), STEPS, LIVE)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other[:STEPS], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 38, 55, 900])
def test_windows_are_shorter_where_columns_are_many(channels: int) -> None:
    near = relations.near_window(channels)
    wide = relations.wide_window(channels, 40)
    assert near >= 1
    assert wide >= 1
    assert near * channels <= max(relations.MOST, channels)
    assert wide * channels <= max(relations.MOST_WIDE, channels)


@pytest.mark.parametrize("called_live", ["as they are", "all"])
def test_columns_that_are_left_out_change_nothing(
    z: np.ndarray, fitted: relations.Relations, called_live: str
) -> None:
    wider = jnp.asarray(np.insert(z, [0, 2, 3], 0.0, axis=1))
    places = np.array([1, 2, 4])
    live = jnp.zeros(7).at[places].set(1.0) if called_live != "all" else jnp.ones(7)
    counted = jnp.ones(STEPS, bool)
    of_wider = jax.jit(relations.fit, static_argnums=2)(wider, counted, WINDOW, live)
    given = residuals(fitted, jnp.asarray(z), STEPS, LIVE)
    for one, other in zip(given, residuals(of_wider, wider, STEPS, live), strict=True):
        np.testing.assert_allclose(one[:, :3], other[:, places], rtol=1e-2, atol=1e-4)
        assert np.abs(np.delete(other, places, axis=1)).max() < 1e-6
