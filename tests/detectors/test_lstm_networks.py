"""The three LSTM networks: shapes, parameter counts, and what the decoders may see."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.lstm_attention import network as lstm_attention
from jaxtsad.detectors.lstm_attention.network import LstmAttention
from jaxtsad.detectors.lstm_autoencoder.network import LstmAutoencoder
from jaxtsad.detectors.lstm_vae.network import LstmVae
from jaxtsad.models import lstm_layers

B, L, C = 3, 6, 4


def windows(seed: int = 0) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), (B, L, C))


def started(network: nn.Module, *args: Any) -> Any:
    return jax.jit(network.init)(jax.random.key(1), *args)


def count(network: nn.Module, *args: Any) -> int:
    shapes = jax.eval_shape(network.init, jax.random.key(0), *args)
    return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


def test_published_sizes() -> None:
    x25, x55 = jnp.zeros((3, 10, 25)), jnp.zeros((3, 10, 55))
    noise = jnp.zeros((3, 32))
    assert count(LstmAutoencoder(55), x55) == 199_415
    assert count(LstmVae(25), x25, noise) == 172_761
    assert count(LstmAttention(25), x25) == 115_961

    def shapes(network: nn.Module, *args: Any) -> list[tuple[int, ...]]:
        out = jax.eval_shape(
            lambda *a: network.apply(network.init(jax.random.key(0), *a), *a), *args
        )
        return [leaf.shape for leaf in jax.tree.leaves(out)]

    assert shapes(LstmVae(25), x25, noise) == [(3, 10, 25), (3, 32), (3, 32)]
    assert shapes(LstmAttention(25), x25) == [(3, 10, 25), (3, 10, 10)]
    assert shapes(LstmAutoencoder(55), x55) == [(3, 10, 55), (3, 64)]


def test_forget_bias_raises_one_quarter_of_the_bias() -> None:
    key = jax.random.key(0)
    raised = lstm_layers.bias_init(key, 5, 1.0) - lstm_layers.bias_init(key, 5, 0.0)
    np.testing.assert_allclose(raised, np.repeat([0, 1, 0, 0], 5), atol=1e-6)


@pytest.fixture(scope="module")
def autoencoder() -> Any:
    return started(LstmAutoencoder(C, hidden=5, layers=2), windows())


def test_autoencoder_sees_the_window_through_its_code_only(autoencoder: Any) -> None:
    run = jax.jit(LstmAutoencoder(C, hidden=5, layers=2).apply)
    one = run(autoencoder, windows())
    assert one.reconstruction.shape == (B, L, C) and one.code.shape == (B, 5)
    assert np.abs(one.code).max() < 1


def test_autoencoder_may_read_backwards(autoencoder: Any) -> None:
    forward = LstmAutoencoder(C, hidden=5, layers=2)
    backward = LstmAutoencoder(C, hidden=5, layers=2, reverse_target=True)
    one = jax.jit(forward.apply)(autoencoder, windows()).reconstruction
    other = jax.jit(backward.apply)(autoencoder, windows()).reconstruction
    np.testing.assert_array_equal(other, one[:, ::-1])


def test_autoencoder_may_start_its_decoder_from_the_encoder(autoencoder: Any) -> None:
    passing = LstmAutoencoder(C, hidden=5, layers=2, decoder_init="encoder_state")
    one = jax.jit(LstmAutoencoder(C, hidden=5, layers=2).apply)(autoencoder, windows())
    other = jax.jit(passing.apply)(autoencoder, windows())
    np.testing.assert_array_equal(one.code, other.code)
    assert np.abs(one.reconstruction - other.reconstruction).max() > 1e-3


def test_vae_draws_its_code_from_the_posterior() -> None:
    network = LstmVae(C, hidden=5, latent=2)
    variables = started(network, windows(), jnp.zeros((B, 2)))
    run = jax.jit(network.apply)
    made, posterior = run(variables, windows(), jnp.zeros((B, 2)))
    decoded = network.apply(variables, posterior.mean, L, method="decode")
    np.testing.assert_allclose(made, decoded, rtol=1e-5, atol=1e-6)
    noise = jnp.asarray([[1.0, -2.0]] * B)
    expected = posterior.mean + noise * jnp.exp(posterior.log_variance / 2)
    np.testing.assert_allclose(posterior.sample(noise), expected, rtol=1e-6)
    other, same = run(variables, windows(), noise)
    np.testing.assert_array_equal(same.mean, posterior.mean)
    assert np.abs(other - made).max() > 1e-4


@pytest.fixture(scope="module")
def attention() -> tuple[LstmAttention, Any]:
    network = LstmAttention(C, hidden=5, memory=4, attention=3)
    return network, started(network, windows())


def test_attention_rows_sum_to_one(attention: tuple[LstmAttention, Any]) -> None:
    network, variables = attention
    _, weights = jax.jit(network.apply)(variables, windows())
    assert weights.shape == (B, L, L)
    np.testing.assert_allclose(weights.sum(-1), np.ones((B, L)), rtol=1e-5)
    assert weights.min() > 0


def test_attention_without_a_score_is_the_mean() -> None:
    keys = jax.random.split(jax.random.key(0), 3)
    hidden, memory = (jax.random.normal(key, (B, L, 3)) for key in keys[:2])
    query = jax.random.normal(keys[2], (B, 3))
    context, weights = lstm_attention.attend(hidden, query, jnp.zeros(3), memory)
    np.testing.assert_allclose(weights, np.full((B, L), 1 / L), rtol=1e-6)
    np.testing.assert_allclose(context, memory.mean(axis=1), rtol=1e-5, atol=1e-6)


def test_attention_does_not_know_the_order_of_the_memory() -> None:
    keys = jax.random.split(jax.random.key(0), 3)
    hidden, memory = (jax.random.normal(key, (B, L, 3)) for key in keys[:2])
    query, score = jax.random.normal(keys[2], (2, B, 3))
    order = np.asarray([3, 0, 5, 1, 4, 2])
    context, weights = lstm_attention.attend(hidden, query, score[0], memory)
    other, moved = lstm_attention.attend(
        hidden[:, order], query, score[0], memory[:, order]
    )
    np.testing.assert_allclose(other, context, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(moved, weights[:, order], rtol=1e-5)


def test_free_decoder_sees_the_window_only_through_the_memory(
    attention: tuple[LstmAttention, Any],
) -> None:
    """Encoder and decoder apart give what they give together, without the window."""
    network, variables = attention
    memory = network.apply(variables, windows(), method="encode")
    decoded = network.apply(variables, memory, method="decode")
    whole = jax.jit(network.apply)(variables, windows())
    np.testing.assert_allclose(
        decoded.reconstruction, whole.reconstruction, rtol=1e-5, atol=1e-6
    )


def test_memory_of_a_step_knows_no_later_step(
    attention: tuple[LstmAttention, Any],
) -> None:
    network, variables = attention
    encode = jax.jit(lambda x: network.apply(variables, x, method="encode"))
    changed = windows().at[:, 4:].add(3.0)
    one, other = encode(windows()), encode(changed)
    np.testing.assert_array_equal(one[:, :4], other[:, :4])
    assert np.abs(one[:, 4:] - other[:, 4:]).min() > 0


def test_teaching_feeds_true_last_steps(attention: tuple[LstmAttention, Any]) -> None:
    _, variables = attention
    network = LstmAttention(C, hidden=5, memory=4, attention=3, dropout=0.0)

    @jax.jit
    def taught(forcing: jax.Array) -> Any:
        key = jax.random.key(3)
        out = network.apply(variables, windows(), key, forcing, method="taught")
        return out.reconstruction

    free = jax.jit(network.apply)(variables, windows()).reconstruction
    np.testing.assert_allclose(taught(jnp.float32(0.0)), free, rtol=1e-5, atol=1e-6)
    forced = taught(jnp.float32(1.0))
    np.testing.assert_allclose(forced[:, 0], free[:, 0], rtol=1e-5, atol=1e-6)
    assert np.abs(forced[:, 1:] - free[:, 1:]).max() > 1e-3


def test_dropout_is_for_training_and_keeps_the_mean() -> None:
    network = LstmAttention(C, hidden=5, memory=4, attention=3, dropout=0.5)
    variables = started(network, windows())
    free = jax.jit(network.apply)
    one = free(variables, windows()).reconstruction
    np.testing.assert_array_equal(one, free(variables, windows()).reconstruction)
    mask = network.bind(variables)._dropout_mask(jax.random.key(0), (20_000,))
    assert set(np.unique(mask)) == {0.0, 2.0}
    np.testing.assert_allclose(mask.mean(), 1.0, atol=0.03)


def test_bottleneck_may_be_the_last_state(attention: tuple[LstmAttention, Any]) -> None:
    network, variables = attention
    other = LstmAttention(C, hidden=5, memory=4, attention=3, bottleneck="last")
    one = jax.jit(network.apply)(variables, windows()).reconstruction
    two = jax.jit(other.apply)(variables, windows()).reconstruction
    assert np.abs(one - two).max() > 1e-3
