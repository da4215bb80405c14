"""Rows of requests since the saved state: a killed server takes them again.

A state of many entities is large, so it is saved after many rows; what comes between is
appended to a file. There are two, of which the state names the one that goes on from
it: a new one is emptied before the state that names it is written.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Iterator

from jaxtsad import files
from jaxtsad.streaming import journal

NAMES = ("rows_0.jsonl", "rows_1.jsonl")
MOST = 2000
"""Rows after which the state is saved again."""
Request = tuple[str | None, list[bytes]]
"""Whose rows they are, and the lines."""


class Log:
    """The rows since a saved state.

    Args:
        folder: Where the state is.
        current: Which of the two files goes on from it.
        empty: Forgets what is in it.

    Attributes:
        current: Which file is written to.
        rows: Lines in it.

    Raises:
        ValueError: If the file cannot be written.
    """

    def __init__(
        self, folder: pathlib.Path, current: int, *, empty: bool = False
    ) -> None:
        self.folder, self.current, self.rows = folder, current, 0
        path = folder / NAMES[current]
        try:
            self._file = open(path, "ab+")
            if empty:
                self._file.truncate(0)
        except OSError as error:
            line = files.reason(error)
            raise ValueError(f"cannot write {str(path)!r}: {line}") from None
        journal.cut_half_a_line(self._file)

    def requests(self) -> Iterator[Request]:
        """The requests since the state, in order."""
        self._file.seek(0)
        for line in self._file:
            record = json.loads(line)
            lines = [text.encode("latin-1") for text in record["lines"]]
            self.rows += len(lines)
            yield record["entity"], lines

    def append(self, requests: Iterable[Request]) -> None:
        """Writes requests down, all or none; a process killed afterwards has them.

        Raises:
            ValueError: If they cannot be written.
        """
        content, rows = b"", 0
        for entity, lines in requests:
            # Every byte is a letter of latin-1, so that any bytes come back.
            texts = [line.decode("latin-1") for line in lines]
            content += json.dumps({"entity": entity, "lines": texts}).encode() + b"\n"
            rows += len(lines)
        journal.append(self._file, content)
        self.rows += rows

    def other(self) -> Log:
        """The other file, empty: for the rows after a state that names it."""
        return Log(self.folder, 1 - self.current, empty=True)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
