"""Builds telemetry channels: commands, telemetry, faults and labels put together."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jaxtsad.datasets.synthetic import (
    analog,
    anomalies,
    commanding,
    generated,
    streams,
    telemetry_options,
)

WEIGHTS = (0.4, 0.15, 0.15, 0.15, 0.15)


def channels(
    options: telemetry_options.Options, seed: int
) -> list[generated.Generated]:
    """Generates the channels of one spacecraft; each depends on no other."""
    generated_channels: list[generated.Generated] = []
    numbers = dict.fromkeys(telemetry_options.ARCHETYPES, 0)
    for number in range(options.n_channels):
        rng = streams.stream(seed, streams.Use.BASE, number)
        archetype = str(rng.choice(telemetry_options.ARCHETYPES, p=WEIGHTS))
        if options.archetypes:
            archetype = options.archetypes[number % len(options.archetypes)]
        numbers[archetype] += 1
        name = f"{telemetry_options.LETTERS[archetype]}-{numbers[archetype]}"
        generated_channels.append(_channel(options, seed, number, name, archetype, rng))
    return generated_channels


def _channel(
    options: telemetry_options.Options,
    seed: int,
    number: int,
    name: str,
    archetype: str,
    rng: np.random.Generator,
) -> generated.Generated:
    wiring = commanding.draw_wiring(rng, options)
    channel = analog.draw_channel(rng, archetype, len(wiring.pulses))
    parts: list[generated.Part] = []
    faults: list[anomalies.Fault] = []
    scale: analog.Scale | None = None
    sections = (streams.Section.TRAIN, streams.Section.TEST)
    first = 0
    for section, length in zip(sections, options.steps, strict=True):
        commands = commanding.draw_commands(
            streams.stream(seed, streams.Use.COMMANDS, number, section=section),
            wiring,
            options,
            length,
        )
        noise = streams.stream(seed, streams.Use.NOISE, number, section=section)
        steps = np.arange(first, first + length)
        background = analog.background(noise, channel, length, options.noise)
        raw = analog.measure(channel, commands, steps, background)
        scale = scale or analog.fit_scale(raw)
        clean = analog.record(channel, raw, scale)
        situation = anomalies.Situation(
            channel, commands, steps, background, scale, clean
        )
        if section is streams.Section.TEST and options.anomalies:
            faults = _faults_of(options, seed, number, situation)
        parts.append(_part(options, seed, number, situation, faults))
        first += length
    train, test = parts
    assert scale is not None
    metadata: dict[str, Any] = {
        "generator": "make_telemetry",
        "seed": seed,
        "channel": number,
        "archetype": archetype,
        "spacecraft": telemetry_options.LAYOUTS[options.kind].spacecraft,
        "options": dataclasses.asdict(options),
        "mode_columns": [1 + column for column in wiring.mode],
        "pulse_columns": [1 + column for column in wiring.pulses],
        "gains": channel.gains.tolist(),
        "delays": channel.delays.tolist(),
        "time_constants": channel.constants.tolist(),
        "season": [channel.season, channel.period],
        "centre": scale.center,
        "unit": scale.half / analog.REACH,
        "faults": [[fault.start, fault.stop, fault.kind] for fault in faults],
    }
    width = train.values.shape[1]
    names = ("telemetry", *(f"command{column}" for column in range(1, width)))
    nothing = np.zeros((0, width))
    empty = generated.part_of(nothing, nothing, ())
    return generated.Generated(name, train, empty, test, names, metadata)


def _faults_of(
    options: telemetry_options.Options,
    seed: int,
    number: int,
    situation: anomalies.Situation,
) -> list[anomalies.Fault]:
    rng = streams.stream(seed, streams.Use.EVENTS, number)
    if not options.events:
        lengths = options.lengths
        bounds = lengths[number % len(lengths)] if lengths else None
        return anomalies.draw(rng, situation, options, bounds)
    faults = []
    for kind, start, length in options.events[number % len(options.events)]:
        fault = anomalies.at(rng, situation, kind, start, length)
        if fault is None:
            raise ValueError(
                f"event {kind!r} from step {start} over {length} steps would not be "
                f"seen in channel number {number}; choose another place or kind"
            )
        faults.append(fault)
    return sorted(faults, key=lambda fault: fault.start)


def _part(
    options: telemetry_options.Options,
    seed: int,
    number: int,
    situation: anomalies.Situation,
    faults: list[anomalies.Fault],
) -> generated.Part:
    telemetry = situation.clean.copy()
    for fault in faults:
        telemetry[fault.start : fault.stop] = fault.values
    clean = situation.clean
    if options.resolution:
        telemetry, clean = (
            np.round(values / options.resolution) * options.resolution
            for values in (telemetry, clean)
        )
    rng = streams.stream(seed, streams.Use.SLOTS, number)
    events, free = [], 0
    for position, fault in enumerate(faults):
        slack = options.label_slack * (fault.stop - fault.start)
        early, late = rng.uniform(0, slack, 2)
        after = faults[position + 1].start if position + 1 < len(faults) else len(clean)
        # Labels of neighbors may meet, never overlap.
        start = max(free, fault.start - int(early))
        stop = min(after, fault.stop + int(late))
        events.append(generated.Event(start, stop, fault.kind, (0,)))
        free = stop
    columns = situation.commands.columns
    return generated.part_of(
        np.concatenate([telemetry[:, None], columns], axis=1),
        np.concatenate([clean[:, None], columns], axis=1),
        events,
        telemetry_options.CODES,
    )
