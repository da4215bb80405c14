"""Fine-tuning: what its crops are and what its steps change."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from jaxtsad import TimeSeriesDetector
from jaxtsad.detectors.pretrained_tcn import TINY, build, tuning, weights
from jaxtsad.ops.windows import view
from jaxtsad.types import Clock, cut_train

STEPS = 600
CONFIG = dataclasses.replace(TINY, fine_tuning=4)


def waves(steps: int = STEPS, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.arange(steps)[:, None]
    made = np.sin(time / np.array([3.0, 7.0, 11.0])) + 0.1 * rng.normal(size=(steps, 3))
    return made.astype(np.float32)


def refreshed(values: np.ndarray):
    detector = build(CONFIG)
    split, _ = cut_train(values, window=CONFIG.window, validation=0)
    source = view(split, CONFIG.window, 1)
    state = jax.jit(detector.init)(jax.random.key(0), source)
    return detector, source, state, detector.refresh(jax.random.key(1), state, source)


def test_cross_entropy_weighs_labeled_steps():
    logits = np.array([[0.0, 2.0]], np.float32)
    labels = np.array([[True, False]])
    expected = (3 * np.log(2) + np.log1p(np.exp(2.0))) / 2
    assert float(tuning.cross_entropy(logits, labels, 3.0)) == pytest.approx(expected)
    first = np.array([[1.0, 0.0]], np.float32)
    found = float(tuning.cross_entropy(logits, labels, 3.0, first))
    assert found == pytest.approx(3 * np.log(2))


def test_an_epoch_has_crops_with_faults_and_steps_change_the_gate_alone():
    detector, source, state, made = refreshed(waves())
    crops = made.train
    assert crops.seen.shape[:2] == crops.labels.shape == (64, 512)
    share = float(crops.labels.mean())
    assert 0.01 < share < 0.5
    assert (crops.weight == 1).all() and np.isfinite(crops.seen).all()
    other = detector.refresh(jax.random.key(2), state, source).train
    assert (other.labels != crops.labels).any()
    clock = Clock(*(np.int32(n) for n in (0, 0, 4)), np.float32(1))
    advance = jax.jit(detector.advance)
    after, metrics = advance(jax.random.key(3), made, source, clock)
    assert metrics["weight"] == 4 and metrics["loss"] > 0 and not metrics["diverged"]
    moved = {
        name
        for name in after.model
        if any(
            (a != b).any()
            for a, b in zip(
                jax.tree.leaves(after.model[name]),
                jax.tree.leaves(made.model[name]),
                strict=True,
            )
        )
    }
    assert moved == {"gate", "calibration"}
    # In two stretches it is the same as in one.
    half = made
    for first in (0, 2):
        clock = Clock(*(np.int32(n) for n in (0, first, 2)), np.float32(1))
        half, _ = advance(jax.random.key(3), half, source, clock)
    for one, two in zip(
        jax.tree.leaves(half.model), jax.tree.leaves(after.model), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("values", [waves(40), np.ones((STEPS, 3), np.float32)])
def test_where_no_fault_can_be_put_nothing_is_learnt(values):
    detector, source, _, made = refreshed(values)
    assert not made.train.weight.any()
    clock = Clock(*(np.int32(n) for n in (0, 0, 2)), np.float32(1))
    after, _ = jax.jit(detector.advance)(jax.random.key(3), made, source, clock)
    before = weights.load()
    for one, two in zip(
        jax.tree.leaves(after.model["gate"]), jax.tree.leaves(before), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_a_fine_tuned_fit_repeats_from_its_seed():
    def fitted():
        return TimeSeriesDetector(
            window=8, epochs=3, options={"fine_tuning": 16}, seed=3
        ).fit(waves())

    one, two = fitted(), fitted()
    test = waves(300, seed=1)
    np.testing.assert_array_equal(
        one.decision_function(test), two.decision_function(test)
    )
    plain = TimeSeriesDetector(window=8).fit(waves()).decision_function(test)
    assert not np.array_equal(one.decision_function(test), plain)
