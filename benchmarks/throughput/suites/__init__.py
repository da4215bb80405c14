"""One suite of timings per file: the file name is its name, and nothing else adds it.

A suite has `measure(options) -> rows`; see `benchmarks.throughput.options`. The rows
are an iterable, so that each is written as soon as it is there: a dict with at least
`suite`, the file name, and `case`; numbers are tabled, all of it is written.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def available() -> tuple[str, ...]:
    """Names of all suites."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def module(name: str) -> ModuleType:
    """The module of a suite.

    Raises:
        ValueError: If there is no suite of that name.
    """
    if name not in available():
        raise ValueError(
            f"suite={name!r} is unknown; the choices are {', '.join(available())}"
        )
    return importlib.import_module(f"{__name__}.{name}")
