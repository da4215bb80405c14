"""Exports as ONNX: primitives one by one, detectors, and a process without JAX."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest

from jaxtsad import SampleDetector, TimeSeriesDetector
from jaxtsad.export import onnx_graph, onnx_ops
from jaxtsad.export.scorer import Scorer
from jaxtsad.ops import convolution
from tests.detectors import tiny
from tests.export.test_export import agree, fitted, waves

NAMES = ["zscore", "pca", "knn", "ar", "iforest", "lstm_vae", "lstm_autoencoder"]
NAMES += ["anomaly_transformer", "ganomaly", "deep_sad", "devnet"]
GRID = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
TABLE = np.arange(24, dtype=np.float32).reshape(6, 4)
KERNEL = np.random.default_rng(1).normal(size=(4, 4, 1, 2)).astype(np.float32)
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "products": lambda x: jnp.einsum("abc,adc->bad", x, x) / jnp.abs(x).sum(),
    "batched": lambda x: jax.vmap(lambda a, b: a @ b.T)(x, x[::-1]),
    "convolution": lambda x: jnp.convolve(x[0, 0], x[0, 1])[:, None] * x[0, 2][None],
    "strided": lambda x: convolution.convolve(
        x[..., None], KERNEL, stride=2, padding=1
    ),
    "transposed": lambda x: convolution.transpose(
        x[..., None], KERNEL, stride=2, padding=1
    ),
    "means of numbers": lambda x: jax.vmap(lambda number: number.mean())(x[0, 0]),
    "sums": lambda x: jnp.cumsum(x, axis=1) - jnp.cumsum(x[:, ::-1], axis=1)[:, ::-1],
    "truths": lambda x: jnp.where((x > 0).any(axis=1) & (x < 1).all(axis=1), 1.0, 0.0),
    "choices": lambda x: jnp.where(jnp.where(x > 0, x > 1, x < -1), x, 0.5),
    "gathered": lambda x: jnp.asarray(TABLE)[jnp.argmax(x, axis=-1)],
    "windows": lambda x: jax.vmap(
        lambda i: jax.lax.dynamic_slice(x[0], (i, 1), (2, 3))
    )(jnp.arange(3)),
    "placed": lambda x: jax.lax.dynamic_update_slice(
        x, 2 * x[:1, :2], ((x[0, 0, 0] > 0).astype(jnp.int32), 1, 0)
    ),
    "placed_each": lambda x: jax.vmap(
        lambda row: jax.lax.dynamic_update_slice(row, row[:1], (2, 0))
    )(x),
    "columns": lambda x: (
        jnp.zeros((3, 4, 9))
        .at[:, :, jnp.argmax(x[0, 0]) + jnp.array([3, 0, 1])]
        .set(x[..., :3])
    ),
    "cells": lambda x: x.at[jnp.array([0, 2]), jnp.array([1, 3])].set(x[:2, 0] * 2),
    "best": lambda x: jnp.stack(jax.lax.top_k(x, 2)[0:1])[0],
    "padded": lambda x: jax.lax.pad(x, 0.5, ((1, 0, 0), (0, 2, 1), (-1, 0, 0))),
    "small": lambda x: jnp.log1p(1e-7 * x) * 1e7,
    "probable": lambda x: jnp.log(jax.nn.sigmoid(8 * x - 30)),
    "powers": lambda x: x**3 + (1 + x**2) ** -2 + jnp.abs(x) ** 0.35,
    "repeated": lambda x: jax.lax.scan(
        lambda carry, row: (carry + row, carry * row), x[0] * 0, x, reverse=True
    )[1],
    "counted": lambda x: jax.lax.fori_loop(0, 3, lambda i, y: y * x + i, x),
    "mapped": lambda x: jax.lax.map(
        lambda row: jax.lax.cond(row.sum() > 0, lambda: row, lambda: -row), x
    ),
    "empty": lambda x: jnp.pad(x, ((0, 0), (2, 0), (0, 0)), mode="edge"),
}


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_functions_are_those_of_jax(name: str) -> None:
    def function(given: dict[str, Any]) -> Any:
        return FUNCTIONS[name](given["x"])

    inputs = {"x": jax.ShapeDtypeStruct(GRID.shape, jnp.float32)}
    content = onnx_graph.model(function, inputs, onnx_ops.RULES)
    session = onnxruntime.InferenceSession(content)
    for x in (GRID, -GRID):
        [made] = session.run(None, {"x": x})
        known = np.asarray(function({"x": jnp.asarray(x)}))
        assert made.shape == known.shape and made.dtype == known.dtype
        np.testing.assert_allclose(made, known, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", tiny.each(NAMES))
def test_detectors_score_alike_as_onnx(name: str, tmp_path: pathlib.Path) -> None:
    detector = fitted(name)
    parity = detector.export(tmp_path, ["onnx"])
    assert parity[name]["largest_difference"]["onnx"] <= 1e-5
    values = waves(150, seed=1)
    values[70] += 30
    agree(Scorer(tmp_path).scores(values), detector.decision_function(values))


def test_the_default_detector_scores_without_jax(tmp_path: pathlib.Path) -> None:
    detector = fitted("pretrained_tcn")
    parity = detector.export(tmp_path, ["onnx", "stablehlo"])
    assert parity["pretrained_tcn"]["largest_difference"]["onnx"] <= 1e-5
    values = waves(700, seed=2)
    values[300:310, 1] += 30
    np.save(tmp_path / "data.npy", values)
    code = (
        "import sys; sys.modules['jax'] = sys.modules['jaxtsad'] = None\n"
        "import runpy; sys.argv = ['scorer.py', 'data.npy']\n"
        "runpy.run_path('scorer.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    rows = np.loadtxt(done.stdout.splitlines()[1:], delimiter=",")
    agree(rows[:, 1], detector.decision_function(values))
    np.testing.assert_array_equal(rows[:, 2], detector.predict(values))


def test_samples_score_alike_as_onnx(tmp_path: pathlib.Path) -> None:
    random = np.random.default_rng(0)
    train, test = random.normal(size=(40, 5)), random.normal(size=(7, 5))
    detector = SampleDetector("deep_sad", epochs=1, batch_size=16).fit(train)
    detector.export(tmp_path, ["onnx"])
    agree(Scorer(tmp_path).scores(test), detector.decision_function(test))


@pytest.mark.slow
def test_the_default_detector_of_many_channels_goes_as_onnx(
    tmp_path: pathlib.Path,
) -> None:
    """Above four channels it sees whether few are live, and then those alone."""
    detector = TimeSeriesDetector("pretrained_tcn", window=8).fit(waves(300, 5))
    parity = detector.export(tmp_path, ["onnx"])
    assert parity["pretrained_tcn"]["largest_difference"]["onnx"] <= 1e-5


@pytest.mark.parametrize("name", ["dplan", "latent_search"])
def test_what_has_no_counterpart_is_refused_in_a_line(
    name: str, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot be exported as onnx") as error:
        fitted(name).export(tmp_path / "out", ["onnx"])
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()
