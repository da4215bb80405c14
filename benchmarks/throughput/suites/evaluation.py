"""Seconds and peak memory growth of the metrics and thresholds that cost most.

A labelled series of uniform scores, events of 50 steps raised by 0.3, flagged at its
98 % quantile. Time is the best of `repeats`; memory is measured in a run of its own,
because tracing allocations costs time.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.throughput.options import Options, Row
from jaxtsad.evaluation import measure as measures
from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import affiliation, vus
from jaxtsad.evaluation.thresholds import dynamic, pot

SIZES = (10_000, 100_000, 1_000_000)
SMOKE = (2_500,)
EVENT = 50
STEPS_PER_EVENT = 2500


class Recording(NamedTuple):
    """Labels, scores and flags, `[T]` each."""

    labels: np.ndarray
    scores: np.ndarray
    flags: np.ndarray


def recording(steps: int, seed: int = 0) -> Recording:
    """A series of `steps` with an event in every 2500."""
    generator = np.random.default_rng(seed)
    starts = np.arange(STEPS_PER_EVENT // 2, steps - EVENT, STEPS_PER_EVENT)
    labels = segments.flags_of(np.stack([starts, starts + EVENT], axis=1), steps)
    scores = generator.random(steps) + 0.3 * labels
    return Recording(labels, scores, scores > np.quantile(scores, 0.98))


CASES: dict[str, Callable[[Recording], Any]] = {
    "vus_pr, length 100": lambda data: vus.vus(data.labels, data.scores, length=100),
    "affiliation": lambda data: affiliation.affiliation(data.labels, data.flags),
    "all metrics": lambda data: measures.measure(*data),
    "dynamic threshold": lambda data: dynamic.transductive_dynamic(data.scores),
    "peaks over threshold": lambda data: pot.value(data.scores),
}


def measure(options: Options) -> list[Row]:
    """Times every case, at one short length where `quick`.

    Raises:
        ValueError: If the command line asks for a detector, sizes or a comparison.
    """
    options.refuse("evaluation", "detector", "sizes", "members", "against")
    return run(SMOKE, repeats=1) if options.quick else run()


def run(
    sizes: tuple[int, ...] = SIZES, repeats: int = 3, limit: float = 60.0
) -> list[dict[str, Any]]:
    """Times every case at every size.

    Args:
        sizes: Series lengths T in steps, increasing.
        repeats: Timed runs of a case, the fastest of which counts.
        limit: A case whose run took longer than a tenth of this many seconds is not
            repeated, and is left out at larger sizes once it took longer than this.

    Returns:
        Rows of `suite`, `case`, `steps`, `seconds`, `steps_per_s` and
        `memory_growth_bytes`.
    """
    rows = []
    for name, call in CASES.items():
        for steps in sizes:
            data = recording(steps)
            seconds = _timed(call, data)
            if seconds < limit / 10:
                more = [_timed(call, data) for _ in range(repeats - 1)]
                seconds = min([seconds, *more])
            rows.append(
                {
                    "suite": "evaluation",
                    "case": name,
                    "steps": steps,
                    "seconds": seconds,
                    "steps_per_s": steps / seconds,
                    "memory_growth_bytes": _growth(call, data),
                }
            )
            if seconds > limit:
                break
    return rows


def _timed(call: Callable[[Recording], Any], data: Recording) -> float:
    begin = time.perf_counter()
    call(data)
    return time.perf_counter() - begin


def _growth(call: Callable[[Recording], Any], data: Recording) -> int:
    tracemalloc.start()
    try:
        call(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
