"""Factorizations of batches are right, and on a CPU of one matrix at a time."""

from __future__ import annotations

import re

import jax
import numpy as np
import pytest

from benchmarks.throughput import sources
from jaxtsad import detectors
from jaxtsad.ops import factorizations

RNG = np.random.default_rng(0)
ROOTS = RNG.normal(size=(2, 3, 5, 5)).astype(np.float32)
MATRICES = ROOTS @ ROOTS.swapaxes(-1, -2) + 5 * np.eye(5, dtype=np.float32)
RIGHT = RNG.normal(size=(2, 3, 5, 2)).astype(np.float32)
LAPACK = re.compile(r"custom_call @lapack_\w+\(.*\) \{.*?\} : \(tensor<([\dx]+)xf32>")


def batched(text: str) -> list[str]:
    """Shapes of factorizations with leading axes, of the text of a program."""
    shapes = LAPACK.findall(text)
    assert shapes
    return [shape for shape in shapes if shape.count("x") > 1]


@pytest.mark.parametrize("lead", [(), (0,), (0, 0)])
def test_batches_are_what_numpy_gives(lead: tuple[int, ...]) -> None:
    matrices, right = MATRICES[lead or ...], RIGHT[lead or ...]
    solved = factorizations.solve(matrices, right)
    np.testing.assert_allclose(
        solved, np.linalg.solve(matrices, right), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        factorizations.inverse(matrices), np.linalg.inv(matrices), rtol=1e-4, atol=1e-5
    )
    values, vectors = factorizations.eigh(matrices)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(matrices), rtol=1e-4)
    again = np.einsum("...ij,...j,...kj->...ik", vectors, values, vectors)
    np.testing.assert_allclose(again, matrices, rtol=1e-3, atol=1e-3)
    basis = np.asarray(factorizations.orthonormal(right))
    product = basis.swapaxes(-1, -2) @ basis
    np.testing.assert_allclose(
        product, np.broadcast_to(np.eye(2), product.shape), atol=1e-5
    )


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only CPUs have no batches")
@pytest.mark.parametrize("name", ["pca", "ar", "pretrained_tcn"])
def test_no_fit_factorizes_a_batch_which_may_never_end(name: str) -> None:
    config = detectors.module(name).TINY
    data = sources.stacked(config, 64, 2)
    detector = detectors.module(name).build(config)
    keys = jax.random.split(jax.random.key(0), 2)
    for lifted in (jax.vmap(detector.init), _in_turn(detector.init)):
        assert not batched(jax.jit(lifted).lower(keys, data).as_text())


def _in_turn(function):
    return lambda *stacked: jax.lax.map(lambda each: function(*each), stacked)


def test_the_search_finds_batches() -> None:
    plain = jax.jit(jax.numpy.linalg.inv).lower(MATRICES).as_text()
    assert batched(plain)
