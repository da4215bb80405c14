"""Distance of a single channel's windows to their nearest windows of the fit part.

Ramaswamy, Rastogi, Shim, "Efficient Algorithms for Mining Outliers from Large Data
Sets", SIGMOD 2000.

Shape letters: T steps, N reference windows, L steps of a window.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.evaluation.scoring import sliding
from jaxtsad.types import Array

LENGTH = 100
"""Steps of a window; a quarter of the fit part where that is shorter."""
REFERENCES = 1000
BLOCK = 1024
FAR = 1e30


class Neighbours(NamedTuple):
    """Windows of the fit part.

    Attributes:
        windows: `[N, L]`, 0 after the steps that count.
        places: `[N]` int32, the steps at which they begin; negative for none.
        steps: `[1]` int32, steps of a window that count.
    """

    windows: Array
    places: Array
    steps: Array


def template() -> Neighbours:
    """The shapes of the windows kept."""
    leaves: list[Any] = [
        jax.ShapeDtypeStruct((REFERENCES, LENGTH), "float32"),
        jax.ShapeDtypeStruct((REFERENCES,), "int32"),
        jax.ShapeDtypeStruct((1,), "int32"),
    ]
    return Neighbours(*leaves)


def fit(z: Array, counted: Array) -> Neighbours:
    """Keeps evenly placed windows of the fit part.

    Args:
        z: `[T]` standardized values.
        counted: `[T]` bool, steps that count.
    """
    length = sliding.end(counted)
    steps = jnp.maximum(2, jnp.minimum(LENGTH, length // 4)).astype(jnp.int32)
    windows = jnp.maximum(length - steps + 1, 1)
    places, there = sliding.even(windows, REFERENCES)
    index = places[:, None] + jnp.arange(LENGTH)[None]
    used = jnp.arange(LENGTH) < steps
    clean = (jnp.pad(counted, (0, LENGTH))[index] | ~used[None]).all(axis=1)
    taken = jnp.where(used[None], jnp.pad(z, (0, LENGTH))[index], 0.0)
    places = jnp.where(there & clean, places, -1).astype(jnp.int32)
    return Neighbours(taken, places, steps[None])


def distance(
    neighbours: Neighbours,
    z: Array,
    length: Array | int,
    k: int,
    *,
    fitting: bool,
) -> Array:
    """Distance to the k-th nearest window, mean over the windows that cover a step.

    Args:
        neighbours: Windows of the fit part.
        z: `[T]` standardized values.
        length: Steps that the series has, the first of the T.
        k: Which nearest window is measured to; the farthest where there are fewer.
        fitting: Whether the series is the fit part itself: a window is then not
            compared with those that it overlaps by half.

    Returns:
        `[T]`, root mean square over a window's steps.
    """
    n, total = neighbours, len(z)
    size = n.steps[0]
    blocks = -(-total // BLOCK)
    padded = jnp.pad(z, (0, blocks * BLOCK + LENGTH - total))
    used = jnp.arange(LENGTH) < size

    def block(number: Array) -> Array:
        begin = number * BLOCK
        part = jax.lax.dynamic_slice_in_dim(padded, begin, BLOCK + LENGTH - 1)
        index = jnp.arange(BLOCK)[:, None] + jnp.arange(LENGTH)[None]
        windows = jnp.where(used[None], part[index], 0.0)
        missing = jnp.zeros((1, 1), bool)
        if fitting:
            step = begin + jnp.arange(BLOCK)
            missing = jnp.abs(step[:, None] - n.places[None]) < size // 2
        return nearest(n, windows, k, missing)

    found = jax.lax.map(block, jnp.arange(blocks)).reshape(-1)[:total]
    begun = jnp.arange(total) <= jnp.maximum(jnp.asarray(length) - size, 0)
    kernel = used.astype(z.dtype)

    def covering(each: Array) -> Array:
        return jnp.convolve(each, kernel)[:total]

    number = covering(begun.astype(z.dtype))
    return covering(jnp.where(begun, found, 0.0)) / jnp.maximum(number, 1.0)


def nearest(neighbours: Neighbours, windows: Array, k: int, missing: Array) -> Array:
    """Root mean square distance `[B]` of windows `[B, L]` to their k-th nearest.

    Args:
        neighbours: Windows of the fit part.
        windows: 0 after the steps that count.
        k: Which nearest is measured to; the farthest where there are fewer.
        missing: `[B, N]` or less, which are not compared.
    """
    n = neighbours
    apart = (n.windows**2).sum(axis=1)[None] - 2 * jnp.matmul(
        windows, n.windows.T, precision=jax.lax.Precision.HIGHEST
    )
    apart = jnp.where(missing | (n.places[None] < 0), FAR, apart)
    best, _ = jax.lax.top_k(-apart, k)
    # The farthest of those there are; 0 where there is none.
    farthest = jnp.where(best > -FAR, -best, -jnp.inf).max(axis=1)
    squares = jnp.maximum(farthest + (windows**2).sum(axis=1), 0.0)
    return jnp.sqrt(squares / n.steps[0])
