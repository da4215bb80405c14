"""Peak memory of one row: the device's, or the process's on a CPU."""

from __future__ import annotations

import gc
import pathlib

import jax

from jaxtsad.experiments import facts

STATUS = pathlib.Path("/proc/self/status")
CLEAR = pathlib.Path("/proc/self/clear_refs")
RESTART_HIGH_WATER = "5"


def begin() -> bool:
    """Starts the process's peak again; whether the system let us."""
    gc.collect()
    try:
        CLEAR.write_text(RESTART_HIGH_WATER)
    except OSError:
        return False
    return True


def peak(restarted: bool) -> int:
    """Peak in bytes since `begin`, or of the whole process where that is not known."""
    whole = facts.peak_memory()
    if not restarted or jax.default_backend() != "cpu":
        return whole
    for line in STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return whole
