"""Steps a second of streams: one entity, a hundred, ten thousand, of ten channels each.

A step is one call of `Stream.update` with the newest values of all entities, scores,
flags and alarms read back, as a feed gives them; `block_steps_per_s` takes blocks of
64 steps instead. Times are medians over steps after those that compile. `grown_mib` is
what the process has gained over the timed steps, which a stream does not add to.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence

import numpy as np
import psutil

from benchmarks.throughput.options import Options, Row
from jaxtsad import TimeSeriesDetector
from jaxtsad.streaming import Stream
from jaxtsad.training import memory

CHANNELS, TRAIN, BLOCK = 10, 2_000, 64
DETECTORS = ("pretrained_tcn", "zscore", "pca", "lstm_vae")
ENTITIES = (1, 100, 10_000)
ALARMS = {"threshold": "budget", "threshold_options": {"alarms_per_1000": 1}}
"""Few steps are anomalous, as in use: an open alarm costs microseconds more."""
WARM = 3
LONG = 0.1
"""Seconds of a step from which blocks gain nothing and are left out."""


def measure(options: Options) -> Iterator[Row]:
    """Measures every detector at every number of entities.

    Raises:
        ValueError: If the command line asks for sizes or a comparison.
    """
    options.refuse("streams", "sizes", "against")
    memory.keep()  # As the commands that watch do.
    names = DETECTORS if options.detector is None else (options.detector,)
    sizes = options.members or ((1, 3) if options.quick else ENTITIES)
    for name in names:
        rows = 300 if options.quick else TRAIN
        fitted = TimeSeriesDetector(name, epochs=1, **ALARMS).fit(_waves(rows, 1)[:, 0])
        for entities in sizes:
            yield _row(fitted, entities, options)


def _row(fitted: TimeSeriesDetector, entities: int, options: Options) -> Row:
    stream = fitted.stream(None if entities == 1 else entities)
    values = _waves(BLOCK, entities)
    began = time.perf_counter()
    for step in range(WARM):
        stream.update(_of_step(values, step, entities))
    first = time.perf_counter() - began
    before = psutil.Process().memory_info().rss
    steps = [_of_step(values, number, entities) for number in range(len(values))]
    spent = _times(stream, steps, options.seconds)
    grown = psutil.Process().memory_info().rss - before
    step = statistics.median(spent)
    row = {
        "suite": "streams",
        "case": f"{fitted.detector}, {entities} entities",
        "channels": entities * CHANNELS,
        "step_ms": 1e3 * step,
        "steps_per_s": 1 / step,
        "first_s": first,
        "timed_steps": len(spent),
        "grown_mib": grown / 2**20,
    }
    if step < LONG:
        row["block_steps_per_s"] = _block_rate(stream, entities, options.seconds)
    return row


def _block_rate(stream: Stream, entities: int, seconds: float) -> float:
    values = _waves(BLOCK, entities)
    block = values[:, 0] if entities == 1 else values.swapaxes(0, 1)
    stream.update(block)
    return BLOCK / statistics.median(_times(stream, [block], seconds))


def _times(stream: Stream, given: Sequence[np.ndarray], seconds: float) -> list[float]:
    """Seconds of each update, by turns with what is given, until the time is up."""
    spent: list[float] = []
    while sum(spent) < seconds or len(spent) < WARM:
        values = given[len(spent) % len(given)]
        began = time.perf_counter()
        stream.update(values)
        spent.append(time.perf_counter() - began)
    return spent


def _of_step(values: np.ndarray, step: int, entities: int) -> np.ndarray:
    now: np.ndarray = values[step % len(values)]
    return now[0] if entities == 1 else now


def _waves(steps: int, entities: int) -> np.ndarray:
    """Waves `[K, M, C]` as in training, with noise of each entity's own.

    They go on where a block is repeated.
    """
    phase = np.random.default_rng(0).uniform(0, 6, (1, 1, CHANNELS))
    wave = np.sin(np.arange(steps)[:, None, None] * 2 * np.pi / BLOCK + phase)
    rng = np.random.default_rng(entities)
    return wave + 0.1 * rng.normal(size=(steps, entities, CHANNELS))
