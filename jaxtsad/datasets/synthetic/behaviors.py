"""Normal behavior of one column: what a channel does while nothing is wrong.

Every function takes a random stream, a number of steps T and a period in steps, and
returns values `[T]`. Periods are drawn so that the same behavior looks like one sampled
every second or every hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import signal

from jaxtsad.datasets.synthetic import analog

Behavior = Callable[[np.random.Generator, int, float], np.ndarray]
SHORTEST, LONGEST = 8.0, 400.0


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def autoregressive(
    rng: np.random.Generator, steps: int, persistence: float
) -> np.ndarray:
    """An AR(1) process `[T]` of deviation 1, started from its own distribution."""
    lead = min(int(5 / max(1 - persistence, 1e-3)), 2000)
    innovations = rng.standard_normal(steps + lead)
    scale = np.sqrt(1 - persistence**2)
    filtered: np.ndarray = signal.lfilter([scale], [1, -persistence], innovations)
    return filtered[lead:]


def held_levels(
    rng: np.random.Generator, steps: int, dwell: float, levels: np.ndarray | None = None
) -> np.ndarray:
    """Levels `[T]` that each last an exponential time; drawn anew or from a list."""
    count = int(3 * steps / dwell) + 20
    ends = np.cumsum(rng.exponential(dwell, count).astype(int) + 1)
    while ends[-1] < steps:
        ends = np.append(ends, ends[-1] + 1 + int(rng.exponential(dwell)))
    drawn = (
        rng.standard_normal(len(ends))
        if levels is None
        else levels[rng.integers(len(levels), size=len(ends))]
    )
    values: np.ndarray = drawn[np.searchsorted(ends, np.arange(steps), side="right")]
    return values


def _noise(rng: np.random.Generator, steps: int, most: float) -> np.ndarray:
    return rng.uniform(0, most) * rng.standard_normal(steps)


def _phase(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """Phase in turns; in a third of the columns the period wanders a little."""
    turns = np.arange(steps) / period + rng.random()
    if rng.random() < 1 / 3:
        turns = turns + rng.uniform(0, 0.15) * autoregressive(rng, steps, 0.995)
    return turns


def _harmonics(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    turns = _phase(rng, steps, period)
    orders = np.arange(1, rng.integers(2, 7))
    sizes = rng.uniform(0.2, 1, len(orders))
    phases = rng.uniform(0, 2 * np.pi, len(orders))
    waves = sizes * np.sin(2 * np.pi * turns[:, None] * orders + phases)
    return waves.sum(axis=1) + _noise(rng, steps, 0.3)


def _daily(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """A slow wave on which a fast one rides, or which sets its amplitude."""
    slow = _harmonics(rng, steps, period * rng.uniform(4, 12))
    fast = np.sin(2 * np.pi * _phase(rng, steps, period))
    if rng.random() < 0.5:
        return slow + rng.uniform(0.2, 1) * fast + _noise(rng, steps, 0.2)
    return fast * (1 + 0.5 * np.tanh(slow)) + _noise(rng, steps, 0.2)


def _square(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    high = _phase(rng, steps, period) % 1 < rng.uniform(0.1, 0.9)
    return high + rng.choice([0.0, 0.02, 0.05]) * rng.standard_normal(steps)


def _sawtooth(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    ramp = _phase(rng, steps, period) % 1
    return (1 - ramp if rng.random() < 0.5 else ramp) + _noise(rng, steps, 0.1)


def _thermostat(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """Heats to an upper limit and cools to a lower one, exponentially."""
    heating = _phase(rng, steps, period) % 1 < rng.uniform(0.2, 0.8)
    constant = period * rng.uniform(0.1, 0.6)
    return analog.response(heating.astype(float), 0, constant) + _noise(rng, steps, 0.1)


def _wander(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    del period
    persistence = float(rng.choice([0.0, 0.5, 0.9, 0.97]))
    return autoregressive(rng, steps, persistence)


def _slow(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    del period
    slow = autoregressive(rng, steps, float(rng.choice([0.99, 0.995, 0.998])))
    return slow + rng.choice([0, 0.02, 0.1]) * rng.standard_normal(steps)


def _levels(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    levels = rng.standard_normal(rng.integers(3, 7))
    values = held_levels(rng, steps, period, levels)
    return values + rng.choice([0, 0.02, 0.1]) * rng.standard_normal(steps)


def _set_points(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """Set points that the column approaches with a time constant."""
    levels = rng.standard_normal(rng.integers(3, 8))
    target = held_levels(rng, steps, period, levels)
    answered = target[0] + analog.response(
        target - target[0], 0, log_uniform(rng, 1, 20)
    )
    return answered + rng.choice([0, 0.02, 0.1]) * rng.standard_normal(steps)


def _telegraph(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """Two values; in half of the columns one of them gets rarer at some step."""
    dwell = period * np.exp(rng.uniform(-2, 2, 2))
    turns = 2 * (int(steps / dwell.sum()) + 10)
    spans = rng.exponential(np.tile(dwell, turns // 2)).astype(int) + 1
    while spans.sum() < steps:
        spans = np.append(spans, spans)
    values = (
        np.searchsorted(np.cumsum(spans), np.arange(steps), side="right") % 2
    ).astype(float)
    if rng.random() < 0.5:
        first = rng.integers(steps // 3, steps)
        values[first:] = rng.random(steps - first) < rng.uniform(0, 0.3)
    return values


def _bursts(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """Events of random size that die away."""
    struck = rng.random(steps) < 1 / period
    sizes = np.where(struck, rng.lognormal(0, 0.7, steps), 0)
    length = int(rng.integers(1, 20))
    kernel = np.exp(-np.arange(5 * length) / length)
    answered = np.convolve(sizes, kernel)[:steps]
    return answered + rng.choice([0, 0.02, 0.1]) * rng.standard_normal(steps)


def _pulses(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """Rests at a value and now and then visits another for a while."""
    spread = rng.choice([0.0, 0.01, 0.05])
    active = held_levels(rng, steps, period, np.array([0.0, 0.0, 0.0, 1.0]))
    shape = 1 + 0.3 * autoregressive(rng, steps, 0.9)
    return active * shape + spread * rng.standard_normal(steps)


def _load(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """Skewed and positive, with a rhythm, as the load of a machine."""
    rhythm = 1 + rng.uniform(0, 0.9) * np.sin(2 * np.pi * _phase(rng, steps, period))
    noise = rng.standard_normal(steps)
    if rng.random() < 0.4:
        noise = autoregressive(rng, steps, float(rng.uniform(0.5, 0.95)))
    return np.exp(rng.uniform(0.1, 1) * noise) * rhythm


def _counts(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """Counts per step; their rate has a rhythm."""
    rhythm = 1 + rng.uniform(0, 0.9) * np.sin(2 * np.pi * _phase(rng, steps, period))
    rate = log_uniform(rng, 0.05, 30) * rhythm
    return rng.poisson(np.maximum(rate, 0)).astype(float)


def _constant(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    del period
    return np.full(steps, rng.standard_normal())


def _template(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """A drawn shape again and again, its height and its pace a little different."""
    length = int(period) + 4
    shape = np.convolve(rng.standard_normal(length), np.ones(5) / 5, "same")
    turns = _phase(rng, steps, float(length)) * length
    values = np.interp(turns % length, np.arange(length), shape)
    height = 1 + 0.1 * autoregressive(rng, steps, 0.9)
    return values * height + _noise(rng, steps, 0.2) * shape.std()


def _cycles(rng: np.random.Generator, steps: int, period: float) -> np.ndarray:
    """A drawn shape with pauses of random length between its repetitions."""
    length = int(period) + 4
    shape = np.convolve(rng.standard_normal(length), np.hanning(7) / 3, "same")
    shape = shape * np.hanning(length)
    values, at = np.zeros(steps + length), 0
    while at < steps:
        values[at : at + length] = shape * rng.uniform(0.8, 1.2)
        at += length + int(rng.exponential(period))
    return values[:steps] + _noise(rng, steps, 0.1) * shape.std()


BEHAVIORS: Mapping[str, Behavior] = {
    "harmonics": _harmonics,
    "daily": _daily,
    "square": _square,
    "sawtooth": _sawtooth,
    "thermostat": _thermostat,
    "wander": _wander,
    "slow": _slow,
    "levels": _levels,
    "set_points": _set_points,
    "telegraph": _telegraph,
    "bursts": _bursts,
    "pulses": _pulses,
    "load": _load,
    "counts": _counts,
    "constant": _constant,
    "template": _template,
    "cycles": _cycles,
}
TWO_VALUED = "telegraph"
CONSTANT = "constant"


def draw(rng: np.random.Generator, steps: int) -> tuple[str, np.ndarray]:
    """A behavior and its values `[T]`, as its sensor records them.

    Some sensors saturate, round, see only one side, or drift over the whole recording.

    Args:
        rng: Source of everything drawn.
        steps: T.
    """
    name = str(rng.choice(list(BEHAVIORS)))
    values = BEHAVIORS[name](rng, steps, log_uniform(rng, SHORTEST, LONGEST))
    if name not in (TWO_VALUED, CONSTANT):
        values = _recorded(rng, values)
    return name, values * log_uniform(rng, 0.1, 10)


def _recorded(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    if rng.random() < 0.25:
        shares = [rng.uniform(0, 0.3), rng.uniform(0.7, 1)]
        values = np.clip(values, *np.quantile(values, shares))
    if rng.random() < 0.3:
        unit = np.ptp(values) / rng.integers(3, 30) + 1e-9
        values = np.round(values / unit) * unit
    if rng.random() < 0.15:
        values = np.maximum(values, np.median(values))
    if rng.random() < 0.1:
        slope = 0.7 * rng.standard_normal() * values.std()
        values = values + slope * np.linspace(0, 1, len(values))
    return values
