"""Streams take no more memory, however long they go on: what could grow is counted."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from jaxtsad import detectors
from jaxtsad.estimator import TimeSeriesDetector
from jaxtsad.streaming import feed, rows
from tests.detectors import tiny
from tests.streaming.test_stream import waves

MILLION = 1_000_000
COMPILED = "/jax/core/compile/backend_compile_duration"
ROOM = 200_000
"""Bytes of Python objects that come and go, such as caches of NumPy."""


class Counts:
    """Programs that were compiled, arrays on the device, bytes of Python objects."""

    def __init__(self) -> None:
        self.compiled = 0
        jax.monitoring.register_event_duration_secs_listener(self._heard)

    def _heard(self, event: str, _: float, **__: Any) -> None:
        self.compiled += event == COMPILED

    def now(self) -> tuple[int, int, int, int]:
        arrays = jax.live_arrays()
        size = sum(each.nbytes for each in arrays)
        return self.compiled, len(arrays), size, tracemalloc.get_traced_memory()[0]


@pytest.fixture(scope="module")
def counts() -> Counts:
    return Counts()


def check(
    counts: Counts,
    go_on: Callable[[], int],
    size: Callable[[], int],
    steps: int,
) -> None:
    """Fails if anything grows from a tenth of so many steps to all of them.

    Args:
        counts: What is counted.
        go_on: Takes some steps and says how many.
        size: Bytes of the state as it is saved.
        steps: How many in all.
    """
    tracemalloc.start()
    try:
        taken = 0
        while taken < steps // 10:
            taken += go_on()
        begun = size()
        compiled, arrays, device, host = counts.now()
        assert compiled and device and host, "nothing is counted"
        while taken < steps:
            taken += go_on()
        assert abs(size() - begun) < 1000
        now = counts.now()
        assert now[:3] == (compiled, arrays, device)
        assert now[3] - host < ROOM
    finally:
        tracemalloc.stop()


def detector_of(name: str) -> tuple[TimeSeriesDetector, np.ndarray]:
    channels = detectors.module(name).TINY.channels
    made = tiny.estimator(name).fit(waves(tiny.STEPS, channels))
    values = waves(48, channels, seed=1)
    values[20:24] += 9.0  # An alarm opens and closes in every round.
    return made, values


NAMES = ("zscore", "pca", "lstm_autoencoder", "pretrained_tcn", "ensemble")


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        *((name, 5000) for name in NAMES),
        *(pytest.param(name, MILLION, marks=pytest.mark.slow) for name in NAMES),
    ],
)
def test_nothing_grows_in_a_stream(counts: Counts, name: str, steps: int) -> None:
    detector, values = detector_of(name)
    stream = detector.stream()
    at = alarms = 0

    def go_on() -> int:
        nonlocal at, alarms
        one, block = values[at % 40], values[at % 7 :]
        at += 1
        stream.update(one)
        alarms += len(stream.update(block).opened)
        return 1 + len(block)

    check(counts, go_on, lambda: len(stream.dump()), steps)
    assert alarms > 5


def test_nothing_grows_in_a_fleet(counts: Counts) -> None:
    detector, values = detector_of("pretrained_tcn")
    fleet = detector.stream(20)
    stacked = np.stack([values + n for n in range(20)])

    def go_on() -> int:
        fleet.update(stacked)
        return stacked.shape[1]

    check(counts, go_on, lambda: len(fleet.dump()), 3000)


@pytest.mark.parametrize(
    "steps", [20_000, pytest.param(MILLION, marks=pytest.mark.slow)]
)
def test_nothing_grows_in_a_feed(counts: Counts, steps: int) -> None:
    """With rows that are late, doubled, malformed or lost, and notes of them."""
    detector, values = detector_of("zscore")
    names = [str(name) for name in detector.feature_names_in_]
    notes: list[str] = []
    given = feed.Feed(rows.Reader(names), *feed.streams_of(detector), notes.append)
    number = 0

    def go_on() -> int:
        nonlocal number
        lines = []
        for row in values:
            number += 1
            known = dict(zip(names, row.round(3).tolist(), strict=True))
            lines.append(json.dumps({"time": number, **known}).encode())
        number += 3  # Lost.
        given.take([*lines, lines[0], lines[-1], b"garbage", b"{"])
        notes.clear()
        return len(lines)

    check(counts, go_on, lambda: len(given.dump({})), steps)
    assert given.counts.late and given.counts.duplicated and given.counts.missing
    assert given.counts.malformed > steps / 100
