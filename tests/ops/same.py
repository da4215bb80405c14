"""Two forms of a convolution compared: outputs and the gradients of both arrays."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def assert_same_with_gradients(
    one: Callable[..., jax.Array],
    other: Callable[..., jax.Array],
    x: jax.Array,
    kernel: jax.Array,
    rtol: float = 1e-4,
    atol: float = 1e-4,
) -> None:
    """Both have the same outputs, and the same gradients of both arrays."""

    def outcome(run: Callable[..., jax.Array]) -> list[jax.Array]:
        def loss(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
            out = run(x, kernel)
            return jnp.sin(out).sum(), out

        both = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))
        return jax.tree.leaves(both(x, kernel))

    for found, expected in zip(outcome(one), outcome(other), strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
