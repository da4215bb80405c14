"""Anomalies of the telemetry generator: what is recorded while something fails."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import analog, commanding, telemetry_options

VISIBLE = 0.15
GAP = 50
TRIES = 100
PLACES = (0.30, 0.85)


class Situation(NamedTuple):
    """A channel's test part as it would be recorded without any fault."""

    channel: analog.Channel
    commands: commanding.Commands
    steps: np.ndarray
    background: np.ndarray
    scale: analog.Scale
    clean: np.ndarray


class Fault(NamedTuple):
    """A fault `[start, stop)` and what is recorded meanwhile."""

    kind: str
    start: int
    stop: int
    values: np.ndarray


def at(
    rng: np.random.Generator, situation: Situation, kind: str, start: int, length: int
) -> Fault | None:
    """A fault of a kind, or None where it would not be seen.

    Faults of the response to a command begin at the next pulse that shows them.

    Args:
        rng: Source of levels, signs and spikes.
        situation: The test part without fault.
        kind: One of `telemetry_options.KINDS`.
        start: First step.
        length: Steps it lasts.
    """
    starts = [start]
    if kind in telemetry_options.COMMAND and kind != "response_unprompted":
        strongest = int(np.argmax(np.abs(situation.channel.gains)))
        rises = np.diff(situation.commands.pulses[:, strongest], prepend=0.0) > 0
        starts = [step for step in np.flatnonzero(rises).tolist() if step >= start]
    for first in starts:
        stop = first + length
        if stop > len(situation.clean):
            break
        if kind in telemetry_options.POINT or kind in ("frozen", "trend"):
            values = _by_value(rng, situation, kind, first, stop)
        else:
            values = _by_system(situation, kind, first, stop)
        if np.abs(values - situation.clean[first:stop]).max() >= VISIBLE:
            return Fault(kind, first, stop, values)
    return None


def _by_value(
    rng: np.random.Generator, situation: Situation, kind: str, start: int, stop: int
) -> np.ndarray:
    clean, length = situation.clean[start:stop], stop - start
    sign = rng.choice([-1.0, 1.0])
    far = sign * rng.uniform(1.2, 2.0, length) * analog.REACH
    if kind == "spike":
        spiked = np.cumsum(rng.integers(4, 20, length)) - 4
        values = clean.copy()
        values[spiked[spiked < length]] = far[spiked < length]
        return values
    if kind == "level_shift":
        return far[0] + rng.normal(0, 0.02, length)
    if kind == "dropout":
        return np.full(length, -1.0 if clean.mean() > -0.4 else 0.0)
    if kind == "noise_burst":
        spread = analog.REACH / situation.scale.half * situation.channel.sd
        return clean + 6 * spread * rng.standard_normal(length)
    if kind == "frozen":
        return np.full(length, situation.clean[max(start - 1, 0)])
    # A trend that stays inside the range runs toward the farther border.
    away = -np.sign(clean.mean()) or sign
    slope = away * rng.uniform(0.5, 0.9) * np.arange(1, length + 1) / length
    return np.clip(clean + slope, -analog.REACH, analog.REACH)


def _by_system(situation: Situation, kind: str, start: int, stop: int) -> np.ndarray:
    """Records the part again with a channel or commands that differ in the span."""
    channel, pulses = situation.channel, situation.commands.pulses.copy()
    if kind == "response_missing":
        pulses[start:stop] = 0.0
    elif kind == "response_unprompted":
        strongest = int(np.argmax(np.abs(channel.gains)))
        pulses[start:stop, strongest] = 1.0
    elif kind == "response_inverted":
        channel = channel._replace(gains=-channel.gains)
    elif kind == "response_delayed":
        channel = channel._replace(delays=3 * channel.delays)
    else:
        channel = channel._replace(period=channel.period // 2)
    commands = situation.commands._replace(pulses=pulses)
    raw = analog.measure(channel, commands, situation.steps, situation.background)
    return analog.record(channel, raw, situation.scale)[start:stop]


def draw(
    rng: np.random.Generator,
    situation: Situation,
    options: telemetry_options.Options,
    bounds: tuple[int, int] | None,
) -> list[Fault]:
    """Draws one to three disjoint, visible faults of a channel.

    Args:
        rng: Source of everything drawn.
        situation: The test part without fault.
        options: Options of the generator.
        bounds: Least and most steps of a fault, or None for the usual.
    """
    layout, steps = telemetry_options.LAYOUTS[options.kind], len(situation.clean)
    kinds = telemetry_options.ALLOWED[situation.channel.archetype]
    wanted = int(rng.choice([1, 2, 3], p=layout.spans))
    faults: list[Fault] = []
    for attempt in range(TRIES):
        start = int(steps * rng.uniform(*PLACES))
        usual = layout.length * np.exp(1.5 * rng.standard_normal())
        length = int(np.clip(usual, 10, 0.4 * steps))
        if bounds is not None:
            length = int(rng.integers(bounds[0], bounds[1] + 1))
        kind = str(rng.choice(kinds))
        # A level outside the range is always seen: it ends the search.
        if attempt > TRIES // 2:
            kind = "level_shift"
        fault = at(rng, situation, kind, start, length)
        if fault is None or fault.start > PLACES[1] * steps:
            continue
        if all(_apart(fault, other) for other in faults):
            faults.append(fault)
        if len(faults) == wanted:
            break
    return sorted(faults, key=lambda fault: fault.start)


def _apart(fault: Fault, other: Fault) -> bool:
    return fault.start >= other.stop + GAP or other.start >= fault.stop + GAP
