from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.datasets import synthetic


@pytest.fixture(scope="module", params=["smap", "msl"])
def made(request):
    return synthetic.make_telemetry(1, request.param, T_train=2000, T_test=2300)


def test_shapes_are_those_of_the_public_files(made):
    columns = 25 if made.options.kind == "smap" else 55
    assert len(made.channels) == 8
    for channel in made.channels:
        assert channel.train.values.shape == (2000, columns)
        assert channel.test.values.shape == (2300, columns)
        assert channel.train.values.dtype == np.float32
        assert len(channel.channels) == columns


def test_commands_are_binary_and_wired(made):
    active = 6 if made.options.kind == "smap" else 12
    for channel in made.channels:
        both = np.concatenate([channel.train.values, channel.test.values])
        mode, pulses = (
            channel.metadata[name] for name in ("mode_columns", "pulse_columns")
        )
        assert set(np.unique(both[:, 1:])) == {0.0, 1.0}
        np.testing.assert_array_equal(both[:, mode[0]] + both[:, mode[1]], 1.0)
        assert (both[:, mode[2]] <= both[:, mode[0]]).all()
        for first in range(0, len(pulses), 3):
            assert both[:, pulses[first : first + 3]].sum(axis=1).max() <= 1
        used = np.flatnonzero(both[:, 1:].any(axis=0)) + 1
        assert set(used) <= {*mode, *pulses}
        assert len({*mode, *pulses}) == active < both.shape[1] - 1


def test_telemetry_is_scaled_by_its_training_part(made):
    for channel in made.channels:
        train = channel.train.values[:, 0]
        assert train.max() <= 0.9 + 1e-6
        assert train.min() >= -0.9 - 1e-6
        assert np.ptp(train) > 1.0
        assert np.abs(channel.test.clean[:, 0]).max() <= 1.2 + 1e-6


def test_archetypes_look_their_part():
    names = ("smooth", "staircase", "binary", "spiky", "drift")
    made = synthetic.make_telemetry(
        3, n_channels=5, archetypes=names, T_test=2000, anomalies=False
    )
    values = {
        channel.metadata["archetype"]: channel.train.values[:, 0]
        for channel in made.channels
    }
    assert [channel.name[0] for channel in made.channels] == list("STBPD")
    assert len(np.unique(values["binary"])) == 2
    assert 2 < len(np.unique(values["staircase"])) <= 21
    middle = np.median(values["spiky"])
    assert (np.abs(values["spiky"] - middle) < 0.2).mean() > 0.6
    lag = {
        name: np.corrcoef(values[name][1:], values[name][:-1])[0, 1] for name in values
    }
    assert lag["drift"] > 0.95
    assert len(np.unique(values["smooth"])) > 1000


@pytest.mark.parametrize("kind", synthetic.TELEMETRY_KINDS)
def test_every_kind_changes_its_span_and_nothing_else(kind):
    for seed in range(20):
        try:
            [channel] = synthetic.make_telemetry(
                seed,
                n_channels=1,
                archetypes=("smooth",),
                T_train=1500,
                T_test=1500,
                events=(((kind, 500, 200),),),
            ).channels
        except ValueError:
            continue
        break
    [event] = channel.test.events
    differs = channel.test.values != channel.test.clean
    assert not differs[:, 1:].any()
    assert not differs[channel.test.labels == 0].any()
    change = channel.test.values[:, 0] - channel.test.clean[:, 0]
    assert np.abs(change).max() >= 0.15 - 1e-6
    assert event.kind == kind
    assert channel.metadata["faults"] == [[event.start, event.stop, kind]]
    code = synthetic.TYPE_CODES[kind]
    assert set(channel.test.codes[event.start : event.stop]) == {code}
    assert channel.test.labels.sum() == event.stop - event.start == 200


@pytest.mark.parametrize("kind", ["smap", "msl"])
def test_drawn_events_are_few_disjoint_and_late(kind):
    made = synthetic.make_telemetry(5, kind, n_channels=30)
    counts = []
    for channel in made.channels:
        steps, events = len(channel.test.labels), channel.test.events
        counts.append(len(events))
        assert channel.test.labels.sum() == sum(e.stop - e.start for e in events)
        for event in events:
            assert 0.3 * steps - 1 <= event.start <= 0.85 * steps
            assert 10 <= event.stop - event.start <= 0.4 * steps
        assert channel.train.labels.sum() == 0
    assert set(counts) <= {1, 2, 3}
    assert 1 <= np.mean(counts) < 2
    kinds = {event.kind for channel in made.channels for event in channel.test.events}
    assert len(kinds) >= 6


def test_parts_and_channels_are_drawn_apart():
    one, same = (synthetic.make_telemetry(2, "tiny") for _ in range(2))
    wider = synthetic.make_telemetry(2, "tiny", n_channels=3)
    longer = synthetic.make_telemetry(2, "tiny", T_test=900)
    for index, channel in enumerate(one.channels):
        for other in (same, wider):
            its = other.channels[index]
            np.testing.assert_array_equal(channel.train.values, its.train.values)
            np.testing.assert_array_equal(channel.test.values, its.test.values)
        its = longer.channels[index]
        np.testing.assert_array_equal(channel.train.values, its.train.values)
    first, second = (channel.train.values for channel in one.channels)
    assert not np.array_equal(first, second)
    assert not np.array_equal(one.channels[0].train.clean[:600], first[::-1])


def test_loose_labels_are_wider_than_their_faults():
    made = synthetic.make_telemetry(4, "loose")
    wider = 0
    for channel in made.channels:
        for event, fault in zip(
            channel.test.events, channel.metadata["faults"], strict=True
        ):
            length = fault[1] - fault[0]
            assert 0 <= fault[0] - event.start <= 0.3 * length
            assert 0 <= event.stop - fault[1] <= 0.3 * length
            wider += (event.stop - event.start) - length
    assert wider > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "huge"}, "preset='huge' is unknown; the choices are smap, msl"),
        ({"steps": 3}, "unknown option 'steps'; the choices are n_channels"),
        ({"kind": "esa"}, "kind='esa' is unknown; the choices are smap, msl"),
        ({"archetypes": ("round",)}, "'round' is unknown; the choices are smooth"),
        ({"events": ((("bang", 1, 2),),)}, "'bang' is unknown; the choices are spike"),
        ({"n_channels": 0}, "n_channels=0 must be at least 1"),
        ({"T_test": 50}, "T_test=50 must be at least 100"),
        ({"label_slack": 2}, "label_slack=2 must be a share"),
        ({"pulse": (9, 3)}, r"pulse=\(9, 3\) must be 1 <= shortest"),
        ({"events": ((("frozen", 7990, 50),),)}, "would not be seen in channel"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        synthetic.make_telemetry(**options)
