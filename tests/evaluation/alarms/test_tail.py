"""Tails of calibration scores: rates that come true, few steps, odd scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.alarms import confidence, rules, tail
from jaxtsad.evaluation.alarms.correlation import correlation_time
from jaxtsad.evaluation.segments import flags_of, segments
from jaxtsad.evaluation.thresholds import budget as budgets
from tests.evaluation.roles import calibration

SCORES = arrays.arrays(
    np.float64,
    st.integers(1, 200),
    elements=st.floats(-1e6, 1e6, width=32) | st.integers(0, 3).map(float),
)


def smooth_noise(seed: int, steps: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=steps + 59)
    return np.convolve(noise**2, np.exp(-np.arange(60) / 10), "valid")


@pytest.mark.parametrize("budget", [0.5, 1.0, 5.0])
def test_budgets_come_true_on_independent_scores(budget: float) -> None:
    rates = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        opens = tail.fit(random.exponential(size=20_000)).score_of(budgets.rate(budget))
        rates.append(1000 * np.exp(-opens))
    assert 0.8 * budget <= np.mean(rates) <= 1.2 * budget


@pytest.mark.parametrize("budget", [0.5, 1.0, 5.0])
def test_budgets_come_true_on_correlated_scores(budget: float) -> None:
    stream = smooth_noise(99, 400_000)[:-1]
    rates = []
    for seed in range(16):
        known = tail.fit(smooth_noise(seed, 20_000))
        opens = known.score_of(budgets.rate(budget))
        runs = segments(
            flags_of(gaps_closed(stream > known.level, known.gap), len(stream))
        )
        peaks = np.maximum.reduceat(np.append(stream, 0), runs.ravel())[::2]
        rates.append(1000 * np.mean(peaks > opens) * len(runs) / len(stream))
    assert 0.8 * budget <= np.mean(rates) <= 1.2 * budget


def gaps_closed(flags: np.ndarray, gap: int) -> np.ndarray:
    """Runs joined over gaps of at most so many steps."""
    runs = segments(flags)
    first = np.append(True, runs[1:, 0] - runs[:-1, 1] > gap)
    last = np.append(first[1:], True)
    return np.stack([runs[first, 0], runs[last, 1]], axis=1)


def test_fewer_steps_give_a_higher_threshold() -> None:
    scores = np.random.default_rng(0).exponential(size=20_000)
    few = np.mean([tail.fit(part).score_of(5e-4) for part in np.split(scores, 100)])
    some = np.mean([tail.fit(part).score_of(5e-4) for part in np.split(scores, 10)])
    assert few > some > tail.fit(scores).score_of(5e-4)


def test_events_per_step_and_scores_are_inverse() -> None:
    known = tail.fit(smooth_noise(0, 3000))
    for rate in (1e-6, 1e-4, 1e-3):
        score = known.score_of(rate)
        assert known.events_per_step(np.array([score]))[0] == pytest.approx(rate, 1e-4)
    assert known.score_of(1.0) == known.level


@settings(deadline=None, max_examples=60)
@given(SCORES, st.floats(0.01, 50), st.floats(1, 10))
def test_a_larger_budget_never_raises_fewer_alarms(scores, budget, times) -> None:
    known = tail.fit(scores)
    opens = [known.score_of(budgets.rate(b)) for b in (budget, budget * times)]
    assert opens[0] >= opens[1] >= known.level
    stream = np.concatenate([scores, scores * 1.5, scores[::-1]])
    few, many = [rules.find(known.rules(each), stream) for each in opens]
    assert {a[:4] for a in few} <= {a[:4] for a in many}


@settings(deadline=None, max_examples=60)
@given(SCORES)
def test_probabilities_fall_with_the_score(scores) -> None:
    known = tail.fit(scores)
    width = scores.max() - scores.min() + 1
    grid = np.linspace(scores.min() - width, scores.max() + 3 * width, 300)
    chance = known.probability(grid)
    assert ((chance >= 0) & (chance <= 1)).all()
    assert (np.diff(chance) <= 1e-12).all()
    assert chance[0] == 1
    per_event = known.event_probability(grid)
    assert ((per_event >= 0) & (per_event <= 1)).all()
    assert (np.diff(per_event) <= 1e-12).all()
    sure = confidence.confidence(known, grid, known.score_of(1e-3))
    assert ((sure >= 0) & (sure <= 1)).all()


def test_probability_of_steps_by_hand() -> None:
    known = tail.fit(np.random.default_rng(1).permutation(np.arange(1000.0)))
    values = np.array([-1.0, 0.0, 500.0, 899.0])
    expected = np.array([1, 1, 0.5, 0.1])
    np.testing.assert_allclose(known.probability(values), expected, atol=2e-3)


def test_confidence_is_low_near_the_threshold_and_grows_with_the_steps() -> None:
    scores = np.random.default_rng(0).exponential(size=20_000)
    known, few = tail.fit(scores), tail.fit(scores[:200])
    opens = known.score_of(5e-3)
    near, far, low = confidence.confidence(
        known, np.array([opens, 2 * opens, opens / 2]), opens
    )
    assert near < 0.7
    assert far > 0.99
    assert low > 0.99
    unsure = confidence.confidence(few, np.array([1.2 * opens]), opens)[0]
    assert unsure < confidence.confidence(known, np.array([1.2 * opens]), opens)[0]


def test_equal_scores_open_no_event_of_their_kind() -> None:
    known = tail.fit(np.full(50, 3.0))
    assert known.score_of(1e-3) == pytest.approx(3.0 * (1 + tail.ALIKE))
    assert rules.find(known.rules(3.0), np.full(50, 3.0)) == []
    assert known.probability(np.array([2.0, 3.0, 4.0]))[0] == 1


@pytest.mark.parametrize("size", [0.0, 0.6931472, -40.0])
def test_scores_that_differ_by_rounding_open_no_event(size: float) -> None:
    rounding = np.random.default_rng(0).normal(0, 1e-6 * abs(size), 400)
    made = tail.fit(size + rounding)
    level = made.score_of(1e-3)
    assert level >= size + 5e-4 * abs(size)
    assert not rules.find(made.rules(level), size + rounding[::-1])
    [event] = rules.find(made.rules(level), np.repeat([size, size + 1, size], 9))
    assert (event.start, event.stop) == (9, 18)


def test_expected_counts_hold_the_budget_and_widen_with_few_steps() -> None:
    scores = np.random.default_rng(0).exponential(size=20_000)
    many, few = tail.fit(scores), tail.fit(scores[:300])
    low, high = many.expected(many.score_of(5e-3), 1000)
    assert 1 <= low <= 5 <= high <= 12
    low, high = few.expected(few.score_of(1e-3), 10_000)
    assert low < 10 < high


def test_the_correlation_time_is_that_of_ranks_and_bounded() -> None:
    noise = np.random.default_rng(0).normal(size=4000)
    assert correlation_time(noise) == 1
    slow = np.convolve(noise, np.ones(30), "valid")
    assert 18 <= correlation_time(slow) <= 26
    assert correlation_time(np.exp(5 * slow)) == correlation_time(slow)
    assert correlation_time(np.arange(4000.0)) == 50
    assert correlation_time(np.arange(100.0)) == 5
    assert correlation_time(np.zeros(10)) == correlation_time(np.zeros(1)) == 1


def test_a_budget_is_left_to_the_steps_at_which_events_can_open() -> None:
    # 10 events of 10 steps each: the 900 other steps of 1000 hold them all.
    assert budgets.rate(10.0) == pytest.approx(1.1 * 10 / 900)
    assert budgets.rate(alarms_per_day=10.0, steps_per_day=1000.0) == budgets.rate(10.0)
    assert budgets.rate(900.0) == pytest.approx(1.1 * 900 / 500)


def test_bad_budgets_are_one_line() -> None:
    scores = calibration(np.random.default_rng(0).exponential(size=100))
    with pytest.raises(ValueError, match=r"alarms_per_1000=0 must be a number above 0"):
        thresholds.fit("budget", scores, alarms_per_1000=0)
    with pytest.raises(ValueError, match=r"alarms_per_day=2 needs data with time"):
        thresholds.fit("budget", scores, alarms_per_day=2.0)
    with pytest.raises(ValueError, match=r"alarms=1 is no option of threshold 'budg"):
        thresholds.fit("budget", scores, alarms=1)
    by_day = thresholds.fit("budget", scores, alarms_per_day=2, steps_per_day=1000)
    assert by_day.value == thresholds.fit("budget", scores, alarms_per_1000=2).value
