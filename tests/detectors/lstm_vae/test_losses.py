"""Variational objectives by hand: divergence, its three weightings, and collapse."""

from __future__ import annotations

import functools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxtsad.detectors.lstm_vae import losses as lstm_vae

B, L, C, Z = 4, 5, 3, 2


def example() -> tuple[jax.Array, jax.Array, jax.Array]:
    keys = jax.random.split(jax.random.key(0), 4)
    made, windows = (jax.random.normal(key, (B, L, C)) for key in keys[:2])
    posterior = (jax.random.normal(key, (B, Z)) for key in keys[2:])
    return made, windows, lstm_vae.divergence(*posterior)


def test_divergence_of_known_gaussians() -> None:
    mean = jnp.asarray([[1.0, 0.0], [0.0, 0.0]])
    log_variance = jnp.asarray([[0.0, np.log(4.0)], [0.0, 0.0]])
    found = lstm_vae.divergence(mean, log_variance).sum(axis=-1)
    np.testing.assert_allclose(found, [1.30685282, 0.0], rtol=1e-6)


def test_divergence_has_no_gradient_at_the_prior() -> None:
    grad = jax.grad(lambda m, v: lstm_vae.divergence(m, v).sum(), (0, 1))
    for part in grad(jnp.zeros((1, Z)), jnp.zeros((1, Z))):
        np.testing.assert_array_equal(part, np.zeros((1, Z)))


@hypothesis.given(st.floats(-30, 30, width=32), st.floats(-30, 30, width=32))
def test_divergence_is_never_negative(mean: float, log_variance: float) -> None:
    found = lstm_vae.divergence(jnp.asarray([[mean]]), jnp.asarray([[log_variance]]))
    assert float(found[0, 0]) >= 0
    exact = 0.5 * (mean**2 + np.expm1(log_variance) - log_variance)
    np.testing.assert_allclose(found[0, 0], exact, rtol=1e-5, atol=1e-6)


def test_losses_weigh_error_and_divergence_as_written() -> None:
    made, windows, divergences = example()
    loss = functools.partial(lstm_vae.loss, beta=0.1)
    ones = jnp.ones(B)
    mse = np.mean(np.square(made - windows))
    kl = np.asarray(divergences).sum(axis=1)
    expected = {
        "strict": mse + 0.1 * kl.mean(),
        "as_run": mse + 0.1 * kl.sum(),
        "elbo_sum": mse * L * C + 0.1 * kl.mean(),
    }
    assert set(expected) == set(lstm_vae.KINDS)
    for kind in lstm_vae.KINDS:
        total, metrics = loss(kind, made, windows, divergences, ones)
        np.testing.assert_allclose(total, expected[kind], rtol=1e-5)
        np.testing.assert_allclose(metrics["loss"], total)
        np.testing.assert_allclose(metrics["mse"], mse, rtol=1e-5)
        np.testing.assert_allclose(metrics["kl"], kl.mean(), rtol=1e-5)
    with pytest.raises(ValueError, match="the choices are strict, as_run, elbo_sum"):
        loss("sum", made, windows, divergences, ones)


def test_divergence_as_run_is_the_batch_size_times_strict() -> None:
    made, windows, divergences = example()
    terms = [
        lstm_vae.loss(kind, made, windows, divergences, jnp.ones(B), beta=beta)[0]
        for kind in ("strict", "as_run")
        for beta in (0.1, 0.0)
    ]
    ratio = (terms[2] - terms[3]) / (terms[0] - terms[1])
    np.testing.assert_allclose(ratio, B, rtol=1e-4)


@pytest.mark.parametrize("kind", lstm_vae.KINDS)
def test_padding_has_no_part(kind: lstm_vae.Kind) -> None:
    made, windows, divergences = example()
    weight = jnp.asarray([1.0, 0.0, 1.0, 1.0])
    loss = functools.partial(lstm_vae.loss, kind, beta=0.1)
    padded, _ = loss(made.at[1].set(7), windows, divergences.at[1].set(9), weight)
    kept = np.asarray([0, 2, 3])
    alone, _ = loss(made[kept], windows[kept], divergences[kept], jnp.ones(3))
    np.testing.assert_allclose(padded, alone, rtol=1e-6)


def test_free_bits_are_free() -> None:
    made, windows, _ = example()

    def cost(divergences: jax.Array) -> jax.Array:
        args = (made, windows, divergences, jnp.ones(B))
        return lstm_vae.loss("strict", *args, beta=1.0, free_bits=0.5)[0]

    divergences = jnp.asarray([[0.1, 2.0]] * B)
    mse = np.mean(np.square(made - windows))
    np.testing.assert_allclose(cost(divergences), mse + 0.5 + 2.0, rtol=1e-6)
    grad = jax.grad(cost)(divergences)
    np.testing.assert_allclose(grad, [[0.0, 1 / B]] * B, rtol=1e-6)


def test_warm_up_is_linear_and_off_by_default() -> None:
    assert lstm_vae.warmed(0.1, jnp.int32(0), 0) == 0.1
    found = [float(lstm_vae.warmed(0.2, jnp.int32(e), 4)) for e in range(6)]
    np.testing.assert_allclose(found, [0.0, 0.05, 0.1, 0.15, 0.2, 0.2], rtol=1e-6)


def test_collapse_is_named_when_no_latent_varies() -> None:
    means = np.random.default_rng(0).normal(size=(200, 4)) * [1.0, 0.5, 0.05, 0.0]
    found = lstm_vae.activity(
        jnp.asarray(means.mean(0), jnp.float32),
        jnp.asarray((means**2).mean(0), jnp.float32),
        jnp.float32(2.0),
    )
    assert float(found["active_latents"]) == 0.5
    assert float(found["kl_per_latent"]) == 0.5
    as_floats = {name: float(value) for name, value in found.items()}
    assert lstm_vae.collapsed(as_floats) is None
    said = lstm_vae.collapsed({"active_latents": 0.0, "kl_per_latent": 0.001})
    assert said is not None and "posterior collapse" in said and "\n" not in said
