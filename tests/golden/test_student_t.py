"""Soft assignments, targets, their divergence and gradients; accuracy and NMI."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.deep_clustering import losses as clustering
from jaxtsad.evaluation.metrics import clustering as measures
from tests.golden import loading

STEM = "student_t"
ARRAYS = loading.load(STEM)
NAMES = loading.cases(STEM)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def named(key: str) -> pytest.MarkDecorator:
    found = [name for name in NAMES if f"{name}/{key}" in ARRAYS]
    cases = [pytest.param(name, id=f"{STEM}-{name}") for name in found]
    return pytest.mark.parametrize("case", cases)


def array(case: str, key: str) -> jax.Array:
    return jnp.asarray(ARRAYS[f"{case}/{key}"], jnp.float32)


@named("z")
def test_assignments_and_their_divergence(case: str) -> None:
    q = clustering.soft_assignment(array(case, "z"), array(case, "centroids"))
    np.testing.assert_allclose(q, array(case, "q"), **CLOSE)
    p = clustering.target_distribution(q, q.sum(axis=0))
    np.testing.assert_allclose(p, array(case, "p"), **CLOSE)
    each = clustering.hardening(p, q)
    np.testing.assert_allclose(each.sum(), array(case, "kl_sum"), **CLOSE)
    np.testing.assert_allclose(each.mean(), array(case, "kl_mean_over_rows"), **CLOSE)
    over_all = each.sum() / q.size
    np.testing.assert_allclose(over_all, array(case, "kl_mean_over_elements"), **CLOSE)


@named("z")
def test_gradients_hold_the_target_fixed(case: str) -> None:
    def divergence(z: jax.Array, centres: jax.Array) -> jax.Array:
        q = clustering.soft_assignment(z, centres)
        p = clustering.target_distribution(q, q.sum(axis=0))
        return clustering.hardening(p, q).sum()

    given = array(case, "z"), array(case, "centroids")
    to_z, to_centres = jax.grad(divergence, argnums=(0, 1))(*given)
    np.testing.assert_allclose(to_z, array(case, "grad_z_of_kl_sum"), **CLOSE)
    expected = array(case, "grad_centroids_of_kl_sum")
    np.testing.assert_allclose(to_centres, expected, **CLOSE)


@named("y_true")
def test_agreement_of_clusters_and_classes(case: str) -> None:
    labels, clusters = (ARRAYS[f"{case}/{key}"] for key in ("y_true", "y_pred"))
    expected = ARRAYS[f"{case}/contingency_pred_by_true"]
    counts = measures.contingency(labels, clusters)
    np.testing.assert_array_equal(counts, expected)
    found = measures.agreement(labels, clusters)._asdict()
    for name, value in found.items():
        np.testing.assert_allclose(
            value, ARRAYS[f"{case}/{name}"], rtol=1e-9, atol=1e-9
        )
