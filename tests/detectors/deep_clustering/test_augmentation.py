"""Random shifts and turns: what stays, what moves, and by how much."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.deep_clustering import augmentation


def blob(side: int = 15) -> np.ndarray:
    """Thirty times one picture: a bright spot up and right of the centre."""
    at = np.arange(side) - side // 2
    spot = np.exp(-((at[:, None] + 3) ** 2 + (at[None] - 2) ** 2) / 2)
    return np.tile(spot[None, ..., None], (30, 1, 1, 2)).astype(np.float32)


def centres(images: jax.Array) -> np.ndarray:
    """Mean row and column `[B, 2]` of the first channel, from the picture's centre."""
    at = jnp.arange(images.shape[1]) - images.shape[1] // 2
    total = images[..., 0].sum(axis=(1, 2))
    down = (images[..., 0].sum(axis=2) * at[None]).sum(axis=1) / total
    right = (images[..., 0].sum(axis=1) * at[None]).sum(axis=1) / total
    return np.stack([down, right], axis=1)


def test_nothing_moves_by_nothing() -> None:
    images = blob()
    np.testing.assert_allclose(
        augmentation.moved(jax.random.key(0), images, 0.0, 0.0), images, atol=1e-6
    )


def test_shifts_are_within_the_limit_and_each_image_has_its_own() -> None:
    moved = augmentation.moved(jax.random.key(1), blob(), 1.5, 0.0)
    by = centres(moved) - np.array([[-3.0, 2.0]])
    assert np.abs(by).max() < 1.5 + 0.05 and np.abs(by).max() > 1.0
    assert len(np.unique(by[:, 0].round(3))) == 30
    np.testing.assert_allclose(moved[..., 0], moved[..., 1])


def test_turns_keep_the_distance_to_the_centre() -> None:
    at = centres(augmentation.moved(jax.random.key(2), blob(), 0.0, 20.0))
    np.testing.assert_allclose(np.linalg.norm(at, axis=1), 13**0.5, atol=0.05)
    angles = np.rad2deg(np.arctan2(at[:, 0], at[:, 1]) - np.arctan2(-3.0, 2.0))
    assert np.abs(angles).max() < 20.5 and np.abs(angles).max() > 12
