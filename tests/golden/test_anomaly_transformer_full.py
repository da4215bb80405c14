"""The Anomaly Transformer against the public code at its real window and depth."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.anomaly_transformer import detector as anomaly_transformer
from jaxtsad.ops.attention import association
from tests.golden import anomaly_transformer as golden

STEM = "anomaly_transformer_full"
IMPLEMENTATIONS = (
    *("definition", "xla"),
    pytest.param("mosaic", marks=pytest.mark.gpu),
)


@pytest.fixture(scope="module", autouse=True)
def full_precision():
    with jax.default_matmul_precision("highest"):
        yield


@pytest.fixture(scope="module")
def case():
    return golden.fixture(STEM)


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def detector(case, request):
    config = dataclasses.replace(case.config, implementation=request.param)
    return anomaly_transformer.build(config)


@pytest.fixture(scope="module")
def found(case, detector):
    values = case["x"]
    inspect = jax.jit(detector.inspect)
    return inspect(golden.keys(values), case.params, golden.batch(values))


def test_reconstruction_and_sigma(case, found):
    np.testing.assert_allclose(found["reconstruction"], case["recon"], atol=1e-5)
    for layer in range(case.config.layers):
        sigma = found["sigma"][:, layer]
        np.testing.assert_allclose(sigma, case[f"sigma/{layer}"], rtol=0, atol=1e-5)


def test_losses(case, detector):
    source = golden.source(case["x"])
    output = jax.jit(detector.validate)(jax.random.key(0), case.params, source)
    names = ("rec_loss", "series_loss", "prior_loss", "loss1", "loss2")
    golden.check_losses(output, {name: case[name] for name in names}, rtol=1e-5)


def test_discrepancies_both_ways(case, found):
    for direction, name in (("forward", "series"), ("reverse", "prior")):
        rows = association.divergence(
            found["series"], found["prior"], "additive", direction
        )
        np.testing.assert_allclose(
            case.config.temperature * rows.mean(2).sum(1),
            case[f"test/{name}_discrepancy"],
            rtol=0,
            atol=2e-3,
        )


def test_energy(case, detector):
    values = case["x"]
    energy = jax.jit(detector.score)(
        golden.keys(values), case.params, golden.batch(values)
    )
    np.testing.assert_allclose(energy, case["energy"], rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("prefix", ["test", "test_temperature1"])
def test_weight_and_energy_by_temperature(case, found, prefix):
    temperature = 1.0 if prefix.endswith("1") else case.config.temperature
    weight = association.discrepancy_weight(found["discrepancy"].sum(1), temperature)
    error = jnp.square(found["reconstruction"] - case["x"]).mean(-1)
    np.testing.assert_allclose(error, case["test/rec_error"], rtol=0, atol=1e-5)
    tolerance = {"test": {"rtol": 2e-3, "atol": 1e-6}}.get(
        prefix, {"rtol": 0, "atol": 5e-5}
    )
    np.testing.assert_allclose(weight, case[f"{prefix}/weight"], **tolerance)
    energy = f"{prefix}/energy" if f"{prefix}/energy" in case.arrays else "energy"
    np.testing.assert_allclose(weight * error, case[energy], **tolerance)
