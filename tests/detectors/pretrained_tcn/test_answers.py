"""Columns that answer to switches: seen where an answer fails to come."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.pretrained_tcn import answers

STEPS = 1500
fit, broken = jax.jit(answers.fit), jax.jit(answers.broken)


def commanded(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A column that answers to one of two switches, and one that does not."""
    rng = np.random.default_rng(seed)
    runs = rng.integers(20, 60, 100)
    state = np.repeat(np.arange(100) % 2, runs)[:STEPS].astype(float)
    other = np.repeat(rng.integers(0, 2, 100), 15)[:STEPS].astype(float)
    answer = np.convolve(state, np.ones(6) / 6)[:STEPS]
    columns = [answer, rng.normal(size=STEPS), np.zeros(STEPS), np.zeros(STEPS)]
    z = np.stack(columns, axis=1) + 0.05 * rng.normal(size=(STEPS, 4)) * [1, 0, 0, 0]
    z[:, :2] = (z[:, :2] - z[:, :2].mean(axis=0)) / z[:, :2].std(axis=0)
    switches = np.zeros((STEPS, 4))
    for place, each in ((2, state), (3, other)):
        switches[:, place] = (each - each.mean()) / each.std()
    return z.astype(np.float32), switches.astype(np.float32)


def test_only_what_answers_counts() -> None:
    z, switches = commanded(0)
    fitted = fit(jnp.asarray(z), jnp.asarray(switches), jnp.ones(STEPS, bool))
    np.testing.assert_allclose(fitted.follows, [1, 0, 0, 0])


def test_an_answer_that_fails_to_come_is_seen_though_each_value_is_normal() -> None:
    z, switches = commanded(0)
    counted = jnp.ones(STEPS, bool)
    fitted = fit(jnp.asarray(z), jnp.asarray(switches), counted)
    test, states = commanded(1)
    before = np.asarray(broken(fitted, jnp.asarray(test), jnp.asarray(states), STEPS))
    test[700:760, 0] = test[700, 0]
    after = np.asarray(broken(fitted, jnp.asarray(test), jnp.asarray(states), STEPS))
    assert after[700:760, 0].max() > 20 * np.quantile(before[:, 0], 0.99)
    np.testing.assert_array_equal(after[:700], before[:700])


def test_weights_are_those_of_ridge_regression() -> None:
    z, switches = commanded(2)
    fitted = fit(jnp.asarray(z), jnp.asarray(switches), jnp.ones(STEPS, bool))
    seen = []
    for width in answers.WIDTHS:
        sums = np.cumsum(np.concatenate([np.zeros((1, 4)), switches]), axis=0)
        first = np.maximum(np.arange(STEPS) - width + 1, 0)
        counts = np.arange(STEPS) + 1 - first
        seen.append((sums[1:] - sums[first]) / counts[:, None])
    rows = np.concatenate(seen, axis=1)
    rows = rows - rows.mean(axis=0)
    gram = rows.T @ rows / STEPS + answers.RIDGE * np.eye(rows.shape[1])
    expected = np.linalg.solve(gram, rows.T @ z / STEPS)
    np.testing.assert_allclose(fitted.maps, expected, atol=2e-3)


@pytest.mark.parametrize("steps", [1, 10])
def test_of_a_fit_part_shorter_than_its_switches_nothing_is_believed(
    steps: int,
) -> None:
    z, switches = commanded(3)
    counted = jnp.arange(STEPS) < steps
    fitted = fit(jnp.asarray(z), jnp.asarray(switches), counted)
    assert not np.asarray(fitted.follows).any()
    assert np.isfinite(np.asarray(fitted.maps)).all()
