"""Lines of standard input or of a file that grows, in bounded memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import NamedTuple

from jaxtsad import files

READ = 2**16
"""Bytes read at a time, of which lines are made at once: no more is read ahead."""
LONGEST = 2**20
"""Bytes of a line at most; a longer one is cut here and is no row."""


class Batch(NamedTuple):
    """Lines that came together.

    Attributes:
        lines: Whole lines; none where there was nothing new for a while.
        place: Byte after the last of them, from which reading can go on.
    """

    lines: list[bytes]
    place: int


class Lines:
    """Cuts bytes into lines."""

    def __init__(self) -> None:
        self.rest = b""
        self._skipping = False

    def add(self, content: bytes) -> list[bytes]:
        """Takes bytes and gives the lines that are whole."""
        *lines, self.rest = (self.rest + content).split(b"\n")
        if self._skipping and lines:
            lines, self._skipping = lines[1:], False
        if len(self.rest) > LONGEST:
            if not self._skipping:
                lines.append(self.rest[:LONGEST])
            self.rest, self._skipping = b"", True
        return lines

    def last(self) -> list[bytes]:
        """What is left at the end, without a line end."""
        lines = [self.rest] if self.rest and not self._skipping else []
        self.rest = b""
        return lines


def of_pipe(descriptor: int) -> Iterator[Batch]:
    """Lines of a pipe as they come; whoever writes waits while they are worked on."""
    lines, place = Lines(), 0
    while content := os.read(descriptor, READ):
        place += len(content)
        yield Batch(lines.add(content), place - len(lines.rest))
    yield Batch(lines.last(), place)


def of_file(
    path: str, place: int = 0, follow: bool = False, pause: float = 0.2
) -> Iterator[Batch]:
    """Lines of a file from a byte on.

    A file that has become shorter, or another one in its place (as of rotated logs), is
    read from its beginning.

    Args:
        path: The file.
        place: Where to begin.
        follow: Whether to wait for what is written to its end; a line without its end
            is waited for, too.
        pause: Seconds between looks at its end.

    Raises:
        ValueError: If it cannot be read.
    """
    try:
        file = open(path, "rb")
    except OSError as error:
        raise ValueError(f"cannot read {path!r}: {files.reason(error)}") from None
    try:
        lines, place = Lines(), 0 if os.fstat(file.fileno()).st_size < place else place
        file.seek(place)
        while True:
            content = file.read(READ)
            place += len(content)
            if content:
                yield Batch(lines.add(content), place - len(lines.rest))
            elif not follow:
                break
            else:
                yield Batch([], place - len(lines.rest))
                time.sleep(pause)
                if _is_other(path, file.fileno(), place):
                    file.close()
                    file = open(path, "rb")
                    lines, place = Lines(), 0
        yield Batch(lines.last(), place)
    finally:
        file.close()


def _is_other(path: str, descriptor: int, place: int) -> bool:
    """Whether a path is another file by now, or the file was cut short."""
    try:
        there = os.stat(path)
    except OSError:
        return False
    now = os.fstat(descriptor)
    moved = (there.st_dev, there.st_ino) != (now.st_dev, now.st_ino)
    return moved or now.st_size < place
