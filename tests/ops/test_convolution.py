"""Convolutions as products: the compiler's own result and gradients, every shape."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.ops import convolution
from tests.ops.same import assert_same_with_gradients

SHAPES = [
    # spatial sizes, kernel, stride, padding
    ((8, 8), 4, 2, 1),
    ((4, 4), 4, 1, 0),
    ((6, 6), 3, 1, 1),
    ((16,), 4, 2, 1),
    ((4,), 4, 2, 0),
    ((9, 7), 3, 2, 1),
    ((1, 1), 4, 1, 0),
    ((1,), 4, 1, 0),
    ((1, 1), 4, 2, 1),
    ((1,), 4, 2, 1),
]


def draws(shape: tuple[int, ...], kernel: int) -> tuple[jax.Array, jax.Array]:
    x_key, kernel_key = jax.random.split(jax.random.key(0))
    x = jax.random.normal(x_key, (2, *shape, 3))
    return x, jax.random.normal(kernel_key, (*(kernel,) * len(shape), 3, 5))


@pytest.mark.parametrize("name", ["convolve", "transpose"])
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), SHAPES)
def test_product_equals_the_compilers_convolution(
    name: str, shape: tuple[int, ...], kernel: int, stride: int, padding: int
) -> None:
    if name == "convolve" and min(shape) + 2 * padding < kernel:
        pytest.skip("nothing is left")
    x, weights = draws(shape, kernel)
    function = functools.partial(
        getattr(convolution, name), stride=stride, padding=padding
    )

    product, lax = (
        functools.partial(function, implementation=each) for each in ("product", "lax")
    )
    assert_same_with_gradients(product, lax, x, weights, atol=1e-5)


@pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), SHAPES)
def test_a_matrix_made_before_takes_the_kernels_place(
    shape: tuple[int, ...], kernel: int, stride: int, padding: int
) -> None:
    x, weights = draws(shape, kernel)
    made = convolution.transpose_matrix(weights, stride, shape)
    run = functools.partial(convolution.transpose, stride=stride, padding=padding)
    found = run(x, weights, implementation="product", matrix=made)
    expected = run(x, weights, implementation="product")
    np.testing.assert_array_equal(found, expected)


def test_transpose_is_the_adjoint_of_convolve() -> None:
    x, weights = draws((8, 8), 4)
    y = jax.random.normal(jax.random.key(3), (2, 4, 4, 5))
    there = convolution.convolve(x, weights, stride=2, padding=1)
    swapped = jnp.swapaxes(weights, -1, -2)
    back = convolution.transpose(y, swapped, stride=2, padding=1)
    np.testing.assert_allclose((there * y).sum(), (back * x).sum(), rtol=1e-4)


def test_a_kernel_is_laid_where_it_should_be() -> None:
    x = jnp.zeros((1, 4, 1)).at[0, 1, 0].set(1.0)
    kernel = jnp.asarray([1.0, 2.0, 3.0, 4.0])[:, None, None]
    out = convolution.transpose(x, kernel, stride=2, padding=1)
    np.testing.assert_array_equal(out[0, :, 0], [0, 1, 2, 3, 4, 0, 0, 0])


@pytest.mark.parametrize("shape", [(4, 5), (6,)])
@pytest.mark.parametrize(("kernel", "padding"), [(5, 0), (3, 1)])
def test_one_stride_of_two_does_what_repeating_first_does(
    shape: tuple[int, ...],
    kernel: int,
    padding: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(convolution, "REPEATED", 1)  # one image at a time
    x, weights = draws(shape, kernel)

    def apart(x: jax.Array, weights: jax.Array) -> jax.Array:
        for axis in range(1, x.ndim - 1):
            x = jnp.repeat(x, 2, axis)
        return convolution.transpose(x, weights, padding=padding)

    joined = functools.partial(convolution.transpose_repeated, padding=padding)
    assert_same_with_gradients(joined, apart, x, weights)


@pytest.mark.parametrize("cut", [0, 1])
@pytest.mark.parametrize(("steps", "half"), [(1, 2), (2, 1), (5, 2), (4, 3)])
def test_steps_that_are_repeated_and_convolved_in_one(
    steps: int, half: int, cut: int
) -> None:
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, steps, 3)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(2 * half + 1, 3, 4)), jnp.float32)
    length = 2 * steps - cut

    def apart(x: jax.Array, kernel: jax.Array) -> jax.Array:
        kept = jnp.repeat(x, 2, axis=1)[:, :length]
        return convolution.convolve(kept, kernel, padding=half)

    joined = functools.partial(convolution.convolve_repeated, length=length)
    assert_same_with_gradients(joined, apart, x, kernel)


@pytest.mark.parametrize("padding", [0, 1])
def test_the_backends_choice_equals_a_product_and_so_do_its_gradients(
    padding: int,
) -> None:
    x, weights = draws((6, 7), 3)
    chosen = functools.partial(convolution.convolve, padding=padding)
    product = functools.partial(chosen, implementation="product")
    assert_same_with_gradients(chosen, product, x, weights)
