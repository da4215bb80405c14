"""Peak memory of a case: the device's, or the process's on a CPU."""

from __future__ import annotations

import gc
import pathlib
import resource
from typing import NamedTuple

STATUS = pathlib.Path("/proc/self/status")
CLEAR = pathlib.Path("/proc/self/clear_refs")
RESTART_HIGH_WATER = "5"


class Mark(NamedTuple):
    """Before a case: bytes in use, and the peak that it must exceed to be seen."""

    used: int
    peak: int


def begin() -> Mark:
    """Starts watching; the peak of a CPU process starts again where the system can."""
    gc.collect()
    stats = _device()
    if stats:
        return Mark(int(stats["bytes_in_use"]), int(stats["peak_bytes_in_use"]))
    try:
        CLEAR.write_text(RESTART_HIGH_WATER)
    except OSError:
        return Mark(_peak(), _peak())
    return Mark(_peak(), 0)


def end(mark: Mark) -> dict[str, int | None]:
    """Peak memory since `begin` and its growth, None where an older peak hides it."""
    stats = _device()
    peak = int(stats["peak_bytes_in_use"]) if stats else _peak()
    seen = peak > mark.peak
    return {
        "peak_memory_bytes": peak if seen else None,
        "memory_growth_bytes": peak - mark.used if seen else None,
    }


def _device() -> dict[str, int]:
    import jax

    stats = jax.devices()[0].memory_stats() or {}
    return stats if "peak_bytes_in_use" in stats else {}


def _peak() -> int:
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
