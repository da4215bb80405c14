"""SPOT and DSPOT along a stream."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.thresholds import dspot, gpd, pot, spot
from tests.evaluation.roles import calibration, unseen

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.exponential(size=2000)
STREAM = RANDOM.exponential(size=500)
both = pytest.mark.parametrize("algorithm", [spot, dspot])


@both
def test_only_calibration_scores_start_it(algorithm):
    with pytest.raises(ValueError, match="role fit or validation"):
        algorithm.init(unseen(NORMAL))
    with pytest.raises(TypeError, match=r"types\.Scores"):
        algorithm.init(NORMAL)


def test_starts_from_the_batch_threshold():
    state = spot.init(calibration(NORMAL), q=1e-4, level=0.97)
    batch = thresholds.fit("pot", calibration(NORMAL), q=1e-4, level=0.97)
    assert state.threshold == batch.value
    assert state.n == len(NORMAL)


def test_three_verdicts():
    state = spot.init(calibration(NORMAL))
    same, alarm, threshold = spot.step(state, state.threshold * 1.01)
    assert alarm
    assert threshold == state.threshold
    assert same is state

    counted, alarm, _ = spot.step(state, state.initial)
    assert not alarm
    assert counted.n == state.n + 1
    assert counted.threshold == state.threshold
    assert counted.excesses is state.excesses

    score = state.initial + 0.5
    learned, alarm, threshold = spot.step(state, score)
    assert not alarm
    assert threshold == state.threshold
    assert learned.n == state.n + 1
    assert learned.excesses[-1] == score - state.initial
    expected = pot.tail_threshold(
        gpd.fit(learned.excesses),
        state.initial,
        len(learned.excesses),
        learned.n,
        state.q,
    )
    assert learned.threshold == expected


def test_learning_everything_equals_one_batch():
    """Without alarms the last tail is that of all scores over the initial one."""
    state = spot.init(calibration(NORMAL), q=1e-7)
    run = spot.run(state, STREAM)
    assert not run.flags.any()
    together = np.concatenate([NORMAL, STREAM])
    assert run.state.n == len(together)
    above = together[together > state.initial] - state.initial
    np.testing.assert_array_equal(run.state.excesses, above)


@both
def test_run_is_its_steps_and_can_be_continued(algorithm):
    state = algorithm.init(calibration(NORMAL))
    scores = STREAM.copy()
    scores[100:105] += 30
    whole = algorithm.run(state, unseen(scores))
    first = algorithm.run(state, scores[:250])
    second = algorithm.run(first.state, scores[250:])
    np.testing.assert_array_equal(
        whole.flags, np.concatenate([first.flags, second.flags])
    )
    np.testing.assert_array_equal(
        whole.thresholds, np.concatenate([first.thresholds, second.thresholds])
    )
    np.testing.assert_array_equal(whole.flags, scores > whole.thresholds)
    assert whole.flags[100:105].all()
    # What comes later changes nothing before it.
    assert whole.thresholds[0] == algorithm.run(state, scores[:1]).thresholds[0]


def test_dspot_follows_a_drift_that_spot_reports():
    trend = 0.01 * np.arange(2500)
    drifting = np.concatenate([NORMAL, STREAM]) + trend
    before, after = calibration(drifting[:2000]), drifting[2000:]
    assert spot.run(spot.init(before), after).flags.mean() > 0.2
    run = dspot.run(dspot.init(before, depth=30), after)
    assert run.flags.mean() < 0.02
    peak = after.copy()
    peak[300] += 15
    assert dspot.run(dspot.init(before, depth=30), peak).flags[300] == 1


def test_dspot_drift_by_hand():
    state = dspot.init(calibration(NORMAL), depth=3)
    np.testing.assert_array_equal(state.recent, NORMAL[-3:])
    past = (NORMAL[:-3] + NORMAL[1:-2] + NORMAL[2:-1]) / 3
    residuals = NORMAL[3:] - past
    expected = pot.value(residuals)
    np.testing.assert_allclose(state.residual.threshold, expected, rtol=1e-9)

    moved, alarm, threshold = dspot.step(state, 1.0)
    assert not alarm
    np.testing.assert_array_equal(moved.recent, [*NORMAL[-2:], 1.0])
    np.testing.assert_allclose(threshold, expected + NORMAL[-3:].mean(), rtol=1e-9)
    unmoved, alarm, _ = dspot.step(state, 1000.0)
    assert alarm
    assert unmoved is state


@pytest.mark.parametrize("depth", [0, 2000])
def test_depth_out_of_range(depth):
    with pytest.raises(ValueError, match=f"depth={depth}"):
        dspot.init(calibration(NORMAL), depth=depth)


def test_quiet_stream_keeps_the_threshold_above_the_initial_one():
    state = spot.init(calibration(NORMAL), q=0.019)
    quiet = spot.run(state, np.zeros(2000)).state
    learned, _, _ = spot.step(quiet, state.initial + 1e-3)
    assert len(learned.excesses) / learned.n < state.q
    assert learned.threshold == state.initial


def test_stream_must_be_finite():
    with pytest.raises(ValueError, match="finite"):
        spot.run(spot.init(calibration(NORMAL)), np.array([1.0, np.nan]))
