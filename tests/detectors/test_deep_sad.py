"""Deep SAD: its loss, its centre, and that labels push what is known away."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors import deep_sad
from jaxtsad.evaluation.metrics import point
from tests.detectors import labelled

CONFIG = deep_sad.Config(
    1, labelled.WIDTH, "table", pretrain_steps=200, batch_size=64, learning_rate=3e-3
)


def scores(known: np.ndarray, config: deep_sad.Config = CONFIG) -> tuple:
    detector = deep_sad.build(config)
    model = labelled.train(detector, known, epochs=15)
    return labelled.score(detector, model)


def test_the_loss_by_hand() -> None:
    found = deep_sad.sad_loss(jnp.array([2.0, 4.0, 0.5]), jnp.array([0.0, 1, 1]), 3.0)
    np.testing.assert_allclose(found, [2.0, 0.75, 6.0], rtol=1e-5)


def test_labels_push_known_anomalies_away() -> None:
    labels, found = scores(labelled.KNOWN)
    assert point.auc_roc(labels, found) > 0.75
    _, blind = scores(np.zeros_like(labelled.KNOWN))
    assert point.auc_roc(labels, found) > point.auc_roc(labels, blind) + 0.2


def test_without_weight_labels_do_nothing_but_leave_the_unlabelled() -> None:
    """With eta 0 a known anomaly is a row less, not a row far from the centre."""
    config = dataclasses.replace(CONFIG, eta=0.0)
    model = deep_sad.init(config, jax.random.key(0), labelled.source(labelled.KNOWN))
    row = jnp.asarray(labelled.ROWS[:2])

    def loss(params: dict, known: jax.Array) -> jax.Array:
        moved = model.model._replace(params=params)
        apart = deep_sad.distances(config, moved, row)
        return deep_sad.sad_loss(apart, known, config.eta)[1]

    params = model.model.params
    with_label = jax.grad(loss)(params, jnp.array([0.0, 1.0]))
    assert all(not leaf.any() for leaf in jax.tree.leaves(with_label))
    without = jax.grad(loss)(params, jnp.zeros(2))
    assert any(leaf.any() for leaf in jax.tree.leaves(without))


def test_the_centre_is_the_mean_code_but_never_near_zero() -> None:
    source = labelled.source(labelled.KNOWN)
    model = deep_sad.init(CONFIG, jax.random.key(0), source).model
    mean = deep_sad.codes_of(CONFIG, model.params, source.values).mean(0)
    assert jnp.abs(model.centre).min() >= deep_sad.LEAST_CENTRE
    far = jnp.abs(mean) >= deep_sad.LEAST_CENTRE
    np.testing.assert_allclose(model.centre[far], mean[far], rtol=1e-4)
    np.testing.assert_array_equal(jnp.sign(model.centre), jnp.where(mean < 0, -1, 1))


def test_nothing_has_a_bias() -> None:
    model = deep_sad.init(CONFIG, jax.random.key(0), labelled.source(labelled.KNOWN))
    zero = jnp.zeros((1, labelled.WIDTH))
    assert not deep_sad.codes_of(CONFIG, model.model.params, zero).any()


def test_the_autoencoder_is_trained_first() -> None:
    """The start of the same key without steps has other weights."""
    source = labelled.source(labelled.KNOWN)
    start = dataclasses.replace(CONFIG, pretrain_steps=0)
    key = jax.random.key(0)
    before = deep_sad.init(start, key, source).model.params
    after = deep_sad.init(CONFIG, key, source).model.params
    assert not np.allclose(before["layer_0"]["kernel"], after["layer_0"]["kernel"])


def test_inspect_gives_what_the_score_is_made_of() -> None:
    detector = deep_sad.build(CONFIG)
    source = labelled.source(labelled.KNOWN)
    state = detector.init(jax.random.key(0), source)
    batch = source.take(jnp.arange(6))
    keys = jax.random.split(jax.random.key(1), 6)
    assert detector.inspect is not None
    seen = detector.inspect(keys, state.model, batch)
    apart = jnp.square(seen["latent"] - seen["centre"]).sum(-1)
    np.testing.assert_allclose(apart, detector.score(keys, state.model, batch))
