"""Noise-free telemetry against the step response of a first-order system."""

from __future__ import annotations

import numpy as np
import pytest

from jaxtsad.datasets import synthetic

QUIET = {"T_train": 1200, "T_test": 1500, "noise": 0.0, "archetypes": ("smooth",)}


def answer(channel, columns, first, silent=()):
    """Telemetry by the recursion of a first-order system, without noise."""
    facts, steps = channel.metadata, len(columns)
    pulses = columns[:, facts["pulse_columns"]].astype(float)
    for start, stop in silent:
        pulses[start:stop] = 0.0
    amplitude, period = facts["season"]
    raw = amplitude * np.sin(2 * np.pi * (first + np.arange(steps)) / period)
    wired = zip(facts["gains"], facts["delays"], facts["time_constants"], strict=True)
    for command, (gain, delay, constant) in enumerate(wired):
        level = 0.0
        for step in range(steps):
            due = pulses[step - delay, command] if step >= delay else 0.0
            level += (due - level) * (1 - np.exp(-1 / constant))
            raw[step] += gain * level
    return raw


def raw_of(channel, values):
    return channel.metadata["centre"] + channel.metadata["unit"] * values[:, 0]


def test_telemetry_answers_to_its_commands():
    [channel] = synthetic.make_telemetry(
        0, n_channels=1, anomalies=False, dwell=(5000, 5000), **QUIET
    ).channels
    columns = channel.train.values
    left = raw_of(channel, columns) - answer(channel, columns, 0)
    np.testing.assert_allclose(left, left[0], atol=1e-5)


def test_an_isolated_command_is_answered_after_its_delay():
    [channel] = synthetic.make_telemetry(
        0,
        n_channels=1,
        anomalies=False,
        dwell=(5000, 5000),
        command_periods=(720,),
        pulse=(30, 30),
        **QUIET,
    ).channels
    facts, columns = channel.metadata, channel.train.values
    amplitude, period = facts["season"]
    wave = amplitude * np.sin(2 * np.pi * np.arange(1200) / period)
    level = raw_of(channel, columns) - wave
    pulses = columns[:, facts["pulse_columns"]]
    start = int(np.flatnonzero(pulses.any(axis=1))[0])
    command = int(np.argmax(pulses[start]))
    delay, gain = facts["delays"][command], facts["gains"][command]
    reached = np.arange(1, 31 - delay)
    expected = gain * (1 - np.exp(-reached / facts["time_constants"][command]))
    np.testing.assert_allclose(level[: start + delay] - level[0], 0, atol=1e-5)
    answered = level[start + delay : start + 30 - 1] - level[0]
    np.testing.assert_allclose(answered, expected[: len(answered)], atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_a_missing_response_is_missing(seed):
    [channel] = synthetic.make_telemetry(
        seed,
        n_channels=1,
        dwell=(5000, 5000),
        events=((("response_missing", 400, 150),),),
        **QUIET,
    ).channels
    [event] = channel.test.events
    span = slice(event.start, event.stop)
    columns = channel.test.values
    assert columns[span][:, channel.metadata["pulse_columns"]].any()
    level, unclipped = raw_of(channel, columns), np.abs(columns[:, 0]) < 1.19
    usual = unclipped & (channel.test.labels == 0)
    base = np.median((level - answer(channel, columns, 1200))[usual])
    silent = base + answer(channel, columns, 1200, [(event.start, event.stop)])
    inside = unclipped & (channel.test.labels == 1)
    assert inside.sum() > 50
    np.testing.assert_allclose(level[inside], silent[inside], atol=1e-5)
    assert (channel.test.codes[span] == 6).all()
