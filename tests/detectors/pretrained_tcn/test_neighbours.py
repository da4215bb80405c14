"""Distances of a channel's windows against NumPy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.pretrained_tcn import neighbours

FIT, STEPS, K = 300, 400, 3


@pytest.mark.parametrize("fitting", [False, True])
def test_distance_to_the_kth_nearest_window(fitting: bool) -> None:
    z = np.random.default_rng(0).normal(size=STEPS).astype(np.float32)
    kept = jax.jit(neighbours.fit)(jnp.asarray(z[:FIT]), jnp.ones(FIT, bool))
    size = int(kept.steps[0])
    assert size == FIT // 4
    windows = np.lib.stride_tricks.sliding_window_view(z.astype(np.float64), size)
    references = windows[: FIT - size + 1]
    apart = np.sqrt(((windows[:, None] - references[None]) ** 2).mean(axis=2))
    if fitting:
        place = np.arange(len(windows))[:, None] - np.arange(len(references))
        apart[abs(place) < size // 2] = np.inf
    kth = np.sort(apart, axis=1)[:, K - 1]
    expected = [kth[max(0, step - size + 1) : step + 1].mean() for step in range(STEPS)]
    distance = jax.jit(neighbours.distance, static_argnames=("k", "fitting"))
    made = distance(kept, jnp.asarray(z), STEPS, k=K, fitting=fitting)
    np.testing.assert_allclose(made, expected, rtol=1e-4)
