"""Convolutions a few images at a time: the compiler's own result and gradients."""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest

from jaxtsad.ops import convolution, convolution_taps
from tests.ops.same import assert_same_with_gradients


@pytest.mark.parametrize("cached", [10, 700, 2**17])
@pytest.mark.parametrize("name", ["convolve", "transpose"])
def test_equals_the_compilers_own(
    name: str, cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image at a time, two of five, and all at once."""
    monkeypatch.setattr(convolution_taps, "CACHED", cached)
    x_key, kernel_key = jax.random.split(jax.random.key(0))
    x = jax.random.normal(x_key, (5, 6, 5, 3))
    kernel = jax.random.normal(kernel_key, (3, 4, 3, 2))

    taps = getattr(convolution_taps, name)
    lax = functools.partial(getattr(convolution, name), implementation="lax")
    assert_same_with_gradients(taps, lax, x, kernel, atol=1e-5)


@pytest.mark.parametrize("name", ["convolve", "transpose"])
def test_a_kernel_too_large_for_the_cache_is_used_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = jax.random.normal(jax.random.key(0), (1, 4, 9, 2))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 2, 1))
    run = getattr(convolution, name)
    expected = run(x, kernel, padding=1, implementation="product")
    monkeypatch.setattr(convolution_taps, "CACHED", 17)
    monkeypatch.delattr(convolution_taps, name)
    found = run(x, kernel, padding=1, implementation="product")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
