"""The Anomaly Transformer's learning curve on telemetry against the public code."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad import types
from jaxtsad.datasets import gluing, preprocessing
from tests.golden import anomaly_transformer as golden
from tests.golden import telemetry

STEM = "anomaly_transformer_curve"
LOSSES = ("rec_loss", "series_loss", "prior_loss", "loss1", "loss2")
CURVES = ("curve", "curve_float64")


@pytest.fixture(scope="module", autouse=True)
def full_precision():
    with jax.default_matmul_precision("highest"):
        yield


@pytest.fixture(scope="module")
def case():
    return golden.fixture(STEM)


@pytest.fixture(scope="module")
def trainer(case):
    return golden.trainer(case.config)


@pytest.fixture(scope="module")
def recording(case, data_root):
    """The glued and scaled training part, its scaler, and the rows of each file."""
    series = telemetry.recordings(case.arrays, data_root)
    glued = gluing.glue(series).train
    fit, _ = types.cut_train(glued, window=case.config.window, validation=0)
    scaler = preprocessing.fit_scaler("zscore", fit)
    return scaler.apply(fit).values, scaler, [len(one.train) for one in series]


def windows_of(values, starts, length):
    return np.stack([values[start : start + length] for start in starts])


def test_losses_of_the_first_step(case, trainer):
    start, step = trainer
    _, found = step(start(case.params), jnp.asarray(case["data/first_batch"]))
    for curve in CURVES:
        expected = {name: case[f"{curve}/{name}"][0] for name in LOSSES}
        golden.check_losses(found, expected, rtol=1e-5)


def test_preprocessing(case, recording):
    values, scaler, rows = recording
    assert len(values) == case["data/n_rows"]
    np.testing.assert_array_equal(rows, case["data/rows_per_file"])
    # Recordings are float32 here; the reference's statistics are of float64 values.
    np.testing.assert_allclose(scaler.shift, case["data/mean"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(scaler.scale, case["data/scale"], rtol=1e-7)
    first = windows_of(values, case["window_start_rows"][0], case.config.window)
    np.testing.assert_allclose(first, case["data/first_batch"], rtol=1e-6, atol=1e-6)


def test_learning_curve_and_parameters(case, trainer, recording):
    start, step = trainer
    state, history = start(case.params), []
    for starts in case["window_start_rows"]:
        values = windows_of(recording[0], starts, case.config.window)
        state, found = step(state, jnp.asarray(values))
        history.append(found)
    found = jax.tree.map(lambda *leaves: np.stack(leaves), *history)
    for curve in CURVES:
        expected = {name: case[f"{curve}/{name}"] for name in LOSSES}
        golden.check_losses(found, expected, rtol=1e-4)
    golden.check_params(
        state.model, case.having("param_after/"), atol=1e-5, key_atol=6e-3
    )
