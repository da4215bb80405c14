"""How much of the machine other processes use, on the cores that are ours to use."""

from __future__ import annotations

import os
import pathlib
import time
from typing import NamedTuple

LIMIT = 0.3
STAT = pathlib.Path("/proc/stat")
IDLE, IOWAIT, STEAL = 3, 4, 7


class Reading(NamedTuple):
    """Counters in seconds at one moment.

    Attributes:
        wall: A clock.
        busy: Time the visible cores were not idle, in total.
        own: CPU time of this process, all threads.
    """

    wall: float
    busy: float
    own: float


def read() -> Reading | None:
    """Reads the counters; None where the system offers none."""
    busy = _from_stat() if STAT.exists() else _from_psutil()
    if busy is None:
        return None
    return Reading(time.perf_counter(), busy, time.process_time())


def others(before: Reading | None, after: Reading | None) -> float | None:
    """Cores that other processes used between two readings, 0 for none.

    Returns:
        None where it cannot be told: no counters, or counters that do not even move
        with this process's own work, as in some containers.
    """
    if before is None or after is None:
        return None
    wall, busy, own = (b - a for a, b in zip(before, after, strict=True))
    # The counters tick in hundredths of a second.
    if wall <= 0 or busy < 0.5 * own - 0.1:
        return None
    return max(0.0, busy - own) / wall


def _from_stat() -> float | None:
    visible = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    ticks, seen = 0, 0
    for line in STAT.read_text().splitlines():
        name, *fields = line.split()
        if name in visible:
            # What follows steal (guests) is part of user time already.
            spent = [int(field) for field in fields[: STEAL + 1]]
            ticks += sum(spent) - spent[IDLE] - spent[IOWAIT]
            seen += 1
    return ticks / os.sysconf("SC_CLK_TCK") if seen else None


def _from_psutil() -> float | None:
    try:
        import psutil
    except ModuleNotFoundError:
        return None
    times = psutil.cpu_times()
    return float(sum(times) - times.idle)
