"""What a killed watch goes on from: its state, and the alarms that were given.

Alarms are numbered and written to `alarms.jsonl` before anybody is told; the state is
saved after. Rows since the last saved state are read again after a kill and give the
same alarms, of several entities maybe in another order; those in the file already are
known by what they are of, and not told again. The file holds every alarm once; one that
was written just before a kill may be there alone.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, BinaryIO

from jaxtsad import files

STATE, ALARMS = "state.safetensors", "alarms.jsonl"
SAME = ("alarm", "entity", "opened", "start", "start_time")
"""What tells one alarm from another."""


class Journal:
    """A folder with a state and a file of alarms; locked while it is open.

    Args:
        path: The folder; it is made where it is missing.

    Attributes:
        written: Alarms in the file.

    Raises:
        ValueError: If it holds something else or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.folder = pathlib.Path(path)
        files.check_folder(path, STATE, "state of a watch", (ALARMS,))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = open(self.folder / ALARMS, "ab+")
        except OSError as error:
            line = files.reason(error)
            raise ValueError(f"cannot write {str(path)!r}: {line}") from None
        cut_half_a_line(self._file)
        self._file.seek(0)
        self.written = sum(1 for _ in self._file)
        self._later: dict[tuple[Any, ...], int] = {}

    @property
    def number(self) -> int:
        """Alarms that will not come again, to be saved with the state."""
        return min(self._later.values(), default=self.written + 1) - 1

    def resume(self, number: int) -> None:
        """Goes on from a state: alarms in the file after so many may come again.

        Args:
            number: What was saved with the state.
        """
        self._file.seek(0)
        for place, line in enumerate(self._file, start=1):
            if place > number:
                self._later[_same(json.loads(line))] = place

    def state(self) -> bytes | None:
        """The saved state; None where there is none yet.

        Raises:
            ValueError: If there are alarms but no state to go on from.
        """
        if (self.folder / STATE).is_file():
            return (self.folder / STATE).read_bytes()
        if self.written:
            raise ValueError(
                f"{str(self.folder)!r} holds alarms but no state to go on from; name "
                "another folder"
            )
        return None

    def give(self, alarm: Mapping[str, Any]) -> int | None:
        """Numbers an alarm and writes it down; None where it is there already.

        Raises:
            ValueError: If it cannot be written.
        """
        self._forget_before(alarm)
        if self._later.pop(_same(alarm), None) is not None:
            return None
        numbered = {"number": self.written + 1, **alarm}
        append(self._file, json.dumps(numbered).encode() + b"\n")
        self.written += 1
        return self.written

    def save(self, content: bytes) -> None:
        """Saves the state after all alarms so far."""
        files.write_bytes(self.folder / STATE, content)

    def close(self) -> None:
        """Closes the file of alarms."""
        self._file.close()

    def _forget_before(self, alarm: Mapping[str, Any]) -> None:
        """Alarms of an entity come in order: earlier ones do not come again.

        The rows of a pipe that were on their way at a kill may be lost.
        """
        if not self._later or alarm.get("opened") is None:
            return
        entity, opened = SAME.index("entity"), SAME.index("opened")
        self._later = {
            same: number
            for same, number in self._later.items()
            if same[entity] != alarm["entity"] or same[opened] >= alarm["opened"]
        }


def _same(alarm: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(alarm.get(name) for name in SAME)


def append(file: BinaryIO, content: bytes) -> None:
    """Writes to the end of a file, all or nothing.

    Raises:
        ValueError: If it cannot be written.
    """
    number = file.fileno()
    size = os.fstat(number).st_size
    try:
        while content:
            content = content[os.write(number, content) :]
    except OSError as error:
        os.ftruncate(number, size)
        line = files.reason(error)
        raise ValueError(f"cannot write {file.name!r}: {line}") from None


def cut_half_a_line(file: BinaryIO) -> None:
    """Removes the end of a line that was being written when the process died."""
    size = file.seek(0, os.SEEK_END)
    place = size
    while place:
        step = min(place, 4096)
        file.seek(place - step)
        content = file.read(step)
        end = content.rfind(b"\n")
        if end >= 0:
            place = place - step + end + 1
            break
        place -= step
    if place < size:
        file.truncate(place)
