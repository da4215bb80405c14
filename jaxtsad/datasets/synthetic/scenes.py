"""Drawn color and depth pictures of boxes, cylinders, balls and cones.

One object per picture on an empty background, seen from above at random, in a random
color that says nothing of its shape. Channels are red, green, blue and depth, nearer
being brighter, in [-1, 1]; the background is -1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import shapes

CLASSES = ("box", "cylinder", "ball", "cone")
PARTS = {"train": 1500, "validation": 100, "test": 500}
SIZES = {
    "box": ((0.25, 0.6),) * 3,
    "cylinder": ((0.2, 0.45), (0.3, 0.6), (0.0, 0.0)),
    "ball": ((0.3, 0.6), (0.0, 0.0), (0.0, 0.0)),
    "cone": ((0.25, 0.55), (0.3, 0.6), (0.0, 0.0)),
}
POSES = ("upright", "any")
AWAY = 3.0
NEAR, FAR = 2.0, 4.0
TANGENT = np.tan(np.deg2rad(20.0))
NOISE = np.array([0.01, 0.01, 0.01, 0.005])


class Scene(NamedTuple):
    """What is drawn; N pictures of one class.

    Attributes:
        center: `[N, 3]`.
        rotation: `[N, 3, 3]` of the object.
        size: `[N, 3]`, see `shapes.distance`.
        albedo: `[N, 3]` color in [0, 1].
        light: `[N, 3]` unit vector toward the light.
    """

    center: Any
    rotation: Any
    size: Any
    albedo: Any
    light: Any


def draw(
    kind: str, count: int, seed: int = 0, part: str = "train", pose: str = "upright"
) -> Scene:
    """Draws scenes; picture i depends on seed, part, class and i alone.

    Args:
        kind: One of `CLASSES`.
        count: Number of pictures N.
        seed: Seed.
        part: One of `PARTS`.
        pose: `upright`, turned about its axis and seen from 20 to 50 degrees above, or
            `any` rotation.

    Raises:
        ValueError: If a choice is unknown.
    """
    for name, value, choices in (
        ("kind", kind, CLASSES),
        ("part", part, tuple(PARTS)),
        ("pose", pose, POSES),
    ):
        if value not in choices:
            raise ValueError(
                f"{name}={value!r} is unknown; the choices are {', '.join(choices)}"
            )
    scenes = [_scene(kind, _rng(seed, part, kind, i), pose) for i in range(count)]
    return Scene(*(np.stack(parts) for parts in zip(*scenes, strict=True)))


def render(
    kind: str,
    scene: Scene,
    side: int = 64,
    camera: str = "perspective",
    xp: Any = np,
) -> Any:
    """Renders scenes without noise.

    Args:
        kind: One of `CLASSES`.
        scene: What is drawn.
        side: Pixels per side.
        camera: `perspective`, 40 degrees wide, or `orthographic`.
        xp: Array module, NumPy or `jax.numpy`; they agree.

    Returns:
        `[N, side, side, 4]` in [-1, 1].

    Example:
        >>> render("ball", draw("ball", 2), side=8).shape
        (2, 8, 8, 4)
    """
    places = (xp.arange(side) + 0.5) / side * 2 - 1
    u = xp.tile(places, side)
    v = xp.repeat(-places, side)
    ones = xp.ones_like(u)
    if camera == "perspective":
        origin = xp.stack([0 * u, 0 * u, AWAY * ones], -1)
        direction = xp.stack([u * TANGENT, v * TANGENT, -ones], -1)
        direction = direction / xp.sqrt((direction**2).sum(-1, keepdims=True))
    else:
        origin = xp.stack([u, v, AWAY * ones], -1)
        direction = xp.stack([0 * u, 0 * u, -ones], -1)
    o = (origin[None] - scene.center[:, None]) @ scene.rotation
    d = direction[None] @ scene.rotation
    t = shapes.distance(xp, kind, o, d, scene.size)
    hit = xp.isfinite(t)
    t = xp.where(hit, t, AWAY)
    normal = shapes.normal(xp, kind, o + t[..., None] * d, scene.size)
    facing = normal @ xp.swapaxes(scene.rotation, 1, 2)
    lit = (facing * scene.light[:, None]).sum(-1)
    shade = 0.25 + 0.75 * xp.maximum(0.0, lit)
    color = xp.clip(scene.albedo[:, None] * shade[..., None], 0, 1)
    depth = -t * direction[None, :, 2]
    near = xp.clip(1 - (depth - NEAR) / (FAR - NEAR), 0, 1)
    whole = xp.concatenate([color, near[..., None]], -1)
    whole = xp.where(hit[..., None], whole, 0.0) * 2 - 1
    return whole.reshape(len(scene.center), side, side, 4)


def pictures(
    kind: str, count: int, *, seed: int = 0, part: str = "train", side: int = 64
) -> np.ndarray:
    """Pictures `[N, side, side, 4]` float32 with noise.

    Raises:
        ValueError: If a choice is unknown.
    """
    scene = draw(kind, count, seed, part)
    images = np.empty((count, side, side, 4), np.float32)
    for first in range(0, count, 64):
        place = slice(first, first + 64)
        part_scene = Scene(*(array[place] for array in scene))
        images[place] = render(kind, part_scene, side)
    for index in range(count):
        rng = _rng(seed, part, kind, index, stream=1)
        images[index] += 2 * NOISE * rng.normal(size=(side, side, 4))
    return np.clip(images, -1, 1)


def _rng(
    seed: int, part: str, kind: str, index: int, stream: int = 0
) -> np.random.Generator:
    place = (list(PARTS).index(part), CLASSES.index(kind), index, stream)
    return np.random.default_rng([seed, *place])


def _scene(kind: str, rng: np.random.Generator, pose: str) -> tuple:
    center = np.array([*rng.uniform(-0.2, 0.2, 2), 0.0])
    if pose == "upright":
        yaw, tilt = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(20, 50))
        rotation = _about_x(tilt) @ _about_y(yaw)
    else:
        rotation = _rotation(rng.normal(size=4))
    size = np.array([rng.uniform(low, high) for low, high in SIZES[kind]])
    hue, saturation = rng.uniform(0, 1), rng.uniform(0.4, 0.9)
    albedo = _color(hue, saturation, rng.uniform(0.6, 1.0))
    polar, azimuth = np.deg2rad(rng.uniform(0, 50)), rng.uniform(0, 2 * np.pi)
    flat = np.sin(polar)
    light = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.cos(polar)])
    return center, rotation, size, albedo, light


def _about_x(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _rotation(quaternion: np.ndarray) -> np.ndarray:
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _color(hue: float, saturation: float, value: float) -> np.ndarray:
    """HSV to RGB."""
    wheel = np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    return value * (1 - saturation * (1 - np.clip(wheel, 0, 1)))
