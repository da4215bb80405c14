from __future__ import annotations

import itertools

import numpy as np
import pytest

from jaxtsad.datasets import synthetic

TYPES = ("global", "contextual", "shapelet", "seasonal", "trend")
FACTOR = {"easy": 3.0, "medium": 2.0, "hard": 1.5}
JUMP = {"easy": 1.2, "medium": 0.9, "hard": 0.6}
SLOPE = {"easy": 2.0, "medium": 1.2, "hard": 0.7}


def make(seed=0, **options):
    sizes = {"T_train": 1600, "T_val": 300, "T_test": 6000}
    return synthetic.make_neurips_ts(seed, **{**sizes, **options})


def parts(made):
    return made.train, made.validation, made.test


def half(wave):
    return (wave["high"] - wave["low"]) / 2


def single(kind, **options):
    """Events of one kind with the dimension they change, over three seeds."""
    for seed in range(3):
        made = make(seed, single_type=kind, **options)
        for event in made.test.events:
            for dim in event.dims:
                yield made, event, dim, made.metadata["waves"][dim]


@pytest.mark.parametrize("preset", ["tiny", "small", "default", "original400"])
@pytest.mark.parametrize("seed", range(3))
def test_labels_are_exactly_the_events(preset, seed):
    made = synthetic.make_neurips_ts(seed, preset)
    test, dims = made.test, made.test.values.shape[1]
    by_dimension, codes = (
        np.zeros_like(test.dimension_labels),
        np.zeros_like(test.codes),
    )
    for event in test.events:
        assert 1 <= len(event.dims) <= max(2, (dims + 1) // 2)
        by_dimension[event.start : event.stop, list(event.dims)] = 1
        codes[event.start : event.stop] = synthetic.TYPE_CODES[event.kind]
    np.testing.assert_array_equal(test.dimension_labels, by_dimension)
    np.testing.assert_array_equal(test.labels, by_dimension.max(axis=1))
    np.testing.assert_array_equal(test.codes, codes)
    assert {event.kind for event in test.events} == set(TYPES)
    assert test.values.dtype == np.float32
    assert {test.labels.dtype, by_dimension.dtype, codes.dtype} == {np.dtype("int8")}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", [None, "global", "contextual", "seasonal", "trend"])
def test_events_keep_their_gap(seed, kind):
    made = make(seed, single_type=kind)
    facts, points = made.metadata["test"], ("global", "contextual")
    wanted = max(2 * made.metadata["waves"][0]["period"], 50)
    edges = [(0, 0, "global"), *(e[:3] for e in made.test.events), (6000, 0, "global")]
    for before, after in itertools.pairwise(edges):
        near = before[2] in points and after[2] in points
        least = facts["point_gap"] if near else wanted
        assert after[0] - before[1] >= least >= 1
    assert facts["gap"] == wanted


@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
@pytest.mark.parametrize("seed", range(3))
def test_each_type_has_its_share(difficulty, seed):
    made = make(seed, difficulty=difficulty)
    ramp = made.metadata["test"]["return_steps"]
    for kind in TYPES:
        lengths = [
            event.stop - event.start - (ramp if kind == "trend" else 0)
            for event in made.test.events
            if event.kind == kind
        ]
        assert abs(sum(lengths) - 6000 * 0.05 / 5) <= max(lengths)


@pytest.mark.parametrize("trend_after", ["return", "shift"])
@pytest.mark.parametrize(
    "options",
    [{}, {"coupling": 0.3}, {"trend_per_1000": 0.5}, {"base": "am"}],
    ids=["plain", "coupled", "rising", "modulated"],
)
def test_normal_steps_are_those_of_a_run_without_events(options, trend_after):
    made = make(1, trend_after=trend_after, **options)
    without = make(1, types=(), **options)
    np.testing.assert_array_equal(made.test.clean, without.test.values)
    np.testing.assert_array_equal(made.train.values, without.train.values)
    for dim in range(5):
        trends = [
            e.stop for e in made.test.events if e.kind == "trend" and dim in e.dims
        ]
        normal = made.test.dimension_labels[:, dim] == 0
        same = made.test.values[:, dim] == without.test.values[:, dim]
        if trend_after == "return" or not trends:
            assert same[normal].all()
        else:
            assert same[: min(trends)][normal[: min(trends)]].all()
            assert not same[max(trends) :].any()


@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_a_global_point_leaves_the_range(difficulty):
    for made, event, dim, wave in single("global", difficulty=difficulty):
        value = made.test.values[event.start, dim]
        margin = 0.1 * half(wave)
        assert value < wave["low"] - margin or value > wave["high"] + margin


@pytest.mark.parametrize("base", ["sines", "am", "switching"])
@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_a_contextual_point_hides_in_the_range_but_not_in_its_place(difficulty, base):
    for made, event, dim, wave in single(
        "contextual", difficulty=difficulty, base=base
    ):
        value, clean = (
            each[event.start, dim] for each in (made.test.values, made.test.clean)
        )
        assert wave["low"] <= value <= wave["high"]
        assert abs(value - clean) >= JUMP[difficulty] * half(wave) - 4 * wave["noise"]


@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_a_seasonal_event_has_its_frequency(difficulty):
    seen = 0
    for made, event, dim, wave in single("seasonal", difficulty=difficulty):
        length = event.stop - event.start
        if length >= 2 * wave["period"]:
            segment = made.test.values[event.start : event.stop, dim]
            power = np.abs(np.fft.rfft(segment - segment.mean()))
            wanted = FACTOR[difficulty] * length / wave["period"]
            assert abs(np.argmax(power) - wanted) <= 1
            seen += 1
    assert seen >= 5


@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_a_shapelet_has_another_shape(difficulty):
    seen = 0
    for made, event, dim, wave in single("shapelet", difficulty=difficulty):
        if event.stop - event.start >= wave["period"]:
            span = slice(event.start, event.stop)
            both = made.test.values[span, dim], made.test.clean[span, dim]
            assert np.corrcoef(*both)[0, 1] < 0.97
            seen += 1
    assert seen >= 5


@pytest.mark.parametrize("difficulty", ["easy", "medium", "hard"])
def test_a_trend_ends_at_its_height(difficulty):
    for made, event, dim, wave in single("trend", difficulty=difficulty):
        difference = made.test.values[:, dim] - made.test.clean[:, dim]
        last = event.stop - made.metadata["test"]["return_steps"] - 1
        height = SLOPE[difficulty] * half(wave)
        assert abs(abs(difference[last]) - height) <= 4 * wave["noise"]
        rise = np.abs(difference[event.start : last + 1])
        assert (np.diff(rise) > 0).all()
        assert (np.diff(np.abs(difference[last : event.stop])) < 0).all()


def test_a_clean_wave_repeats_with_its_period():
    made = make(types=())
    for dim, wave in enumerate(made.metadata["waves"]):
        values = made.test.clean[:, dim] - made.test.clean[:, dim].mean()
        lag = wave["period"]
        again = (values[lag:] * values[:-lag]).mean() / (values**2).mean()
        assert again > 0.9


def test_the_wave_goes_on_from_part_to_part():
    made = make(types=(), T_train=330, T_val=77)
    joined = np.concatenate([part.clean for part in parts(made)])
    for dim, wave in enumerate(made.metadata["waves"]):
        apart = joined[wave["period"] :, dim] - joined[: -wave["period"], dim]
        assert np.abs(apart).max() < 10 * wave["noise"]


def test_a_switching_base_changes_its_waveform():
    made, regular = make(types=(), base="switching"), make(types=())
    for dim, wave in enumerate(made.metadata["waves"]):
        lag = wave["period"]
        changes = [
            np.abs(each.test.clean[lag:, dim] - each.test.clean[:-lag, dim]).max()
            for each in (regular, made)
        ]
        assert changes[1] > 1.2 * changes[0]


def test_an_am_base_changes_its_amplitude():
    for base, varies in (("am", True), ("sines", False)):
        made = make(types=(), base=base)
        for dim, wave in enumerate(made.metadata["waves"]):
            periods = 6000 // wave["period"]
            values = made.test.clean[: periods * wave["period"], dim]
            heights = np.ptp(values.reshape(periods, -1), axis=1)
            assert (heights.max() > 1.4 * heights.min()) == varies


def test_coupled_dimensions_follow_the_first():
    made = make(types=(), dims=6, coupling=0.9)
    correlation = np.corrcoef(made.train.values.T)[0, 1:]
    assert correlation.min() > 0.9
