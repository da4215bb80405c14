"""The product of activations and a kernel is `@`, gradients included."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.ops import products


@pytest.mark.parametrize("shape", [(5,), (2, 3, 5)])
def test_product_is_matmul_and_so_is_its_gradient(shape):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=shape), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(5, 4)), jnp.float32)
    count = jnp.asarray(rng.normal(size=(*shape[:-1], 4)), jnp.float32)

    def pulled(multiply):
        out, pull = jax.vjp(multiply, x, kernel)
        return out, *pull(count)

    found = jax.jit(lambda: pulled(products.product))()
    expected = jax.jit(lambda: pulled(jnp.matmul))()
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("precision", products.PRECISIONS)
def test_precision_rounds_operands_and_adds_up_in_float32(precision):
    rng = np.random.default_rng(2)
    x = jnp.asarray(rng.normal(size=(3, 64)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(64, 4)), jnp.float32)
    out, pull = jax.vjp(lambda x, k: products.product(x, k, precision), x, kernel)
    grads = pull(jnp.ones_like(out))
    assert {out.dtype, *(grad.dtype for grad in grads)} == {np.dtype(np.float32)}
    if precision == "bfloat16":
        x, kernel = (y.astype(jnp.bfloat16).astype(jnp.float32) for y in (x, kernel))
    np.testing.assert_allclose(out, x @ kernel, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(grads[0][0], kernel.sum(-1), rtol=1e-5, atol=1e-5)


def test_activations_stored_in_bfloat16_are_rounded_once():
    rng = np.random.default_rng(3)
    x = jnp.asarray(rng.normal(size=(3, 512)), jnp.bfloat16)
    kernel = jnp.asarray(rng.normal(size=(512, 4)), jnp.float32)
    out, pull = jax.vjp(lambda x, k: products.product(x, k, "bfloat16"), x, kernel)
    to_x, to_kernel = pull(jnp.ones_like(out))
    assert (out.dtype, to_x.dtype) == (jnp.bfloat16, jnp.bfloat16)
    assert to_kernel.dtype == jnp.float32
    narrow = np.asarray(kernel.astype(jnp.bfloat16), np.float64)
    exact = np.asarray(x, np.float64) @ narrow
    np.testing.assert_allclose(np.asarray(out, np.float64), exact, rtol=2**-8)


def test_members_under_vmap():
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(2, 3, 4, 5)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(2, 5, 6)), jnp.float32)
    grad = jax.grad(lambda x, k: (products.product(x, k) ** 2).sum(), argnums=(0, 1))
    found = jax.jit(jax.vmap(grad))(x, kernel)
    for member in range(2):
        alone = jax.jit(grad)(x[member], kernel[member])
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(one[member], other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "version", "chosen"),
    [
        ({"amx_bf16"}, (0, 12, 0), "bfloat16"),
        ({"avx512_bf16", "avx2"}, (0, 12, 1), "bfloat16"),
        ({"avx512_bf16"}, (0, 10, 2), "float32"),
        ({"avx2"}, (0, 12, 0), "float32"),
    ],
)
def test_auto_is_bfloat16_where_products_of_it_are_fast(
    monkeypatch, flags, version, chosen
):
    monkeypatch.setattr(products, "cpu_flags", lambda: flags)
    monkeypatch.setattr(products.jax, "default_backend", lambda: "cpu")
    monkeypatch.setattr(products.jax, "__version_info__", version)
    with pytest.warns(UserWarning, match=f"'auto' is {chosen}: products of"):
        assert products.resolved("auto") == chosen


@pytest.mark.parametrize("members", [0, 2])
def test_a_turned_product_is_the_same_gradient(monkeypatch, members):
    """That of a kernel in bfloat16 on a CPU with instructions for it."""
    rng = np.random.default_rng(4)
    lead = (members,) if members else ()
    x = jnp.asarray(rng.normal(size=(*lead, 6, 16)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(*lead, 16, 4)), jnp.float32)

    def gradient(x, kernel):
        return jax.grad(
            lambda k: (products.product(x, k, "bfloat16") ** 2).sum(), argnums=0
        )(kernel)

    found = []
    for fast in (False, True):
        monkeypatch.setattr(products, "narrow_is_fast", lambda fast=fast: fast)
        run = jax.vmap(gradient) if members else gradient
        found.append(jax.jit(lambda x, k, run=run: run(x, k))(x, kernel))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-5)
