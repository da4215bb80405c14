"""What the Anomaly Transformer's golden tests share: a fixture as our objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad import types
from jaxtsad.detectors.anomaly_transformer import detector as anomaly_transformer
from jaxtsad.detectors.anomaly_transformer import losses as objectives
from jaxtsad.detectors.anomaly_transformer import pytorch as interop
from jaxtsad.detectors.anomaly_transformer import training as _minimax
from jaxtsad.detectors.anomaly_transformer.config import Config
from jaxtsad.models import pytorch as checkpoints
from jaxtsad.models.anomaly_attention import forward
from jaxtsad.ops import windows
from jaxtsad.types import Array, Batch, PyTree, State
from tests.golden import loading

KEY_BIAS = "key_projection.bias"


@dataclasses.dataclass(frozen=True)
class Fixture:
    """A fixture's arrays with the config and parameters they say."""

    arrays: dict[str, np.ndarray]
    config: Config
    params: PyTree

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def having(self, prefix: str) -> dict[str, np.ndarray]:
        """Arrays below a prefix, without those of parameters that are never used."""
        found = checkpoints.select(self.arrays, prefix)
        passed_over = interop.PASSED_OVER.fullmatch
        return {name: x for name, x in found.items() if not passed_over(name)}


def fixture(stem: str) -> Fixture:
    arrays = loading.load(stem)
    options = {
        "window": "win_size",
        "channels": "enc_in",
        "width": "d_model",
        "heads": "n_heads",
        "layers": "e_layers",
        "hidden": "d_ff",
        "batch_size": "batch",
    }
    values: dict[str, Any] = {
        ours: int(arrays[f"config/{theirs}"]) for ours, theirs in options.items()
    }
    floats = {"k": "k", "temperature": "temperature", "learning_rate": "lr"}
    for ours, theirs in floats.items():
        if f"config/{theirs}" in arrays:
            values[ours] = float(arrays[f"config/{theirs}"])
    config = Config(**values)
    params = interop.to_params(checkpoints.select(arrays, "param/"))
    return Fixture(arrays, config, params)


def batch(values: np.ndarray) -> Batch:
    count = len(values)
    return Batch(
        jnp.asarray(values),
        jnp.ones(count),
        jnp.arange(count, dtype=jnp.int32),
        jnp.zeros(count),
    )


def source(values: np.ndarray) -> windows.WindowView:
    """Windows `[N, L, C]`, in order, as the view that validation reads."""
    length = values.shape[1]
    glued = types.cut_test(values.reshape(-1, values.shape[-1]))
    return windows.view(glued, length, length)


def keys(values: np.ndarray) -> Array:
    return jax.random.split(jax.random.key(0), len(values))


def losses(config: Config) -> Callable[..., dict[str, Any]]:
    """Compiled `(params, values) -> losses and the gradients of three of them`."""
    network = _minimax.network(config)

    def of(name: str, params: PyTree, values: Array) -> tuple[Array, Any]:
        output = forward(network, params, values)
        terms = objectives.terms(values, output, jnp.ones(values.shape[0]))
        chosen = {
            "grad/": objectives.joint,
            "grad_loss1/": objectives.series_phase,
            "grad_loss2/": objectives.prior_phase,
        }[name]
        loss = chosen(terms, config.k)
        return loss, _minimax.metrics(terms, config.k)

    def all_of(params: PyTree, values: Array) -> dict[str, Any]:
        found = {}
        for name in ("grad/", "grad_loss1/", "grad_loss2/"):
            grad = jax.grad(lambda p, n=name: of(n, p, values), has_aux=True)
            found[name], found["losses"] = grad(params)
        return found

    return jax.jit(all_of)


def trainer(config: Config) -> tuple[Callable, Callable]:
    """The detector's own initial state of given parameters, and its compiled step."""
    init, step = anomaly_transformer.minimax(config)

    def start(params: PyTree) -> State:
        return State(params, init(params))

    def one(state: State, values: Array) -> tuple[State, dict[str, Array]]:
        weight = jnp.ones(values.shape[0])
        index = jnp.arange(values.shape[0], dtype=jnp.int32)
        given = Batch(values, weight, index, jnp.zeros_like(weight))
        return step(jax.random.key(0), state, given, jnp.float32(1), config.k)

    return start, jax.jit(one)


def check_params(
    params: PyTree, expected: dict[str, np.ndarray], *, atol: float, key_atol: float
) -> None:
    """Compares parameters by name; key biases have no true gradient (see README)."""
    found = interop.from_params(params)
    assert set(found) == set(expected)
    for name, value in expected.items():
        tolerance = key_atol if name.endswith(KEY_BIAS) else atol
        np.testing.assert_allclose(
            found[name], value, rtol=0, atol=tolerance, err_msg=name
        )


def check_losses(
    found: dict[str, Array], expected: dict[str, np.ndarray], rtol: float
) -> None:
    """Compares our metrics with the reference's losses by its names."""
    names = {
        "rec_loss": "loss",
        "series_loss": "series",
        "prior_loss": "prior",
        "loss1": "loss1",
        "loss2": "loss2",
    }
    for theirs, value in expected.items():
        np.testing.assert_allclose(
            found[names[theirs]], value, rtol=rtol, err_msg=theirs
        )
