"""Notes on stderr: what was mended in data, and warnings, a line each."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import TextIO

from jaxtsad.types import DataWarning


def tell(notes: Iterable[str]) -> None:
    """Prints notes."""
    for note in notes:
        print(f"note: {' '.join(note.split())}", file=sys.stderr)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Prints warnings without the place in the code that they come from."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = _show
        yield


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del filename, lineno, file, line
    if issubclass(category, DataWarning):
        tell([str(message)])
    else:
        print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)
