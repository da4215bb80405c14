"""The telemetry column: what a channel measures while it is commanded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import commanding, waveforms

REACH = 0.9
CLIP = 1.2


class Channel(NamedTuple):
    """Drawn properties of one channel.

    Attributes:
        archetype: One of `telemetry_options.ARCHETYPES`.
        base: `[3]` level in each mode.
        gains: `[J]` change of level per command.
        delays: `[J]` steps until a command acts.
        constants: `[J]` time constants in steps.
        season: Amplitude of the seasonal term.
        period: Its period in steps.
        persistence: Coefficient of the AR(1) noise.
        sd: Standard deviation of its innovations.
        levels: Number of levels of a staircase.
    """

    archetype: str
    base: np.ndarray
    gains: np.ndarray
    delays: np.ndarray
    constants: np.ndarray
    season: float
    period: int
    persistence: float
    sd: float
    levels: int


class Scale(NamedTuple):
    """Statistics of the training part that the recorder scales by."""

    center: float
    half: float
    median: float


def draw_channel(rng: np.random.Generator, archetype: str, commands: int) -> Channel:
    """Draws a channel with `commands` pulse commands."""
    base = rng.permutation([-0.5, 0.0, 0.5]) + rng.uniform(-0.1, 0.1, 3)
    channel = Channel(
        archetype=archetype,
        base=base,
        gains=rng.uniform(-0.6, 0.6, commands),
        delays=rng.integers(1, 11, commands),
        constants=rng.uniform(5, 60, commands),
        season=float(rng.uniform(0, 0.3)),
        period=int(rng.choice([96, 360, 1440])),
        persistence=float(rng.uniform(0, 0.8)),
        sd=float(rng.uniform(0.01, 0.05)),
        levels=int(rng.integers(5, 21)),
    )
    if archetype == "spiky":
        return channel._replace(
            base=np.zeros(3),
            constants=channel.constants / 20,
            season=0.0,
            sd=channel.sd / 5,
        )
    if archetype == "drift":
        return channel._replace(base=np.zeros(3), gains=channel.gains / 2, season=0.0)
    return channel


def response(pulses: np.ndarray, delay: int, constant: float) -> np.ndarray:
    """Response `[T]` of a first-order system to a command `[T]`.

    A command that comes and stays is answered after `delay` steps by
    `1 - exp(-n / constant)` in its n-th step.
    """
    late = np.concatenate([np.zeros(delay), pulses])[: len(pulses)]
    reach = np.arange(1, int(25 * constant) + 2)
    kernel = np.exp(-(reach - 1) / constant) - np.exp(-reach / constant)
    return np.convolve(late, kernel)[: len(pulses)]


def background(
    rng: np.random.Generator, channel: Channel, steps: int, noise: float
) -> np.ndarray:
    """Noise `[T]` of a channel, and the wandering of one that drifts."""
    innovations = rng.standard_normal(steps) * channel.sd * noise
    walk = np.cumsum(0.01 * rng.standard_normal(steps)) + rng.uniform(-0.8, 0.8)
    kernel = channel.persistence ** np.arange(150)
    colored = np.convolve(innovations, kernel)[:steps]
    if channel.archetype == "drift":
        return colored + waveforms.reflect(walk, -0.8, 0.8)
    return colored


def measure(
    channel: Channel,
    commands: commanding.Commands,
    steps: np.ndarray,
    background: np.ndarray,
) -> np.ndarray:
    """Raw telemetry `[T]`: mode level, responses, seasonal term and background.

    Args:
        channel: The channel.
        commands: Commands of the part.
        steps: `[T]` steps on the common time axis.
        background: `[T]`, see `background`.
    """
    raw = channel.base[commands.mode] + background
    for command, gain in enumerate(channel.gains):
        raw = raw + gain * response(
            commands.pulses[:, command],
            int(channel.delays[command]),
            float(channel.constants[command]),
        )
    return raw + channel.season * np.sin(2 * np.pi * steps / channel.period)


def fit_scale(raw: np.ndarray) -> Scale:
    """Scale of a raw training part `[T]`, which it brings to [-.9, .9]."""
    low, high = float(raw.min()), float(raw.max())
    half = (high - low) / 2
    return Scale((low + high) / 2, half if half > 0 else 1.0, float(np.median(raw)))


def record(channel: Channel, raw: np.ndarray, scale: Scale) -> np.ndarray:
    """Recorded telemetry `[T]`: scaled, clipped, and levelled where a channel is."""
    scaled = REACH * (raw - scale.center) / scale.half
    scaled = np.clip(scaled, -CLIP, CLIP)
    if channel.archetype == "binary":
        return np.where(raw > scale.median, REACH, -REACH)
    if channel.archetype == "staircase":
        step = 2 * REACH / (channel.levels - 1)
        return np.clip(np.round((scaled + REACH) / step) * step - REACH, -CLIP, CLIP)
    return scaled
