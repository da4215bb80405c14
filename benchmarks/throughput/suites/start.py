"""Cold start: seconds from `python` to what a user waits for, each in a new process.

The default detector, fitted and saved beforehand, is loaded and scores a recording of
10,000 steps of five channels for the first time, with its programs on disk and without;
and the commands that compute nothing.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from benchmarks.throughput import load
from benchmarks.throughput.options import Options, Row

STEPS = {False: 10_000, True: 300}
CACHE = "JAX_COMPILATION_CACHE_DIR"
HOME = "XDG_CACHE_HOME"
"""Where programs are kept by default, which is what is measured."""
MAKE = """
import sys
from benchmarks.throughput import sources
from jaxtsad import TimeSeriesDetector
values = sources.sines(int(sys.argv[2]), 5, seed=0)
name = sys.argv[3] or TimeSeriesDetector().detector
TimeSeriesDetector(name).fit(values).save(sys.argv[1])
"""
SCORE = """
import sys
import numpy as np
import jaxtsad
from benchmarks.throughput import sources
values = sources.sines(int(sys.argv[2]), 5, seed=1)
assert np.isfinite(jaxtsad.load(sys.argv[1]).decision_function(values)).all()
"""


def measure(options: Options) -> Iterator[Row]:
    """Seconds of every start.

    Raises:
        ValueError: If sizes, members or a comparison are asked for.
    """
    options.refuse("start", "sizes", "members", "against")
    steps, runs = str(STEPS[options.quick]), 1 if options.quick else options.runs
    detector = options.detector or ("zscore" if options.quick else "")
    for words in (["--help"], ["detectors"]):
        command = [sys.executable, "-m", "jaxtsad", *words]
        yield row(f"jaxtsad {words[0]}", command, runs, dict(os.environ))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        given = [str(folder / "model"), steps]
        making = [sys.executable, "-c", MAKE, *given, detector]
        seconds(making, dict(os.environ))
        scoring = [sys.executable, "-c", SCORE, *given]
        kind = detector or "the default detector"
        usual = {key: word for key, word in os.environ.items() if key != CACHE}
        # Every run of this case has a folder of programs of its own, empty at first.
        folders = [folder / str(number) for number in range(runs)]
        spent = [seconds(scoring, {**usual, HOME: str(path)}) for path in folders]
        yield median_row(f"{kind}, loaded and first score, no programs on disk", spent)
        warm = {**usual, HOME: str(folders[0])}
        yield row(
            f"{kind}, loaded and first score, programs on disk", scoring, runs, warm
        )


def row(case: str, command: list[str], runs: int, environment: dict[str, str]) -> Row:
    """One case, a run that does not count first."""
    seconds(command, environment)
    return median_row(case, [seconds(command, environment) for _ in range(runs)])


def median_row(case: str, spent: list[tuple[float, float | None]]) -> Row:
    """The median and every run; refused where other processes were busy."""
    seconds, others = (list(each) for each in zip(*spent, strict=True))
    made: Row = {
        "suite": "start",
        "case": case,
        "median_seconds": statistics.median(seconds),
        "runs": {"seconds": seconds, "others_cores": others},
    }
    most = max((cores or 0.0) for cores in others)
    if most > load.LIMIT:
        made["refused"] = f"other processes used up to {most:.2f} of a core"
    return made


def seconds(
    command: list[str], environment: dict[str, str]
) -> tuple[float, float | None]:
    """Of a process from its start to its end, and cores that others used meanwhile."""
    before = _with_children(load.read())
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    spent = time.perf_counter() - began
    return spent, load.others(before, _with_children(load.read()))


def _with_children(reading: load.Reading | None) -> load.Reading | None:
    """A reading in which what processes of ours did is our own."""
    if reading is None:
        return None
    used = os.times()
    children = used.children_user + used.children_system
    return reading._replace(own=reading.own + children)
