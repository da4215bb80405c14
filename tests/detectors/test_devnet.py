"""DevNet: its loss, whom a batch pairs, and that labels teach what to look for."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors import devnet
from jaxtsad.evaluation.metrics import point
from jaxtsad.ops import samples
from jaxtsad.training import fit, fleet
from jaxtsad.training.plan import Plan
from jaxtsad.types import Batch, cut_train
from tests.detectors import labelled

CONFIG = devnet.Config(1, labelled.WIDTH, "table", batch_size=64, learning_rate=3e-3)


def scores(known: np.ndarray, config: devnet.Config = CONFIG) -> tuple:
    detector = devnet.build(config)
    model = labelled.train(detector, known, epochs=20)
    return labelled.score(detector, model)


def test_the_loss_of_a_batch_by_hand() -> None:
    prior = jnp.array([1.0, 2.0])
    found = devnet.deviation_loss(
        jnp.array([5.0, -3.0, 5.0, 20.0]), jnp.array([0.0, 0, 1, 1]), prior, 5.0
    )
    np.testing.assert_allclose(found, [2.0, 2.0, 3.0, 0.0])


def test_labels_teach_which_direction_is_anomalous() -> None:
    """Normal rows far out in another direction stay below the known kind."""
    labels, found = scores(labelled.KNOWN)
    assert point.auc_roc(labels, found) > 0.97
    _, blind = scores(np.zeros_like(labelled.KNOWN))
    assert point.auc_roc(labels, blind) < point.auc_roc(labels, found) - 0.02


def test_stand_ins_have_no_part_where_anomalies_are_known() -> None:
    other = dataclasses.replace(CONFIG, margin=9.0)
    _, found = scores(labelled.KNOWN)
    np.testing.assert_array_equal(found, scores(labelled.KNOWN, other)[1])
    nobody = np.zeros_like(labelled.KNOWN)
    assert not np.array_equal(scores(nobody)[1], scores(nobody, other)[1])


def test_padding_and_known_rows_are_not_among_the_unlabelled() -> None:
    """Moving rows of weight 0, or what is made of them, changes no gradient."""
    state = devnet.init(CONFIG, jax.random.key(0), labelled.source(labelled.KNOWN))
    rows = jax.random.normal(jax.random.key(1), (4, labelled.WIDTH))
    others = jax.random.normal(jax.random.key(2), (4, labelled.WIDTH))
    weight = jnp.array([1.0, 1.0, 0.0, 0.0])

    def slope(rows: jax.Array, others: jax.Array = others) -> dict:
        args = (CONFIG, state.train.prior, rows, weight, others, weight)
        return jax.grad(devnet.objective, has_aux=True)(state.model, *args)[0]

    one = slope(rows)
    for other in (slope(rows.at[2:].add(3.0)), slope(rows, others.at[2:].add(3.0))):
        jax.tree.map(np.testing.assert_array_equal, one, other)


def test_the_range_is_that_of_real_samples() -> None:
    values = np.array([[0.0, 5.0], [2.0, -1.0], [9.0, 9.0]], np.float32)
    part, _ = cut_train(values, window=1, validation=0)
    source = samples.view(part).with_arrays(weight=jnp.array([1.0, 1.0, 0.0]))
    low, high = devnet.value_range(source)
    assert low.tolist() == [0.0, -1.0] and high.tolist() == [2.0, 5.0]


@pytest.mark.parametrize("layout", devnet.LAYOUTS)
def test_windows_and_rows_are_one_row_each(layout: str) -> None:
    shape = (5, 4, 2) if layout == "window" else (5, 8)
    config = devnet.Config(4, 2) if layout == "window" else devnet.Config(1, 8, layout)
    params = devnet.network(config).init(jax.random.key(0), jnp.zeros((1, 8)))["params"]
    values = jnp.arange(40.0).reshape(shape)
    batch = Batch(values, jnp.ones(5), jnp.arange(5), jnp.zeros(5))
    found = devnet.score(config, jax.random.split(jax.random.key(0), 5), params, batch)
    expected = devnet.scores_of(config, params, jnp.arange(40.0).reshape(5, 8))
    np.testing.assert_array_equal(found, expected)


def test_a_member_without_labels_trains_beside_one_with() -> None:
    sources = [labelled.source(labelled.KNOWN), labelled.source(0 * labelled.KNOWN)]
    result = fit.fit(
        jax.random.split(jax.random.key(0), 2),
        devnet.build(CONFIG),
        fleet.stack(sources),
        plan=Plan(epochs=2, stop="none"),
    )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.model))
