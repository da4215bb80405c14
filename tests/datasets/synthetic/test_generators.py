from __future__ import annotations

import json
import time

import numpy as np
import pytest

from jaxtsad.datasets import synthetic

TYPES = ("global", "contextual", "shapelet", "seasonal", "trend")


def make(seed=0, **options):
    sizes = {"T_train": 1600, "T_val": 300, "T_test": 6000}
    return synthetic.make_neurips_ts(seed, **{**sizes, **options})


def parts(made):
    return made.train, made.validation, made.test


@pytest.mark.parametrize("base", ["sines", "switching", "am"])
def test_same_seed_gives_the_same_and_another_gives_another(base):
    one, same, other = make(3, base=base), make(3, base=base), make(4, base=base)
    for mine, its, theirs in zip(parts(one), parts(same), parts(other), strict=True):
        np.testing.assert_array_equal(mine.values, its.values)
        np.testing.assert_array_equal(mine.labels, its.labels)
        assert mine.events == its.events
        assert not np.array_equal(mine.values, theirs.values)


def test_parts_dimensions_and_series_are_drawn_apart():
    made = make(T_train=300, T_val=300, T_test=300, types=())
    noises = [
        (part.values[:, dim] - part.values[:, dim].mean()).tobytes()
        for part in parts(made)
        for dim in range(5)
    ]
    second = make(T_train=300, T_val=300, T_test=300, types=(), series=1)
    noises.append((second.train.values[:, 0] - second.train.values.mean()).tobytes())
    assert len(set(noises)) == len(noises)


@pytest.mark.parametrize("base", ["sines", "switching", "am"])
def test_a_longer_test_part_leaves_the_others_as_they_are(base):
    shared = {"base": base, "contamination": 0.02}
    one, longer = make(**shared), make(T_test=7000, **shared)
    for name in ("train", "validation"):
        mine, its = getattr(one, name), getattr(longer, name)
        np.testing.assert_array_equal(mine.values, its.values)
        np.testing.assert_array_equal(mine.labels, its.labels)
    assert not np.array_equal(one.test.values, longer.test.values[:6000])


@pytest.mark.parametrize("coupling", [0.0, 0.3])
def test_one_more_dimension_leaves_the_earlier_ones_as_they_are(coupling):
    shared = {"coupling": coupling, "contamination": 0.02}
    one, wider = make(dims=3, **shared), make(dims=4, **shared)
    for mine, its in zip(parts(one), parts(wider), strict=True):
        np.testing.assert_array_equal(mine.values, its.values[:, :3])
        np.testing.assert_array_equal(
            mine.dimension_labels, its.dimension_labels[:, :3]
        )
        assert [event[:3] for event in mine.events] == [e[:3] for e in its.events]


def test_only_contamination_puts_labels_into_training():
    clean = synthetic.make_neurips_ts(2)
    assert clean.train.labels.sum() == clean.validation.labels.sum() == 0
    assert "train_labels" not in clean.series().metadata
    for seed in range(5):
        made = synthetic.make_neurips_ts(seed, contamination=0.02)
        assert abs(made.train.labels.mean() - 0.02) <= 0.005
        assert abs(made.validation.labels.mean() - 0.02) <= 0.005
        known = made.series().metadata["train_labels"]
        assert known.sum() == made.train.labels.sum() + made.validation.labels.sum()


def test_tiny_has_two_events_of_each_type():
    made = synthetic.make_neurips_ts(0, "tiny")
    kinds = [event.kind for event in made.test.events]
    assert sorted(kinds) == sorted(TYPES * 2)
    assert made.train.values.shape == made.test.values.shape == (600, 2)
    assert made.validation.values.shape == (200, 2)


def test_original400_has_one_type_per_dimension_and_no_overlap():
    made = synthetic.make_neurips_ts(0, "original400")
    assert made.test.values.shape == (400, 5)
    for event in made.test.events:
        assert event.dims == (TYPES.index(event.kind),)
    kinds = [event.kind for event in made.test.events]
    assert [kinds.count(kind) for kind in TYPES] == [20, 20, 2, 2, 2]
    segments = {
        event.stop - event.start
        for event in made.test.events
        if event.kind in ("shapelet", "seasonal")
    }
    assert segments == {10}
    offsets = [wave["offset"] for wave in made.metadata["waves"]]
    assert offsets == [0, 0, 0, 2, -2]


def test_the_default_recording_takes_less_than_two_seconds():
    begin = time.process_time()
    made = synthetic.make_neurips_ts(0)
    assert time.process_time() - begin < 2
    assert made.train.values.shape == made.test.values.shape == (10_000, 5)


def test_a_series_holds_all_parts_and_metadata_is_plain():
    made = synthetic.make_neurips_ts(0, "tiny")
    series = made.series()
    expected = np.concatenate([made.train.values, made.validation.values])
    np.testing.assert_array_equal(series.train, expected)
    np.testing.assert_array_equal(series.labels, made.test.labels)
    assert series.kinds == tuple((e.start, e.stop, e.kind) for e in made.test.events)
    assert len(series.channels) == 2
    assert json.loads(json.dumps(series.metadata))["seed"] == 0


def test_load_is_the_entry_point_of_a_data_set():
    made = synthetic.load(preset="tiny", count=3, seed=5)
    assert [series.name for series in made] == ["tiny-0", "tiny-1", "tiny-2"]
    assert not np.array_equal(made[0].train, made[1].train)
    [last] = synthetic.load(None, ["tiny-2"], preset="tiny", count=3, seed=5)
    np.testing.assert_array_equal(last.test, made[2].test)
    channels = synthetic.load(kind="telemetry", preset="tiny", n_channels=3)
    assert [series.test.shape for series in channels] == [(800, 25)] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "huge"}, "preset='huge' is unknown; the choices are tiny, small"),
        ({"T_tets": 3}, "unknown option 'T_tets'; the choices are T_train"),
        ({"difficulty": "evil"}, "difficulty='evil' is unknown; the choices are easy"),
        (
            {"base": "noise"},
            "base='noise' is unknown; the choices are sines, switching, am",
        ),
        ({"trend_after": "stay"}, "'stay' is unknown; the choices are return, shift"),
        ({"single_type": "spike"}, "type 'spike' is unknown; the choices are global"),
        ({"ratio": 1.5}, r"ratio=1.5 must be a share in \[0, 1\)"),
        ({"dims": 0}, "dims=0 must be at least 1"),
        ({"T_train": 10}, "T_train=10 must hold the longest period"),
        ({"periods": (2,)}, "at least 4 steps"),
        ({"T_test": 60}, "no room for .* in a part of 60 steps"),
        ({"dims": 2, "own_dimension": True}, "fewer than the 5 types"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        synthetic.make_neurips_ts(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kind": "images"},
            "kind='images' is unknown; the choices are taxonomy, telemetry",
        ),
        (
            {"preset": "tiny", "entities": ["a"]},
            "entity='a' is unknown; the choices are tiny-0",
        ),
    ],
)
def test_load_names_the_choices(options, message):
    with pytest.raises(ValueError, match=message):
        synthetic.load(**options)
