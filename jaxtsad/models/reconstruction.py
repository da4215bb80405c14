"""Reconstruction losses: weighted means in which padding has no part.

Shape letters: B windows, L steps, C channels.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxtsad.types import Array


def shares(weight: Array) -> Array:
    """Each row's share `[B]` of a weighted mean; zeros where all weights are 0."""
    return weight / jnp.maximum(weight.sum(), jnp.finfo(weight.dtype).tiny)


def mean(values: Array, weight: Array) -> Array:
    """Weighted mean over rows of `values [B, ...]`, giving `[...]`.

    Example:
        >>> float(mean(jnp.asarray([1.0, 3.0, 100.0]), jnp.asarray([1.0, 1.0, 0.0])))
        2.0
    """
    return jnp.tensordot(shares(weight), values, axes=1)


def squared_error(reconstruction: Array, windows: Array) -> Array:
    """Each channel's part `[B, L, C]` of a step's error: the squared error over C."""
    return jnp.square(reconstruction - windows) / windows.shape[-1]


def mean_squared_error(reconstruction: Array, windows: Array, weight: Array) -> Array:
    """Mean over windows, steps and channels of the squared error.

    Args:
        reconstruction: `[B, L, C]`.
        windows: `[B, L, C]`.
        weight: `[B]`, 0 for padding.

    Example:
        >>> x = jnp.asarray([[[1.0, 1.0]], [[9.0, 9.0]]])
        >>> float(mean_squared_error(jnp.zeros_like(x), x, jnp.asarray([1.0, 0.0])))
        1.0
    """
    error = jnp.square(reconstruction - windows)
    return mean(error.mean(axis=tuple(range(1, error.ndim))), weight)
