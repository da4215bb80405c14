"""How columns answer to switches: a regression on where the switches have been.

A switch is a column of two values, such as a command. What it did lately is told by
its means over the last 1, 4, 16 and 64 steps; a column that follows its switches is
predicted by a linear map of these. Only columns that follow their switches nearly
wholly, measured on the fit part, count.

Shape letters: T steps, C columns, F = C times the number of widths.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.evaluation.scoring import sliding
from jaxtsad.ops import factorizations
from jaxtsad.types import Array

WIDTHS = (1, 4, 16, 64)
RIDGE = 0.02
LEAST = 0.01
"""Least mean square of what is left."""
FOLLOWS = (0.94, 0.96)
"""Shares of the variance explained from which on a column counts, and counts in full.

Telemetry of which switches explain less does other things, too, which are no faults.
"""
HIGHEST = jax.lax.Precision.HIGHEST


class Answers(NamedTuple):
    """A linear map from the switches' recent means to all columns.

    Attributes:
        maps: `[F, C]`.
        middle: `[F]` mean of the recent means.
        scale: `[C]` mean square of what is left.
        follows: `[C]` 1 for columns that switches explain nearly all of, 0 for others:
            by the share of the variance, less what as many columns of noise explain.
    """

    maps: Array
    middle: Array
    scale: Array
    follows: Array


def template(channels: int) -> Answers:
    """The shapes of the map."""
    size = len(WIDTHS) * channels
    shapes = ((size, channels), (size,), (channels,), (channels,))
    leaves: list[Any] = [jax.ShapeDtypeStruct(each, "float32") for each in shapes]
    return Answers(*leaves)


def fit(z: Array, switches: Array, counted: Array) -> Answers:
    """Fits the map.

    Args:
        z: `[T, C]` standardized values of the fit part, 0 in columns left out.
        switches: `[T, C]` standardized values of switches, 0 in other columns.
        counted: `[T]` bool, steps that count.
    """
    seen = _recent(switches, len(z))
    weight = counted.astype(z.dtype)[:, None]
    number = jnp.maximum(weight.sum(), 1.0)
    middle = (weight * seen).sum(axis=0) / number
    centered = weight * (seen - middle[None])
    gram = jnp.matmul(centered.T, centered, precision=HIGHEST) / number
    right = jnp.matmul(centered.T, z, precision=HIGHEST) / number
    maps = factorizations.solve(gram + RIDGE * jnp.eye(len(gram)), right)
    left = weight * (z - jnp.matmul(seen - middle[None], maps, precision=HIGHEST))
    squares = (left**2).sum(axis=0) / number
    total = (weight * z**2).sum(axis=0) / number
    size = len(WIDTHS) * (switches != 0).any(axis=0).sum()
    free = number - 1 - size
    unexplained = squares / jnp.maximum(total, 1e-6) * (number - 1)
    explained = jnp.clip(1 - unexplained / jnp.maximum(free, 1.0), 0.0, 1.0)
    explained = jnp.where((free > 0) & (total > 1e-6), explained, 0.0)
    low, high = FOLLOWS
    follows = jnp.clip((explained - low) / (high - low), 0.0, 1.0)
    return Answers(maps, middle, jnp.maximum(squares, LEAST), follows)


def broken(answers: Answers, z: Array, switches: Array, length: Array | int) -> Array:
    """Squared residuals `[T, C]` in units of the fit part's mean, times `follows`.

    Args:
        answers: The map.
        z: `[T, C]` standardized values, 0 in columns left out.
        switches: See `fit`.
        length: Steps that the series has, the first of the T.
    """
    return _left(answers, z, _recent(switches, length))


def newest(answers: Answers, z: Array, switches: Array) -> Array:
    """Squared residuals `[C]` of the newest step, as `broken` has them.

    Args:
        answers: The map.
        z: `[C]` the step's standardized values, 0 in columns left out.
        switches: `[N, C]` the last steps, of `max(WIDTHS)` or more.
    """
    seen = jnp.concatenate([switches[-width:].mean(axis=0) for width in WIDTHS])
    return _left(answers, z[None], seen[None])[0]


def _left(answers: Answers, z: Array, seen: Array) -> Array:
    centered = seen - answers.middle[None]
    left = z - jnp.matmul(centered, answers.maps, precision=HIGHEST)
    return left**2 * (answers.follows / answers.scale)[None]


def _recent(switches: Array, length: Array | int) -> Array:
    """Means `[T, F]` over the last steps, shorter ones at the beginning."""
    each = (sliding.mean(switches, w, length, centered=False) for w in WIDTHS)
    return jnp.concatenate(list(each), axis=1)
