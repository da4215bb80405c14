"""Seconds of whole recordings by the default detector: fitted, scored, and as a fleet.

Recordings are sums of waves and noise of the sizes that people have: a server (28,479
steps of 38 channels), a frame of 10,000 by 5, 82 telemetry channels as one fleet, and a
million steps. Times are medians of runs after one that compiles; `first_s` is that one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.throughput.options import Options, Row
from jaxtsad import TimeSeriesDetector

RUNS = 3


class Size(NamedTuple):
    """A fleet of equal recordings.

    Attributes:
        name: Of the case.
        series: How many recordings.
        train: Steps to fit on.
        test: Steps to score.
        channels: Channels of each.
    """

    name: str
    series: int
    train: int
    test: int
    channels: int


SIZES = (
    Size("frame", 1, 10_000, 10_000, 5),
    Size("server", 1, 28_479, 28_479, 38),
    Size("82 telemetry channels", 82, 2_400, 6_200, 25),
    Size("a million steps", 1, 20_000, 1_000_000, 10),
)
SMOKE = (Size("smoke", 2, 300, 400, 2),)


def measure(options: Options) -> Iterator[Row]:
    """Measures every size, a small one where `quick`.

    Raises:
        ValueError: If the command line asks for sizes, members or a comparison.
    """
    options.refuse("recordings", "sizes", "members", "against")
    detector = options.detector or TimeSeriesDetector().detector
    for size in SMOKE if options.quick else SIZES:
        yield row(detector, size, 1 if options.quick else RUNS)


def row(detector: str, size: Size, runs: int) -> Row:
    train = [_waves(size.train, size.channels, i) for i in range(size.series)]
    test = [_waves(size.test, size.channels, 1000 + i) for i in range(size.series)]
    seconds = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        fitted = TimeSeriesDetector(detector).fit(train)
        between = time.perf_counter()
        fitted.decision_function(test)
        seconds.append((between - began, time.perf_counter() - between))
    first, *later = seconds
    fit, score = (statistics.median(each) for each in zip(*later, strict=True))
    return {
        "suite": "recordings",
        "case": f"{detector}, {size.name}",
        "steps": size.series * size.test,
        "channels": size.channels,
        "fit_s": fit,
        "score_s": score,
        "first_s": sum(first),
        "values_per_s": size.series * size.test * size.channels / score,
    }


def _waves(steps: int, channels: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 6, channels)
    cause = np.arange(steps)[:, None] / rng.uniform(5, 60, channels)
    return np.sin(cause + phase) + 0.1 * rng.normal(size=(steps, channels))
