"""Convolutions by tiles: the compiler's own result and gradients, by fewer products."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.ops import convolution, convolution_tiles
from tests.ops.same import assert_same_with_gradients

CHANNELS = convolution_tiles.NARROW


def operands(
    outs: tuple[int, int], taps: tuple[int, int], channels: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    x_key, kernel_key = jax.random.split(jax.random.key(0))
    sizes = [out + tap - 1 for out, tap in zip(outs, taps, strict=True)]
    x = jax.random.normal(x_key, (3, *sizes, channels[0]))
    kernel = jax.random.normal(kernel_key, (*taps, *channels))
    return x, kernel / math.sqrt(math.prod(taps) * channels[0])


@pytest.mark.parametrize(
    "taps", range(convolution_tiles.TAPS[0], convolution_tiles.TAPS[1] + 1)
)
def test_transforms_of_an_axis_correlate(taps: int) -> None:
    tile, kernel, outputs = convolution_tiles.transforms(taps)
    generator = np.random.default_rng(taps)
    seen, given = generator.normal(size=len(tile)), generator.normal(size=taps)
    made = outputs @ ((tile @ seen) * (kernel @ given))
    np.testing.assert_allclose(made, np.correlate(seen, given), rtol=0, atol=1e-12)
    assert len(made) == convolution_tiles.OUTPUTS


@pytest.mark.parametrize(
    ("outs", "taps"), [((4, 4), (5, 5)), ((8, 4), (3, 5)), ((4, 12), (4, 3))]
)
def test_equals_the_compilers_own(outs: tuple[int, int], taps: tuple[int, int]) -> None:
    lax = functools.partial(convolution.convolve, implementation="lax")
    x, kernel = operands(outs, taps, (3, 2))
    assert_same_with_gradients(convolution_tiles.convolve, lax, x, kernel, atol=1e-4)


def test_rounds_as_coarsely_as_it_says() -> None:
    x, kernel = operands((8, 8), (5, 5), (50, 50))
    lax = convolution.convolve(x, kernel, implementation="lax")
    found = convolution_tiles.convolve(x, kernel)
    assert float(jnp.abs(found - lax).max()) < 1e-4 * float(lax.std())


@pytest.mark.parametrize("padding", [0, 2])
def test_training_takes_tiles_and_scoring_the_compilers_own(
    padding: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, kernel = operands((4, 4), (5, 5), (CHANNELS, CHANNELS))
    edges = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    assert convolution_tiles.fits(jnp.pad(x, edges).shape, kernel.shape)
    made = []
    convolve = convolution_tiles.convolve

    def watched(x: jax.Array, kernel: jax.Array) -> jax.Array:
        made.append(x.shape)
        return convolve(x, kernel)

    monkeypatch.setattr(convolution_tiles, "convolve", watched)
    run = functools.partial(convolution.convolve, padding=padding)
    lax = functools.partial(run, implementation="lax")
    np.testing.assert_array_equal(jax.jit(run)(x, kernel), jax.jit(lax)(x, kernel))
    assert not made
    assert_same_with_gradients(run, lax, x, kernel, atol=1e-3)
    assert made


@pytest.mark.parametrize(
    ("samples", "outs", "shape", "pays"),
    [
        (3, (4, 4), (5, 5, CHANNELS, CHANNELS), True),
        (3, (4, 6), (5, 5, CHANNELS, CHANNELS), False),
        (3, (4, 4), (2, 5, CHANNELS, CHANNELS), False),
        (3, (4, 4), (5, 6, CHANNELS, CHANNELS), False),
        (3, (4, 4), (5, 5, CHANNELS - 1, CHANNELS), False),
        (3, (4, 4), (5, 5, CHANNELS, 1), False),
        (10**6, (4, 4), (5, 5, CHANNELS, CHANNELS), False),
        (None, (4, 4), (5, 5, CHANNELS, CHANNELS), False),
    ],
)
def test_fits_whole_tiles_of_many_channels(
    samples: int | None, outs: tuple[int, int], shape: tuple[int, ...], pays: bool
) -> None:
    sizes = [out + tap - 1 for out, tap in zip(outs, shape[:2], strict=True)]
    assert convolution_tiles.fits((samples, *sizes, shape[2]), shape) is pays
