"""The Anomaly Transformer against the public code: everything, at a small size."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.anomaly_transformer import detector as anomaly_transformer
from jaxtsad.detectors.anomaly_transformer import pytorch as interop
from jaxtsad.evaluation.metrics import point, point_adjusted
from jaxtsad.evaluation.thresholds import transductive
from jaxtsad.models.layers import positional_encoding
from jaxtsad.ops.attention import association
from jaxtsad.ops.attention.kernels import launch as attention_kernels
from tests.golden import anomaly_transformer as golden

STEM = "anomaly_transformer_small"
KERNELS = (
    pytest.mark.slow,
    pytest.mark.skipif(
        attention_kernels.interpreter() is None and jax.default_backend() == "cpu",
        reason="this JAX has no interpreter of GPU kernels (0.12 has)",
    ),
)
IMPLEMENTATIONS = (
    *("definition", "xla"),
    pytest.param("mosaic", marks=KERNELS),
)


@pytest.fixture(scope="module", autouse=True)
def full_precision():
    with jax.default_matmul_precision("highest"):
        yield


@pytest.fixture(scope="module")
def case():
    return golden.fixture(STEM)


@pytest.fixture(scope="module")
def trained(case):
    """The state after the fixture's steps, with the losses before each."""
    start, step = golden.trainer(case.config)
    state, history = start(case.params), []
    for values in case["x_train"]:
        state, metrics = step(state, jnp.asarray(values))
        history.append(metrics)
    return state, jax.tree.map(lambda *leaves: np.stack(leaves), *history)


def inspected(case):
    detector = anomaly_transformer.build(case.config)
    return jax.jit(detector.inspect)(
        golden.keys(case["x"]), case.params, golden.batch(case["x"])
    )


def scored(case, params, values, **changes):
    config = dataclasses.replace(case.config, **changes)
    score = jax.jit(anomaly_transformer.build(config).score)
    return np.asarray(score(golden.keys(values), params, golden.batch(values)))


def test_positional_table(case):
    table = positional_encoding(case.config.window, case.config.width)
    expected = case["buffer/embedding.position_embedding.pe"][0]
    np.testing.assert_allclose(table, expected, rtol=0, atol=1e-6)


def test_reconstruction_sigma_and_associations(case):
    found = inspected(case)
    np.testing.assert_allclose(found["reconstruction"], case["recon"], atol=1e-5)
    for layer in range(case.config.layers):
        for name, theirs, atol in (
            ("sigma", "sigma", 1e-5),
            ("series", "series", 5e-6),
            ("prior", "prior_normalised", 5e-6),
        ):
            np.testing.assert_allclose(
                found[name][:, layer], case[f"{theirs}/{layer}"], rtol=0, atol=atol
            )
        density = association.prior_density(found["sigma"][:, layer])
        np.testing.assert_allclose(density, case[f"prior/{layer}"], rtol=0, atol=5e-5)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_losses_and_every_gradient(case, implementation):
    config = dataclasses.replace(case.config, implementation=implementation)
    found = golden.losses(config)(case.params, jnp.asarray(case["x"]))
    names = ("rec_loss", "series_loss", "prior_loss", "loss1", "loss2")
    golden.check_losses(found["losses"], {n: case[n] for n in names}, rtol=1e-5)
    for prefix in ("grad/", "grad_loss1/", "grad_loss2/"):
        grads, expected = interop.from_params(found[prefix]), case.having(prefix)
        assert set(grads) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(
                grads[name], value, rtol=1e-4, atol=1e-5, err_msg=prefix + name
            )


def test_energies_at_both_temperatures(case):
    values = case["x"]
    error = np.asarray(inspected(case)["reconstruction"] - values) ** 2
    np.testing.assert_allclose(error.mean(-1), case["test/rec_error"], atol=1e-5)
    for temperature, prefix, tolerance in (
        (case.config.temperature, "test", {"rtol": 2e-3, "atol": 1e-6}),
        (1.0, "test_temperature1", {"rtol": 0, "atol": 5e-5}),
    ):
        found = scored(case, case.params, values, temperature=temperature)
        np.testing.assert_allclose(found, case[f"{prefix}/energy"], **tolerance)
        discrepancy = np.asarray(inspected(case)["discrepancy"]).sum(1)
        weight = association.discrepancy_weight(discrepancy, temperature)
        np.testing.assert_allclose(weight, case[f"{prefix}/weight"], **tolerance)


def test_discrepancies_both_ways(case):
    found = inspected(case)
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


def validated(case, params):
    """The detector's own validation over the fixture's batches, in order."""
    source = golden.source(case["x_val"].reshape(-1, *case["x_val"].shape[2:]))
    validate = jax.jit(anomaly_transformer.build(case.config).validate)
    return validate(jax.random.key(0), params, source)


def test_validation_losses(case):
    expected = {name: case[f"val/{name}"] for name in ("loss1", "loss2")}
    golden.check_losses(validated(case, case.params), expected, rtol=1e-5)


def test_losses_of_each_step(case, trained):
    names = ("rec_loss", "series_loss", "prior_loss", "loss1", "loss2")
    expected = {name: case[f"train/{name}"] for name in names}
    golden.check_losses(trained[1], expected, rtol=1e-5)


def test_parameters_after_training(case, trained):
    golden.check_params(
        trained[0].model, case.having("param_after/"), atol=2e-6, key_atol=1e-3
    )


def test_validation_losses_after_training(case, trained):
    expected = {name: case[f"val_after/{name}"] for name in ("loss1", "loss2")}
    golden.check_losses(validated(case, trained[0].model), expected, rtol=1e-5)


def test_published_test_procedure(case, trained):
    params = trained[0].model
    train, test = (
        np.concatenate([scored(case, params, values) for values in case[name]]).ravel()
        for name in ("x_train", "x_test")
    )
    tolerance = {"rtol": 2e-3, "atol": 1e-6}
    np.testing.assert_allclose(train, case["solver_test/train_energy"], **tolerance)
    np.testing.assert_allclose(test, case["solver_test/test_energy"], **tolerance)
    share = float(case["solver_test/percentile"]) / 100
    threshold = transductive.transductive_quantile(train, test, share).value
    np.testing.assert_allclose(threshold, case["solver_test/threshold"], rtol=1e-4)
    labels = case["test_labels"].ravel()
    flags = point_adjusted.adjust(test > threshold, labels, compat=True)
    metrics = (point.accuracy, point.precision, point.recall, point.f1)
    np.testing.assert_allclose(
        [metric(labels, flags) for metric in metrics],
        case["solver_test/accuracy_precision_recall_f1"],
        rtol=0,
        atol=1e-9,
    )
