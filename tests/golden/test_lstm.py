"""LSTM layers against the reference's outputs, final states and gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.ops import recurrent
from tests.golden import loading

STEM = "lstm"
CASES = [pytest.param(case, id=f"{STEM}-{case}") for case in loading.cases(STEM)]
UNROLLS = [pytest.param(1, id="rolled"), pytest.param(4, id="unrolled")]


def fixture(case: str) -> dict[str, np.ndarray]:
    prefix = f"{case}/"
    arrays = loading.load(STEM)
    return {k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)}


def layers(arrays: dict[str, np.ndarray]) -> list[recurrent.Weights]:
    """The reference's weights: transposed, its two biases added."""
    count = sum(name.startswith("param/weight_ih_l") for name in arrays)
    return [
        recurrent.Weights(
            jnp.asarray(arrays[f"param/weight_ih_l{n}"].T),
            jnp.asarray(arrays[f"param/weight_hh_l{n}"].T),
            jnp.asarray(arrays[f"param/bias_ih_l{n}"] + arrays[f"param/bias_hh_l{n}"]),
        )
        for n in range(count)
    ]


def initial(arrays: dict[str, np.ndarray]) -> list[recurrent.Carry] | None:
    if "h_0" not in arrays:
        return None
    pairs = zip(arrays["h_0"], arrays["c_0"], strict=True)
    return [recurrent.Carry(jnp.asarray(h), jnp.asarray(c)) for h, c in pairs]


@pytest.mark.parametrize("unroll", UNROLLS)
@pytest.mark.parametrize("case", CASES)
def test_lstm_outputs_and_final_states(case: str, unroll: int) -> None:
    arrays = fixture(case)
    run = jax.jit(lambda w, x, s: recurrent.stack(w, x, s, unroll=unroll))
    outputs, last = run(layers(arrays), jnp.asarray(arrays["x"]), initial(arrays))
    np.testing.assert_allclose(outputs, arrays["out"], rtol=0, atol=2e-6)
    for found, name in ((0, "h_n"), (1, "c_n")):
        states = np.stack([carry[found] for carry in last])
        np.testing.assert_allclose(states, arrays[name], rtol=0, atol=2e-6)


@pytest.mark.parametrize("unroll", UNROLLS)
@pytest.mark.parametrize("case", CASES)
def test_lstm_gradients(case: str, unroll: int) -> None:
    arrays = fixture(case)

    def loss(weights: list[recurrent.Weights]) -> jax.Array:
        x = jnp.asarray(arrays["x"])
        outputs, _ = recurrent.stack(weights, x, initial(arrays), unroll=unroll)
        return (outputs**2).sum()

    value, grads = jax.jit(jax.value_and_grad(loss))(layers(arrays))
    np.testing.assert_allclose(value, arrays["loss_sum_squares"], rtol=1e-5)
    for number, grad in enumerate(grads):
        expected = {
            "weight_ih": grad.input.T,
            "weight_hh": grad.hidden.T,
            "bias_ih": grad.bias,
            "bias_hh": grad.bias,
        }
        for name, found in expected.items():
            reference = arrays[f"grad/{name}_l{number}"]
            np.testing.assert_allclose(found, reference, rtol=1e-4, atol=1e-5)
