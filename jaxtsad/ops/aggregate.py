"""Window scores back to exactly one score per step."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp

from jaxtsad.types import Array

Aggregate: TypeAlias = Literal["mean", "max", "last", "center", "spread"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)


def aggregate(
    scores: Array,
    starts: Array,
    weight: Array,
    *,
    steps: int,
    length: int,
    how: str = "mean",
) -> Array:
    """Aggregates overlapping window scores into one score per step.

    Args:
        scores: `[N, L]` per step of each window, `[N, L, C]` with trailing axes kept,
            or `[N]` per window, which is spread over the window's steps.
        starts: `[N]` first step of each window, increasing where the weight is 1.
        weight: `[N]` 1 for a window, 0 for padding, which comes last.
        steps: Number of steps T of the series.
        length: Window length L.
        how: `mean` or `max` over the windows that cover a step; `last`, from the
            window that ends nearest after it (the step itself at stride 1); `center`,
            from the window whose center is nearest; `spread`, the mean over covering
            windows of each window's mean.

    Returns:
        `[T]` (or `[T, C]`) scores, 0 for a step that no window covers.

    Raises:
        ValueError: If `how` is unknown.

    Example:
        >>> starts, weight = jnp.array([0, 2]), jnp.ones(2)
        >>> window_scores = jnp.array([[1.0, 1, 3], [5, 2, 2]])
        >>> aggregate(window_scores, starts, weight, steps=5, length=3).tolist()
        [1.0, 1.0, 4.0, 2.0, 2.0]
    """
    if how not in AGGREGATES:
        raise ValueError(f"{how=} is unknown; the choices are {', '.join(AGGREGATES)}")
    return _program(steps, length, how)(scores, starts, weight)


@functools.lru_cache(maxsize=16)
def _program(steps: int, length: int, how: str) -> Callable[..., Array]:
    """The compiled aggregation of one length; of many, the eldest are given up."""
    return jax.jit(functools.partial(_aggregate, steps=steps, length=length, how=how))


def _aggregate(
    scores: Array, starts: Array, weight: Array, *, steps: int, length: int, how: str
) -> Array:
    if scores.ndim == 1:
        scores = jnp.broadcast_to(scores[:, None], (scores.shape[0], length))
    if how == "spread":
        mean = scores.mean(axis=1, keepdims=True)
        scores = jnp.broadcast_to(mean, scores.shape)
    if how in ("last", "center"):
        return _chosen(scores, starts, weight, steps, length, how)
    where = starts[:, None] + jnp.arange(length, dtype=starts.dtype)[None]
    where = jnp.where(weight[:, None] > 0, where, steps)
    trailing = scores.shape[2:]
    if how == "max":
        lowest = jnp.full((steps, *trailing), -jnp.inf, scores.dtype)
        highest = lowest.at[where].max(scores, mode="drop")
        return jnp.where(jnp.isneginf(highest), 0.0, highest)
    total = jnp.zeros((steps, *trailing), scores.dtype)
    total = total.at[where].add(scores, mode="drop")
    count = jnp.zeros(steps, scores.dtype).at[where].add(1.0, mode="drop")
    count = jnp.maximum(count, 1.0)
    return total / count.reshape(steps, *(1 for _ in trailing))


def _chosen(
    scores: Array, starts: Array, weight: Array, steps: int, length: int, how: str
) -> Array:
    """Takes each step from one window: the first to end after it, or the most central.

    Halves are avoided by comparing twice the positions.
    """
    step = jnp.arange(steps, dtype=starts.dtype)
    # Far behind every step, and small enough that sums of two doubles do not overflow.
    far = jnp.iinfo(starts.dtype).max // 16
    starts = jnp.where(weight > 0, starts, far)
    if how == "last":
        window = jnp.searchsorted(starts + length - 1, step)
    else:
        middle = 2 * starts + length - 1
        border = (middle[:-1] + middle[1:]) // 2
        window = jnp.searchsorted(border, 2 * step)
    real = (weight > 0).sum()
    window = jnp.minimum(window, real - 1)
    offset = step - starts[window]
    covered = (offset >= 0) & (offset < length)
    taken = scores[window, jnp.clip(offset, 0, length - 1)]
    return jnp.where(covered.reshape(-1, *(1 for _ in scores.shape[2:])), taken, 0.0)
