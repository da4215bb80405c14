"""Random small shifts and turns of images, to train on more than there is.

Guo, Zhu, Liu and Yin, "Deep Embedded Clustering with Data Augmentation", ACML 2018.

Shape letters: B batch, S side, C channels.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxtsad.types import Array, Key


def moved(key: Key, images: Array, shift: float, turn: float) -> Array:
    """Shifts and turns every image by its own random amount.

    Values between pixels are interpolated linearly; beyond the border they are 0.

    Args:
        key: Of the amounts.
        images: `[B, S, S, C]`.
        shift: Largest shift along either axis, in pixels.
        turn: Largest angle around the centre, in degrees.

    Example:
        >>> images = jnp.ones((2, 8, 8, 1))
        >>> bool((moved(jax.random.key(0), images, 0.0, 0.0) == images).all())
        True
    """
    shift_key, turn_key = jax.random.split(key)
    count = len(images)
    offsets = jax.random.uniform(shift_key, (count, 2), minval=-shift, maxval=shift)
    angles = jax.random.uniform(turn_key, (count,), minval=-turn, maxval=turn)
    return jax.vmap(_transform)(images, offsets, jnp.deg2rad(angles))


def _transform(image: Array, offset: Array, angle: Array) -> Array:
    side = image.shape[0]
    steps = jnp.arange(side) - (side - 1) / 2
    down, right = jnp.meshgrid(steps, steps, indexing="ij")
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    rows = cos * down - sin * right + offset[0] + (side - 1) / 2
    columns = sin * down + cos * right + offset[1] + (side - 1) / 2
    read = functools.partial(
        jax.scipy.ndimage.map_coordinates, coordinates=[rows, columns], order=1
    )
    return jax.vmap(read, in_axes=-1, out_axes=-1)(image)
