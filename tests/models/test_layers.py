"""Affine maps: several by one product, and through what their input was made of."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxtsad.models.layers import Affine, Factors, joined

B, L, S, D = 3, 4, 2, 6


class Pair(nn.Module):
    """Two maps of one input, whole or by its factors."""

    by_factors: bool

    @nn.compact
    def __call__(self, factors: Factors) -> list[jax.Array]:
        first = Affine(D, 5, precision="float32", name="first")
        second = Affine(D, 3, held=True, precision="float32", name="second")
        whole = factors.whole("float32")
        return joined(
            whole, first, second, factors=factors if self.by_factors else None
        )


def made() -> Factors:
    rng = np.random.default_rng(0)
    shapes = ((B, L, S), (S, D), (L, D))
    return Factors(*(jnp.asarray(rng.normal(size=s), jnp.float32) for s in shapes))


@functools.cache
def values_and_gradients(by_factors: bool):
    net = Pair(by_factors)
    params = net.init(jax.random.key(0), made())

    def total(params, factors):
        one, other = net.apply(params, factors)
        return jnp.sin(one).sum() + jnp.cos(other).sum(), (one, other)

    return jax.jit(jax.grad(total, argnums=(0, 1), has_aux=True))(params, made())


def test_maps_by_factors_are_maps_of_the_whole() -> None:
    whole, apart = values_and_gradients(False), values_and_gradients(True)
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(apart), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    biases = [apart[0][0]["params"][name]["bias"] for name in ("first", "second")]
    assert [bool(jnp.any(bias)) for bias in biases] == [True, False]


def test_joined_maps_are_those_maps() -> None:
    net, factors = Pair(False), made()
    params = net.init(jax.random.key(0), factors)
    found = net.apply(params, factors)
    x = factors.rows @ factors.kernel + factors.shift[None]
    for out, name in zip(found, ("first", "second"), strict=True):
        map_ = params["params"][name]
        expected = x @ map_["kernel"] + map_["bias"][None, None]
        np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("batch", "columns", "pays"),
    [(32, 75, True), (1, 75, False), (3, 75, True), (32, 511, False)],
)
def test_factors_pay_where_they_save_operations(
    batch: int, columns: int, pays: bool
) -> None:
    shapes = ((batch, 100, columns), (columns, 512), (100, 512))
    factors = Factors(*(np.zeros(s, np.float32) for s in shapes))
    assert factors.pay() == pays
