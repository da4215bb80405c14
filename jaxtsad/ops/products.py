"""The product of activations and a kernel, with a backward pass that copies nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxtsad.types import Array


@jax.custom_vjp
def product(x: Array, kernel: Array) -> Array:
    """Multiplies the last axis of `x` by a matrix.

    The same as `x @ kernel`. Its kernel's gradient is one product of two matrices; left
    to itself it would be one over several axes, before which XLA transposes the
    activations' gradient inside whatever computes that, at ten times the cost.

    Args:
        x: `[..., D]`.
        kernel: `[D, F]`.

    Returns:
        `[..., F]`.

    Example:
        >>> product(jnp.ones((2, 3, 4)), jnp.ones((4, 5))).shape
        (2, 3, 5)
    """
    return x @ kernel


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return x @ kernel, (x, kernel)


def _backward(saved: tuple[Array, Array], to_out: Array) -> tuple[Array, Array]:
    x, kernel = saved
    rows = x.reshape(-1, x.shape[-1])
    to_rows = to_out.reshape(-1, to_out.shape[-1])
    return to_out @ kernel.T, jnp.einsum("nd,nf->df", rows, to_rows)


product.defvjp(_forward, _backward)
