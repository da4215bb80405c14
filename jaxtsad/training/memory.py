"""Memory that stays with a process which runs the same programs again and again."""

from __future__ import annotations

import ctypes
import os

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers of `mallopt` in glibc."""
MOST = 2**31 - 1
CHOSEN = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")


def keep() -> None:
    """Keeps the memory of temporary arrays for the next call of a program.

    By default glibc gives large pieces back to the system once they are free, and the
    next call takes them anew, page by page: of a step of 1,000 streams that is close to
    half of the time. Nothing is changed where the user has chosen (`CHOSEN`) or the C
    library is another one. `jaxtsad watch` and `jaxtsad serve` do this; a program of
    your own calls it before its streams.
    """
    if any(name in os.environ for name in CHOSEN):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, MOST)
        mallopt(TRIM_THRESHOLD, MOST)
