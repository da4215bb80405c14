"""Runs of what is measured: warmed up apart, in alternation, medians of rates."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.throughput import load


class Work(NamedTuple):
    """What a run got done: windows (or samples) and the seconds they took."""

    windows: float
    seconds: float


class Contender(NamedTuple):
    """Something that is measured.

    Attributes:
        name: Such as `JAX` or `PyTorch, 2 threads`.
        warm: Compiles, or takes the first step; returns the seconds that took.
        run: One timed run; stops its clock when the results are there.
    """

    name: str
    warm: Callable[[], float]
    run: Callable[[], Work]


class Timed(NamedTuple):
    """The runs of a contender.

    Attributes:
        name: Of the contender.
        warm_s: Seconds of compiling, or of the first step.
        rates: Windows per second of each run.
        others: Cores other processes used during each run, None where unknown.
        spent: Seconds of each run.
    """

    name: str
    warm_s: float
    rates: tuple[float, ...]
    others: tuple[float | None, ...]
    spent: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the rates."""
        return statistics.median(self.rates)

    @property
    def foreign(self) -> float | None:
        """Cores other processes used over all runs, None where unknown."""
        pairs = list(zip(self.others, self.spent, strict=True))
        if any(cores is None for cores, _ in pairs):
            return None
        return sum((cores or 0.0) * s for cores, s in pairs) / sum(self.spent)


def alternate(
    contenders: Sequence[Contender],
    runs: int,
    show: Callable[[str], None] = lambda line: None,
    patience: int = 0,
) -> list[Timed]:
    """Warms all contenders up, then runs each once per round, for `runs` rounds.

    Warming up is compiling and one run that does not count. A round in which other
    processes were busy is taken again while there is patience; where that is not
    enough the last rounds count, busy as they are.

    Args:
        contenders: What to measure; they take turns, so that a slow minute of the
            machine meets all of them.
        runs: Rounds.
        show: Told every run.
        patience: Rounds that may be taken again.
    """
    warm = []
    for contender in contenders:
        warm.append(contender.warm())
        contender.run()
    quiet: list[list[tuple[Work, float | None]]] = []
    busy: list[list[tuple[Work, float | None]]] = []
    while len(quiet) < runs and len(quiet) + len(busy) < runs + patience:
        number = len(quiet) + (len(busy) if not patience else 0) + 1
        kept: list[tuple[Work, float | None]] = []
        for contender in contenders:
            before = load.read()
            work = contender.run()
            cores = load.others(before, load.read())
            kept.append((work, cores))
            used = "an unknown share" if cores is None else f"{cores:.2f}"
            show(
                f"  run {number} of {runs}, {contender.name}: "
                f"{rate(work.windows / work.seconds)} windows/s in "
                f"{work.seconds:.2f} s; others used {used} of a core"
            )
        alone = all((cores or 0.0) <= load.LIMIT for _, cores in kept)
        (quiet if alone else busy).append(kept)
    found = list(zip(*(busy + quiet)[-runs:], strict=True))
    return [
        Timed(
            contender.name,
            seconds,
            tuple(work.windows / work.seconds for work, _ in kept),
            tuple(cores for _, cores in kept),
            tuple(work.seconds for work, _ in kept),
        )
        for contender, seconds, kept in zip(contenders, warm, found, strict=True)
    ]


def until(seconds: float, call: Callable[[], float]) -> Work:
    """Calls until the time is up, once at least.

    Args:
        seconds: Least duration.
        call: Returns the windows it got done, when the results are there.

    Example:
        >>> until(0.0, lambda: 32).windows
        32.0
    """
    windows, began = 0.0, time.perf_counter()
    while True:
        windows += call()
        spent = time.perf_counter() - began
        if spent >= seconds:
            return Work(windows, spent)


def rate(value: float) -> str:
    """A rate with three significant digits, or all before the point.

    Example:
        >>> rate(12.3456), rate(0.01234), rate(43210.9)
        ('12.3', '0.0123', '43,211')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")
