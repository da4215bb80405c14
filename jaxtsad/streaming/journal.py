"""What a killed watch goes on from: its state, and the alarms that were given.

Alarms are numbered and written to `alarms.jsonl` before anybody is told; the state is
saved after. Rows since the last saved state are read again after a kill and give the
same alarms under the same numbers; those in the file already are not told again. The
file holds every alarm once; one that was written just before a kill may be there alone.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, BinaryIO

from jaxtsad import files

STATE, ALARMS = "state.safetensors", "alarms.jsonl"


class Journal:
    """A folder with a state and a file of alarms; locked while it is open.

    Args:
        path: The folder; it is made where it is missing.

    Attributes:
        number: Alarms that were given, by the state.

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
        self.number = 0

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

    def give(self, alarm: Mapping[str, Any]) -> bool:
        """Numbers an alarm and writes it down; False where it is there already."""
        self.number += 1
        if self.number <= self.written:
            return False
        numbered = {"number": self.number, **alarm}
        os.write(self._file.fileno(), json.dumps(numbered).encode() + b"\n")
        self.written = self.number
        return True

    def save(self, content: bytes) -> None:
        """Saves the state after all alarms so far."""
        files.write_bytes(self.folder / STATE, content)

    def close(self) -> None:
        """Closes the file of alarms."""
        self._file.close()


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
