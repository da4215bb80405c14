"""Telemanom's dynamic threshold on cases that can be followed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.evaluation.thresholds import (
    dynamic,
    dynamic_inputs,
    dynamic_window,
    pruning,
)
from tests.evaluation.roles import unseen


def constant_with_blocks(steps: int, blocks: dict[int, float]) -> np.ndarray:
    errors = np.ones(steps)
    for start, height in blocks.items():
        errors[start : start + 20] = height
    return errors


def slow_choice(errors: np.ndarray, buffer: int) -> float:
    """The paper's objective, a candidate at a time."""
    mean, std, best, chosen = errors.mean(), errors.std(), -np.inf, 12.0
    for z in np.arange(2.5, 12, 0.5):
        rest = errors[errors < mean + z * std]
        flags = np.zeros(len(errors), bool)
        for i in np.flatnonzero(errors >= mean + z * std):
            flags[max(0, i - buffer) : i + buffer + 1] = True
        sequences = int(np.sum(np.diff(np.append(0, flags.astype(int))) == 1))
        if not flags.any() or sequences > 5 or flags.sum() >= len(errors) / 2:
            continue
        drop = (mean - rest.mean()) / mean + (std - rest.std()) / std
        score = drop / (sequences**2 + flags.sum())
        if score >= best:
            best, chosen = score, z
    return chosen


@pytest.mark.parametrize("start", [300, 1000, 1979])
def test_finds_exactly_the_block_widened(start):
    errors = constant_with_blocks(2000, {start: 5.0})
    options = dynamic_inputs.Options(history=0)
    found = dynamic.transductive_dynamic(errors, smooth=False, options=options)
    stop = min(start + 120, 2000)
    np.testing.assert_array_equal(found.sequences, [[start - 100, stop]])
    np.testing.assert_array_equal(
        np.flatnonzero(found.flags), np.r_[start - 100 : stop]
    )
    (window,) = found.windows
    height = abs(errors - window.epsilon).max() / (window.mean + window.std)
    mirrored = abs(2 * window.mean - errors - window.epsilon_inverse).max()
    expected = max(height, mirrored / (window.mean + window.std))
    np.testing.assert_allclose(found.severity, [expected])


def test_finds_a_drop_of_the_errors():
    errors = constant_with_blocks(1500, {700: 0.0})
    found = dynamic.transductive_dynamic(errors, smooth=False)
    np.testing.assert_array_equal(found.sequences, [[600, 820]])
    assert not len(found.windows[0].found)
    assert len(found.windows[0].kept_inverse)


@pytest.mark.parametrize(
    ("steps", "ignored"), [(1799, 0), (1800, 250), (2499, 250), (2500, 500)]
)
def test_start_of_a_longer_series_is_not_judged(steps, ignored):
    errors = constant_with_blocks(steps, {250: 5.0})
    found = dynamic.transductive_dynamic(errors, smooth=False)
    expected = np.r_[max(150, ignored) : 370] if ignored < 370 else []
    np.testing.assert_array_equal(np.flatnonzero(found.flags), expected)


def test_later_windows_judge_their_newest_batch_only():
    errors = constant_with_blocks(2100 + 3 * 70, {2150: 5.0})
    found = dynamic.transductive_dynamic(errors, smooth=False)
    assert [(w.start, w.stop) for w in found.windows] == [
        (0, 2100),
        (70, 2170),
        (140, 2240),
        (210, 2310),
    ]
    # Seen first in the batch 2100 to 2170; its buffer does not reach back before it,
    # and what lies after it is buffer alone, which is pruned for its ordinary errors.
    np.testing.assert_array_equal(found.sequences, [[2100, 2170]])


def test_steps_before_the_last_batch_are_never_judged():
    """The last window is stretched to the end, but its last batch alone is judged."""
    for extra in (0, 1, 30):
        steps = 2100 + 2 * 70 + extra
        errors = constant_with_blocks(steps, {2190 + extra: 5.0})
        found = dynamic.transductive_dynamic(errors, smooth=False)
        assert (found.windows[-1].start, found.windows[-1].stop) == (140, steps)
        expected = [[2170 + extra, steps]]
        np.testing.assert_array_equal(found.sequences, expected)


def test_pruning_keeps_a_dominant_block():
    errors = constant_with_blocks(400, {100: 10.0, 300: 5.0})
    errors[200] = 4.9
    steps = np.r_[90:130, 290:330]
    kept = pruning.prune(errors, steps, np.zeros(400, bool), 0.13)
    np.testing.assert_array_equal(kept, np.r_[90:130])


def test_pruning_removes_blocks_near_the_largest_normal_error():
    errors = constant_with_blocks(400, {100: 5.0, 300: 5.2})
    errors[200] = 4.6
    steps = np.r_[90:130, 290:330]
    before = np.zeros(400, bool)
    assert not len(pruning.prune(errors, steps, before, 0.13))
    # What an earlier window flagged is not normal: nothing is near the blocks then.
    before[200] = True
    kept = pruning.prune(errors, steps, before, 0.13)
    np.testing.assert_array_equal(kept, steps)


def test_pruning_treats_single_steps_as_the_reference_does():
    errors = constant_with_blocks(400, {100: 5.0})
    before = np.zeros(400, bool)
    alone = np.array([7])
    np.testing.assert_array_equal(pruning.prune(errors, alone, before, 0.13), alone)
    kept = pruning.prune(errors, np.r_[7, 100:120], before, 0.13)
    np.testing.assert_array_equal(kept, np.r_[100:120])


def test_pruning_with_every_step_flagged():
    errors = np.linspace(1, 2, 50)
    kept = pruning.prune(errors, np.arange(50), np.zeros(50, bool), 0.13)
    np.testing.assert_array_equal(kept, np.arange(50))


def test_nothing_in_gaussian_errors():
    seeds = [
        dynamic.transductive_dynamic(
            np.abs(np.random.default_rng(seed).normal(size=3000))
        ).flags.any()
        for seed in range(20)
    ]
    assert sum(seeds) <= 1


@pytest.mark.parametrize("value", [0.0, 0.1, 7.0])
@pytest.mark.parametrize("steps", [1, 30, 300, 2400])
def test_nothing_in_constant_errors(value, steps):
    found = dynamic.transductive_dynamic(np.full(steps, value))
    assert not found.flags.any()
    assert found.sequences.shape == (0, 2)
    assert found.severity.shape == (0,)


@pytest.mark.parametrize("seed", range(6))
def test_choice_of_z_is_the_objective_s_maximum(seed):
    random = np.random.default_rng(seed)
    errors = random.gamma(1 + seed, size=700)
    errors[random.integers(0, 700, 2)] += random.gamma(8, size=2)
    fast = dynamic_window.choose_z(errors, errors.mean(), errors.std(), 20)
    assert fast == slow_choice(errors, 20)


@pytest.mark.parametrize("seed", range(6))
def test_extent_is_that_of_the_widened_steps(seed):
    random = np.random.default_rng(seed)
    steps = np.unique(random.integers(0, 200, 1 + seed))
    widened = dynamic_window.widen(steps, 7, 200)
    slow = [i for i in range(200) if np.abs(steps - i).min() <= 7]
    np.testing.assert_array_equal(widened, slow)
    sequences = 1 + int((np.diff(widened) > 1).sum())
    assert dynamic_window._extent(steps, 7, 200) == (sequences, len(widened))


def test_small_errors_beside_the_values_do_not_matter():
    errors = 0.2 * constant_with_blocks(1500, {700: 5.0})
    quiet = np.random.default_rng(0).normal(size=(1500, 3))
    loud = 1000 * quiet
    judged = [
        dynamic.transductive_dynamic(errors, targets=targets, smooth=False).flags.any()
        for targets in (None, quiet, loud)
    ]
    assert judged == [True, True, False]
    # Too small in themselves: no error above 0.05.
    tiny = dynamic.transductive_dynamic(errors / 30, targets=quiet * 1e-3, smooth=False)
    assert not tiny.flags.any()


def test_scale_does_not_matter_without_targets():
    errors = np.random.default_rng(3).gamma(1, size=3000)
    errors[1500:1600] += 5
    one = dynamic.transductive_dynamic(errors)
    other = dynamic.transductive_dynamic(1024 * errors)
    assert len(one.sequences)
    np.testing.assert_array_equal(one.flags, other.flags)
    np.testing.assert_allclose(one.severity, other.severity)


def test_takes_scores_with_their_role():
    errors = constant_with_blocks(1500, {700: 5.0})
    found = dynamic.transductive_dynamic(unseen(errors), smooth=False)
    assert found.flags[710] == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scores": np.array([1.0, -1.0])}, "not be negative"),
        ({"scores": np.array([1.0, np.inf])}, "finite"),
        ({"scores": np.ones((3, 2))}, r"\(3, 2\)"),
        ({"targets": np.ones(4)}, r"targets.shape=\(4,\), expected \(3\["),
    ],
)
def test_bad_input_gets_one_line(changed, message):
    given = {"scores": np.ones(3), "targets": None} | changed
    with pytest.raises(ValueError, match=message) as error:
        dynamic.transductive_dynamic(given["scores"], targets=given["targets"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "bad",
    [
        {"batch_size": 0},
        {"window_size": 0},
        {"history": -1},
        {"error_buffer": 1},
        {"separation": 1.0},
        {"smoothing": 0.0},
    ],
)
def test_bad_options(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        dynamic_inputs.Options(**bad)


def test_prediction_errors_must_fit():
    with pytest.raises(ValueError, match="agree in T"):
        dynamic_inputs.prediction_errors(np.zeros(3), np.zeros((4, 2)))
