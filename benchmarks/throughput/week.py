"""A week of rows, one a second, through `jaxtsad watch`: its memory and rows a second.

    python -m benchmarks.throughput.week --out week.md

The rows of ten channels are written to the command's standard input as fast as it takes
them; some are malformed, doubled or lost, and now and then a fault opens an alarm. Its
state is saved (`--state`). The table has the memory of the process as the week goes on.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import psutil

from benchmarks.throughput import sources
from jaxtsad import TimeSeriesDetector, files

CHANNELS, TRAIN, WEEK = 10, 20_000, 604_800
START = np.datetime64("2026-01-01T00:00:00")
BLOCK = 1000
"""Rows that are written at a time."""
FAULT, MALFORMED, DOUBLED, LOST = 20_000, 5_000, 7_000, 9_000
"""Every so many rows there is one."""
SHARES = (0.01, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the rows after which the memory is printed."""


class Point(NamedTuple):
    """Where a watch was.

    Attributes:
        rows: Rows that it took, or that wait in its pipe.
        seconds: Since the first.
        mib: Memory of its process.
    """

    rows: int
    seconds: float
    mib: float


def lines(count: int) -> Iterator[str]:
    """Rows as CSV, a block at a time."""
    yield ",".join(["time", *(f"channel_{n}" for n in range(CHANNELS))]) + "\n"
    rng = np.random.default_rng(1)
    period = sources.sines(10 * BLOCK, CHANNELS, seed=0)
    for first in range(0, count, BLOCK):
        numbers = np.arange(first, min(first + BLOCK, count))
        values = period[numbers % len(period)].astype(float)
        values += rng.normal(0, 0.05, values.shape)
        values[numbers % FAULT > FAULT - 10] += 8.0
        stamps = START + numbers.astype("timedelta64[s]")
        rows = []
        for number, stamp, row in zip(numbers, stamps, values, strict=True):
            if number % LOST == LOST - 1:
                continue
            text = f"{stamp}," + ",".join(f"{cell:.4f}" for cell in row) + "\n"
            rows.append(text)
            if number % MALFORMED == MALFORMED - 1:
                rows.append("garbage\n")
            if number % DOUBLED == DOUBLED - 1:
                rows.append(text)
        yield "".join(rows)


def watched(model: pathlib.Path, state: pathlib.Path, count: int) -> list[Point]:
    """Gives rows to a watch and looks at its memory.

    Raises:
        ValueError: If it ends with an error.
    """
    command = [sys.executable, "-m", "jaxtsad", "watch", str(model), "-"]
    command += ["--state", str(state)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    known, rows, points, began = psutil.Process(process.pid), -1, [], 0.0
    for block in lines(count):
        process.stdin.write(block)
        process.stdin.flush()
        rows += block.count("\n")
        began = began or time.monotonic()
        mib = known.memory_info().rss / 2**20
        points.append(Point(rows, time.monotonic() - began, mib))
    process.stdin.close()
    if code := process.wait():
        raise ValueError(f"the watch ended with {code}")
    spent = time.monotonic() - began
    return [*points[:-1], points[-1]._replace(seconds=spent)]


def report(name: str, points: Sequence[Point]) -> str:
    """The table of a watch."""
    total = points[-1].rows
    table = [
        "| rows | seconds | MiB | most MiB so far |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for share in SHARES:
        so_far = [each for each in points if each.rows <= share * total] or points[:1]
        at, most = so_far[-1], max(each.mib for each in so_far)
        row = (f"{at.rows:,}", f"{at.seconds:,.0f}", f"{at.mib:.0f}", f"{most:.0f}")
        table.append("| " + " | ".join(row) + " |")
    rate = total / points[-1].seconds
    head = f"`{name}`: {rate:,.0f} rows a second of {CHANNELS} channels."
    return "\n".join([head, "", *table, ""])


def main(words: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", default=TimeSeriesDetector().detector)
    parser.add_argument("--rows", type=int, default=WEEK)
    parser.add_argument("--quick", action="store_true", help="3,000 rows of zscore")
    parser.add_argument("--out", help="file of the table; default: printed")
    options = parser.parse_args(words)
    name, rows = options.detector, options.rows
    if options.quick:
        name, rows = "zscore", 3_000
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "model"
        train = sources.sines(TRAIN, CHANNELS, seed=0).astype(float)
        train += np.random.default_rng(0).normal(0, 0.05, train.shape)
        detector = TimeSeriesDetector(name, threshold="budget", epochs=1)
        detector.fit(train).save(model)
        points = watched(model, pathlib.Path(folder) / "state", rows)
    text = report(name, points)
    print(text)
    if options.out:
        files.write_text(options.out, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
