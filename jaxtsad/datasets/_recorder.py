"""Builds telemetry channels: commands, telemetry, faults and labels put together."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jaxtsad.datasets import (
    _analog,
    _commands,
    _faults,
    _generated,
    _streams,
    _telemetry,
)

WEIGHTS = (0.4, 0.15, 0.15, 0.15, 0.15)


def channels(options: _telemetry.Options, seed: int) -> list[_generated.Generated]:
    """Generates the channels of one spacecraft; each depends on no other."""
    found: list[_generated.Generated] = []
    numbers = dict.fromkeys(_telemetry.ARCHETYPES, 0)
    for number in range(options.n_channels):
        rng = _streams.stream(seed, _streams.Use.BASE, number)
        archetype = str(rng.choice(_telemetry.ARCHETYPES, p=WEIGHTS))
        if options.archetypes:
            archetype = options.archetypes[number % len(options.archetypes)]
        numbers[archetype] += 1
        name = f"{_telemetry.LETTERS[archetype]}-{numbers[archetype]}"
        found.append(_channel(options, seed, number, name, archetype, rng))
    return found


def _channel(
    options: _telemetry.Options,
    seed: int,
    number: int,
    name: str,
    archetype: str,
    rng: np.random.Generator,
) -> _generated.Generated:
    wiring = _commands.draw_wiring(rng, options)
    channel = _analog.draw_channel(rng, archetype, len(wiring.pulses))
    parts: list[_generated.Part] = []
    faults: list[_faults.Fault] = []
    scale: _analog.Scale | None = None
    sections = (_streams.Section.TRAIN, _streams.Section.TEST)
    first = 0
    for section, length in zip(sections, options.steps, strict=True):
        commands = _commands.draw_commands(
            _streams.stream(seed, _streams.Use.COMMANDS, number, section=section),
            wiring,
            options,
            length,
        )
        noise = _streams.stream(seed, _streams.Use.NOISE, number, section=section)
        steps = np.arange(first, first + length)
        background = _analog.background(noise, channel, length, options.noise)
        raw = _analog.measure(channel, commands, steps, background)
        scale = scale or _analog.fit_scale(raw)
        clean = _analog.record(channel, raw, scale)
        now = _faults.Situation(channel, commands, steps, background, scale, clean)
        if section is _streams.Section.TEST and options.anomalies:
            faults = _faults_of(options, seed, number, now)
        parts.append(_part(options, seed, number, now, faults))
        first += length
    train, test = parts
    assert scale is not None
    metadata: dict[str, Any] = {
        "generator": "make_telemetry",
        "seed": seed,
        "channel": number,
        "archetype": archetype,
        "spacecraft": _telemetry.LAYOUTS[options.kind].spacecraft,
        "options": dataclasses.asdict(options),
        "mode_columns": [1 + column for column in wiring.mode],
        "pulse_columns": [1 + column for column in wiring.pulses],
        "gains": channel.gains.tolist(),
        "delays": channel.delays.tolist(),
        "time_constants": channel.constants.tolist(),
        "season": [channel.season, channel.period],
        "centre": scale.centre,
        "unit": scale.half / _analog.REACH,
        "faults": [[fault.start, fault.stop, fault.kind] for fault in faults],
    }
    width = train.values.shape[1]
    names = ("telemetry", *(f"command{column}" for column in range(1, width)))
    nothing = np.zeros((0, width))
    empty = _generated.part_of(nothing, nothing, ())
    return _generated.Generated(name, train, empty, test, names, metadata)


def _faults_of(
    options: _telemetry.Options, seed: int, number: int, now: _faults.Situation
) -> list[_faults.Fault]:
    rng = _streams.stream(seed, _streams.Use.EVENTS, number)
    if not options.events:
        lengths = options.lengths
        bounds = lengths[number % len(lengths)] if lengths else None
        return _faults.draw(rng, now, options, bounds)
    faults = []
    for kind, start, length in options.events[number % len(options.events)]:
        fault = _faults.at(rng, now, kind, start, length)
        if fault is None:
            raise ValueError(
                f"event {kind!r} from step {start} over {length} steps would not be "
                f"seen in channel number {number}; choose another place or kind"
            )
        faults.append(fault)
    return sorted(faults, key=lambda fault: fault.start)


def _part(
    options: _telemetry.Options,
    seed: int,
    number: int,
    now: _faults.Situation,
    faults: list[_faults.Fault],
) -> _generated.Part:
    telemetry = now.clean.copy()
    for fault in faults:
        telemetry[fault.start : fault.stop] = fault.values
    clean = now.clean
    if options.resolution:
        telemetry, clean = (
            np.round(values / options.resolution) * options.resolution
            for values in (telemetry, clean)
        )
    rng = _streams.stream(seed, _streams.Use.SLOTS, number)
    events, free = [], 0
    for position, fault in enumerate(faults):
        slack = options.label_slack * (fault.stop - fault.start)
        early, late = rng.uniform(0, slack, 2)
        after = faults[position + 1].start if position + 1 < len(faults) else len(clean)
        # Labels of neighbours may meet, never overlap.
        start = max(free, fault.start - int(early))
        stop = min(after, fault.stop + int(late))
        events.append(_generated.Event(start, stop, fault.kind, (0,)))
        free = stop
    columns = now.commands.columns
    return _generated.part_of(
        np.concatenate([telemetry[:, None], columns], axis=1),
        np.concatenate([clean[:, None], columns], axis=1),
        events,
        _telemetry.CODES,
    )
