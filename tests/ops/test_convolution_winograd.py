"""Fewer products for two taps: the plain convolution's results, gradients and error."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import export

from jaxtsad.ops import convolution, convolution_winograd
from jaxtsad.types import Array
from tests.ops.same import assert_same_with_gradients

SIZES = [(2,), (6,), (2, 2), (4, 6)]


def draws(*shapes: tuple[int, ...]) -> list[Array]:
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]


def plain(x: Array, kernel: Array, transposed: bool) -> Array:
    """By the compiler's own."""
    run = convolution.transpose if transposed else convolution.convolve
    return run(x, kernel, implementation="lax")


def fewer(x: Array, kernel: Array, transposed: bool) -> Array:
    name = "transpose" if transposed else "convolve"
    run = getattr(convolution_winograd, name)
    found: Array = run(x, convolution_winograd.matrices(kernel))
    return found


def operands(sizes: tuple[int, ...], transposed: bool) -> list[Array]:
    more = 0 if transposed else 1
    seen = tuple(size + more for size in sizes)
    return draws((3, *seen, 5), ((2,) * len(sizes)) + (5, 7))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_values_and_gradients_are_the_plain_convolutions(
    sizes: tuple[int, ...], transposed: bool
) -> None:
    x, kernel = operands(sizes, transposed)

    forms = (functools.partial(run, transposed=transposed) for run in (fewer, plain))
    assert_same_with_gradients(*forms, x, kernel, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sizes", SIZES)
def test_the_transpose_is_the_adjoint(sizes: tuple[int, ...]) -> None:
    x, kernel = operands(sizes, transposed=False)
    there = fewer(x, kernel, transposed=False)
    (y,) = draws(there.shape)
    back = fewer(y, jnp.swapaxes(kernel, -1, -2), transposed=True)
    np.testing.assert_allclose((there * y).sum(), (back * x).sum(), rtol=1e-4)


@pytest.mark.parametrize("transposed", [False, True])
def test_it_is_exact_in_whole_numbers(transposed: bool) -> None:
    x, kernel = (jnp.round(3 * each) for each in operands((4, 6), transposed))
    found = fewer(x, kernel, transposed)
    np.testing.assert_array_equal(found, plain(x, kernel, transposed))


@settings(max_examples=20, deadline=None)
@given(
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    offset=st.sampled_from([0.0, 1.0, 100.0]),
    seed=st.integers(0, 2**16),
)
def test_it_rounds_no_worse_than_a_product_of_such_numbers(
    scale: float, offset: float, seed: int
) -> None:
    """Errors stay at float32's precision of the sums of magnitudes."""
    rng = np.random.default_rng(seed)
    x = (scale * (offset + rng.normal(size=(2, 5, 5, 6)))).astype(np.float32)
    kernel = rng.normal(size=(2, 2, 6, 4)).astype(np.float32)
    found = fewer(jnp.asarray(x), jnp.asarray(kernel), transposed=False)

    def exactly(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        taps = [(i, j) for i in (0, 1) for j in (0, 1)]
        parts = [x[:, i : i + 4, j : j + 4] @ kernel[i, j] for i, j in taps]
        return np.sum(parts, axis=0)

    doubles = x.astype(np.float64), kernel.astype(np.float64)
    magnitude = exactly(*(np.abs(each) for each in doubles)).max()
    error = np.abs(found - exactly(*doubles)).max()
    assert error <= 8 * np.finfo(np.float32).eps * magnitude


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("length", [8, 6])
def test_images_of_many_channels_are_convolved_so(
    length: int, transposed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By steps of two and four taps, where places are even and rows many enough."""
    monkeypatch.setattr(convolution_winograd, "NARROW", 4)
    monkeypatch.setattr(convolution_winograd, "FEW", 4)
    ran = []
    multiplied = convolution_winograd._multiplied

    def watched(parts: Array, kernels: Array) -> Array:
        ran.append(kernels.shape)
        return multiplied(parts, kernels)

    monkeypatch.setattr(convolution_winograd, "_multiplied", watched)
    x, kernel = draws((3, length, length, 4), (4, 4, 4, 5))
    run = convolution.transpose if transposed else convolution.convolve
    found = run(x, kernel, stride=2, padding=1, implementation="product")
    expected = run(x, kernel, stride=2, padding=1, implementation="lax")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    places = length if transposed else length // 2
    shape = (9, 4, 20) if transposed else (9, 16, 5)
    assert ran == ([shape] if places % 2 == 0 else [])


def test_few_rows_are_not_worth_the_kernels_sums() -> None:
    channels, taps = (64, 64), (2, 2)
    fits = convolution_winograd.fits
    assert not fits(1, (4, 4), taps, channels)
    assert fits(64, (4, 4), taps, channels)
    assert fits(None, (4, 4), taps, channels)
    assert not fits(64, (4, 5), taps, channels)
    assert not fits(64, (4, 4), (3, 2), channels)
    assert not fits(64, (4, 4), taps, (64, 12))


@pytest.mark.parametrize("samples", [1, 4])
def test_a_matrix_made_for_many_passes_serves_each(
    samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolution_winograd, "NARROW", 4)
    x, kernel = draws((samples, 4, 4, 4), (4, 4, 4, 5))
    made = convolution.transpose_matrix(kernel, 2, (4, 4))
    assert made.shape == (9, 4, 20)
    run = functools.partial(convolution.transpose, x, kernel, stride=2, padding=1)
    found = run(implementation="product", matrix=made)
    np.testing.assert_allclose(found, run(implementation="lax"), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["convolve", "transpose"])
def test_a_program_for_any_batch_can_be_made(name: str) -> None:
    (kernel,) = draws((4, 4, 16, 64))
    run = functools.partial(getattr(convolution, name), stride=2, padding=1)

    def images(x: Array) -> Array:
        found: Array = run(x, kernel, implementation="product")
        return found

    (size,) = export.symbolic_shape("size")
    shape = jax.ShapeDtypeStruct((size, 8, 8, 16), jnp.float32)
    (x,) = draws((3, 8, 8, 16))
    found = export.export(jax.jit(images))(shape).call(x)
    np.testing.assert_allclose(found, images(x), rtol=1e-4, atol=1e-4)
