"""Factorizations of matrices that never come in batches on a CPU.

A batched one shares its matrices among the threads of the pool that it runs in, and
waits for them. With jaxlib 0.10 two of these at once, as on two devices, wait for each
other for ever. One matrix after another waits for nobody; other backends have batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.types import Array


def solve(matrices: Array, right: Array) -> Array:
    """Solves `matrices @ x = right`.

    Args:
        matrices: `[..., P, P]`.
        right: `[..., P, R]`, with the same leading axes.

    Example:
        >>> solve(jnp.array([[[2.0]], [[4.0]]]), jnp.ones((2, 1, 1))).ravel().tolist()
        [0.5, 0.25]
    """
    return _run(jnp.linalg.solve, matrices, right)


def inverse(matrices: Array) -> Array:
    """Inverses of `[..., P, P]`."""
    return _run(jnp.linalg.inv, matrices)


def eigh(matrices: Array) -> tuple[Array, Array]:
    """Eigenvalues `[..., P]` of symmetric matrices, rising, and vectors as columns."""
    return _run(lambda matrix: tuple(jnp.linalg.eigh(matrix)), matrices)


def orthonormal(matrices: Array) -> Array:
    """Orthonormal bases `[..., P, R]` of the columns of `[..., P, R]`."""
    return _run(lambda matrix: jnp.linalg.qr(matrix)[0], matrices)


def _run(function: Callable[..., Any], *arrays: Array) -> Any:
    if jax.default_backend() != "cpu":
        return function(*arrays)
    one = jax.custom_batching.sequential_vmap(function)
    for _ in range(arrays[0].ndim - 2):
        one = jax.vmap(one)
    return one(*arrays)
