"""Drawn color and depth pictures: geometry by hand, keys, NumPy against JAX."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.datasets import catalog
from jaxtsad.datasets.synthetic import scenes
from jaxtsad.datasets.synthetic.scenes import CLASSES, Scene

SIDE = 256
CASES = {
    # size, area in units of the picture's half side, nearest depth
    "ball": ((0.6, 0, 0), np.pi * 0.36, 2.4),
    "box": ((0.5, 0.4, 0.3), 0.80, 2.7),
    "cylinder": ((0.5, 0.6, 0), 1.20, 2.5),
    "cone": ((0.5, 0.6, 0), 0.60, 2.5),
}


def centerd(size: tuple[float, ...], turned: np.ndarray | None = None) -> Scene:
    rotation = np.eye(3) if turned is None else turned
    light = np.array([0.0, 0.0, 1.0])
    parts = (np.zeros(3), rotation, np.array(size, float), np.ones(3), light)
    return Scene(*(part[None] for part in parts))


def depth_of(picture: np.ndarray) -> np.ndarray:
    return 4 - 2 * (picture[..., 3] + 1) / 2


@pytest.mark.parametrize("kind", CLASSES)
def test_areas_and_nearest_depths(kind: str) -> None:
    size, area, nearest = CASES[kind]
    picture = scenes.render(kind, centerd(size), SIDE, "orthographic")[0]
    hit = picture[..., 3] > -1
    np.testing.assert_allclose(4 * hit.mean(), area, rtol=0.01)
    np.testing.assert_allclose(depth_of(picture)[hit].min(), nearest, atol=5e-3)
    assert (picture[~hit] == -1).all()
    assert np.abs(picture).max() <= 1


def test_depth_of_a_ball_everywhere() -> None:
    picture = scenes.render("ball", centerd((0.6, 0, 0)), 64, "orthographic")
    place = (np.arange(64) + 0.5) / 64 * 2 - 1
    inside = 0.36 - place[None] ** 2 - place[:, None] ** 2
    hit = inside > 0
    expected = 3 - np.sqrt(inside[hit])
    np.testing.assert_allclose(depth_of(picture[0])[hit], expected, atol=1e-6)


@pytest.mark.parametrize("kind", CLASSES)
def test_numpy_and_jax_agree(kind: str) -> None:
    scene = scenes.draw(kind, 3, seed=2, pose="any")
    ours = scenes.render(kind, scene, 32)
    single = Scene(*(jnp.asarray(part, jnp.float32) for part in scene))
    theirs = np.asarray(scenes.render(kind, single, 32, xp=jnp))
    # On an edge a ray may hit in one precision and miss in the other.
    same = np.abs(ours - theirs).max(-1) < 1e-4
    assert same.mean() > 0.995


def test_turning_object_and_light_turns_the_picture() -> None:
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    scene = scenes.draw("box", 2, seed=1, pose="any")
    turned = Scene(
        scene.center @ quarter.T,
        quarter @ scene.rotation,
        scene.size,
        scene.albedo,
        scene.light @ quarter.T,
    )
    first = scenes.render("box", scene, 32)
    second = scenes.render("box", turned, 32)
    np.testing.assert_allclose(np.rot90(first, axes=(1, 2)), second, atol=1e-6)


def test_pictures_depend_on_their_own_index_alone() -> None:
    few = scenes.pictures("cone", 2, side=16)
    more = scenes.pictures("cone", 4, side=16)
    np.testing.assert_array_equal(few, more[:2])
    assert np.abs(more[0] - more[1]).max() > 0.1
    other = scenes.pictures("cone", 2, side=16, part="test")
    assert np.abs(few - other).max() > 0.1
    assert np.abs(more).max() <= 1 and more.dtype == np.float32


def test_loads_like_any_set_of_samples() -> None:
    found = catalog.load_samples("rgbd_synthetic", count=3, side=16, part="test")
    assert found.values.shape == (9, 16, 16, 4)
    assert (
        found.labels is not None
        and found.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    )
    with pytest.raises(ValueError, match="train, validation, test"):
        catalog.load_samples("rgbd_synthetic", part="dev")
