"""Command columns of the telemetry generator: mode bits and scheduled pulses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import telemetry_options

GROUP = 3


class Wiring(NamedTuple):
    """Which command column carries what; all other columns stay 0.

    Attributes:
        mode: Columns "mode is not 0", its complement, and "mode is 2".
        pulses: `[J]` columns of the pulse commands, one-hot in groups of three.
        periods: `[J]` steps between two pulses of a command.
    """

    mode: tuple[int, int, int]
    pulses: tuple[int, ...]
    periods: tuple[int, ...]


class Commands(NamedTuple):
    """Commands of one part.

    Attributes:
        columns: `[T, C - 1]` 0/1, as recorded.
        mode: `[T]` int, 0, 1 or 2.
        pulses: `[T, J]` 0/1, the pulse commands alone.
    """

    columns: np.ndarray
    mode: np.ndarray
    pulses: np.ndarray


def draw_wiring(rng: np.random.Generator, options: telemetry_options.Options) -> Wiring:
    """Draws the columns in use and the period of every pulse command."""
    layout = telemetry_options.LAYOUTS[options.kind]
    chosen = rng.choice(layout.columns - 1, layout.active, replace=False).tolist()
    periods = rng.choice(options.command_periods, layout.active - GROUP).tolist()
    first, second, third, *pulses = chosen
    return Wiring((first, second, third), tuple(pulses), tuple(periods))


def draw_commands(
    rng: np.random.Generator,
    wiring: Wiring,
    options: telemetry_options.Options,
    steps: int,
) -> Commands:
    """Draws the commands of one part of `steps` steps."""
    mode = _modes(rng, options, steps)
    pulses = np.zeros((steps, len(wiring.pulses)))
    for first in range(0, len(wiring.pulses), GROUP):
        group = slice(first, first + GROUP)
        pulses[:, group] = _pulses(rng, wiring.periods[group], options, steps)
    columns = np.zeros((steps, telemetry_options.LAYOUTS[options.kind].columns - 1))
    columns[:, list(wiring.mode)] = np.stack([mode > 0, mode == 0, mode == 2], axis=1)
    columns[:, list(wiring.pulses)] = pulses
    return Commands(columns, mode, pulses)


def _modes(
    rng: np.random.Generator, options: telemetry_options.Options, steps: int
) -> np.ndarray:
    shortest, longest = options.dwell
    stays = rng.integers(shortest, longest + 1, steps // shortest + 1)
    # Never the same mode twice in a row.
    turns = rng.integers(1, 3, len(stays))
    return np.repeat(np.cumsum(turns) % 3, stays)[:steps]


def _pulses(
    rng: np.random.Generator,
    periods: tuple[int, ...],
    options: telemetry_options.Options,
    steps: int,
) -> np.ndarray:
    """Pulses `[T, 3]` of one group; one that meets another waits for its end."""
    due: list[tuple[int, int, int]] = []
    for command, period in enumerate(periods):
        count = int(steps / (0.95 * period)) + 2
        waits = period * rng.uniform(0.95, 1.05, count)
        waits[0] = rng.uniform(0, period)
        starts = np.cumsum(waits).astype(int).tolist()
        lengths = rng.integers(options.pulse[0], options.pulse[1] + 1, count).tolist()
        due += [(start, command, n) for start, n in zip(starts, lengths, strict=True)]
    pulses, free = np.zeros((steps, len(periods))), 0
    for start, command, length in sorted(due):
        start = max(start, free)
        pulses[start : start + length, command] = 1.0
        free = start + length
    return pulses
