"""Typicality: what is usual, whatever the scale, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.studies.latent_search_rgbd import typicality

RNG = np.random.default_rng(0)
KNOWN = RNG.normal(size=(300, 1))
SEEN = RNG.normal(size=(300, 2)) @ np.array([[1.0, 0.8], [0.0, 0.3]]) + 2 * KNOWN
NONE = np.empty((300, 0))


def test_normal_samples_are_as_far_as_there_are_statistics() -> None:
    usual = typicality.fit(SEEN, KNOWN)
    found = typicality.unusual(usual, SEEN, KNOWN)
    np.testing.assert_allclose(found.mean(), 2 * (300 - 2) / 300, rtol=1e-6)


def test_too_good_is_as_unusual_as_too_bad() -> None:
    usual = typicality.fit(SEEN, NONE)
    middle = SEEN.mean(axis=0)
    away = np.array([[0.7, -1.2]])
    both = np.concatenate([middle + away, middle - away])
    high, low = typicality.unusual(usual, both, np.empty((2, 0)))
    np.testing.assert_allclose(high, low)
    expected = away @ np.linalg.inv(np.cov(SEEN.T)) @ away.T
    np.testing.assert_allclose(high, expected.item())


def test_what_is_known_does_not_count() -> None:
    """Far away by the known value alone is usual; without knowing it, it is not."""
    usual = typicality.fit(SEEN, KNOWN)
    far = np.array([[10.0]])
    there = np.array([[20.0, 20.0]])
    assert typicality.unusual(usual, there, far)[0] < 1
    blind = typicality.fit(SEEN, NONE)
    assert typicality.unusual(blind, there, np.empty((1, 0)))[0] > 50


def test_scales_and_mixtures_of_statistics_do_not_count() -> None:
    mixed = np.array([[3.0, 1.0], [-50.0, 2.0]])
    one = typicality.unusual(typicality.fit(SEEN, KNOWN), SEEN, KNOWN)
    other = typicality.fit(SEEN @ mixed + 5, 7 * KNOWN - 1)
    again = typicality.unusual(other, SEEN @ mixed + 5, 7 * KNOWN - 1)
    np.testing.assert_allclose(one, again)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3 normal samples .* expected at least 4"):
        typicality.fit(SEEN[:3], KNOWN[:3])
    with pytest.raises(ValueError, match="must vary"):
        typicality.fit(np.concatenate([SEEN, SEEN], axis=1), KNOWN)
    rounded = (2 * KNOWN).astype(np.float32).astype(np.float64)
    with pytest.raises(ValueError, match="than what the others and the known"):
        typicality.fit(np.concatenate([SEEN, rounded], axis=1), KNOWN)
    with pytest.raises(ValueError, match="must vary"):
        typicality.fit(np.ones((300, 1)), KNOWN)
    with pytest.raises(ValueError, match="statistics must be finite"):
        typicality.fit(np.where(SEEN > 4, np.nan, SEEN), KNOWN)
    usual = typicality.fit(SEEN, KNOWN)
    with pytest.raises(ValueError, match="known must be finite"):
        typicality.unusual(usual, SEEN, np.full_like(KNOWN, np.inf))
