"""How a text file is written: encoding, separator, decimal sign, header, preamble."""

from __future__ import annotations

import codecs
import collections
import csv
import io
import itertools
import re
from collections.abc import Callable, Sequence
from typing import IO, NamedTuple

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}
"""Words for separators; `space` is any run of blanks."""
COMMENTS = ("#", "%", "//")
_ERROR = re.compile(r"#(n/?a|div/0!|ref!|value!|name\?|num!|null!)", re.I)
"""What spreadsheets write into a cell that they cannot compute."""
EMPTY = frozenset(["", *"na n/a #n/a #na <na> null none -nan nan".split()])
"""What is written for a missing value, in small letters."""
LINES = 200
"""So many lines are looked at."""
_NUMBER = re.compile(
    r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|[+-]?(nan|inf)", re.I
)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([ap]m)?\s*(Z|[+-]\d{2}:?\d{2})?"
_TIME = re.compile(
    rf"\d{{1,4}}([-/.])\d{{1,2}}\1\d{{1,4}}([ T]+{_CLOCK})?|{_CLOCK}", re.I
)


class Dialect(NamedTuple):
    """How a text file is written.

    Attributes:
        separator: Between cells; a blank stands for any run of blanks.
        decimal: `.` or `,`.
        skip: Lines before the first row of data.
        names: Names of the columns, empty where there is no header.
        width: Cells of the first row of data.
        comments: Whether there are lines of comment among the data.
        notes: What should be said.
    """

    separator: str
    decimal: str
    skip: int
    names: tuple[str, ...]
    width: int
    comments: bool
    notes: tuple[str, ...]


class _Row(NamedTuple):
    line: int
    cells: list[str]


def encoding_of(opened: Callable[[], IO[bytes]]) -> str:
    """The encoding of a text: UTF-8, UTF-16 or UTF-32 with a mark, else Latin-1.

    Args:
        opened: Opens the text at its beginning.

    Raises:
        ValueError: If it is no text.
    """
    with opened() as stream:
        head = stream.read(1 << 16)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\x00" in head:
        raise ValueError("it is no text: it holds NUL bytes")
    fitting = (each for each in ("utf-8-sig", "cp1252") if _decodes(opened, each))
    return next(fitting, "latin-1")


def _decodes(opened: Callable[[], IO[bytes]], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with opened() as stream:
            while part := stream.read(1 << 20):
                decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def sniff(
    stream: IO[str],
    *,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
) -> Dialect | None:
    """Finds out how a text is written; what is given is taken as it is.

    Args:
        stream: The text.
        separator: One of `SEPARATORS` by word or sign, or any one character.
        decimal: `.` or `,`.
        header: Whether the first line of the table names the columns.

    Returns:
        None where there is no line.

    Raises:
        ValueError: If rows differ in the number of their cells.
    """
    lines = [line.rstrip("\r\n") for line in itertools.islice(stream, LINES)]
    numbered = [(number, line) for number, line in enumerate(lines) if line.strip()]
    plain = [pair for pair in numbered if not is_comment(pair[1])]
    if not plain:
        return None
    said = re.fullmatch(r"sep=(.)", plain[0][1].strip(), re.I)
    if said and len(plain) > 1:  # As Excel is told.
        separator, plain = separator or said[1], plain[1:]
    separator = SEPARATORS.get(separator or "", separator or "") or _separator(plain)
    rows = [_Row(number, split(line, separator)) for number, line in plain]
    first = _table_start(rows)
    if first:
        rows = rows[first:]
    cells = rows[0].cells
    notes: list[str] = []
    has_names = _is_header(rows, notes) if header is None else header
    body = rows[1:] if has_names else rows
    if has_names and _is_units(body):
        notes.append(f"line {body[0].line + 1} holds no number and is left out: units?")
        body = body[1:]
    width = len(body[0].cells) if body else len(cells)
    names = tuple(cells) if has_names else ()
    if not has_names and header is None:
        names = _commented_header(numbered, rows[0].line, separator, width)
    if names and len(names) != width:
        trailing = len(names) == width - 1 and not any(row.cells[-1] for row in body)
        if not trailing:
            row = f"row {body[0].line - rows[0].line + 1}"
            raise ValueError(f"{row} has {width} cells, expected {len(names)}")
        names = (*names, "")
    start = body[0].line if body else len(lines)
    skipped = rows[0].line - sum(1 for line in lines[: rows[0].line] if not line)
    if skipped:
        notes.append(f"lines above the table are left out: {skipped}")
    return Dialect(
        separator,
        decimal or _decimal(body or rows),
        start,
        names,
        width,
        any(is_comment(line) for number, line in numbered if number > start),
        tuple(notes),
    )


def is_comment(line: str) -> bool:
    """Whether a line is a comment, not a row that begins with such a sign.

    Example:
        >>> [is_comment(line) for line in ("# restarted", "#N/A,1", "1,2")]
        [True, False, False]
    """
    plain = line.lstrip()
    return plain.startswith(COMMENTS) and not _ERROR.match(plain)


class WithoutComments(io.TextIOBase):
    """A text without the lines of comment below its first `skip` lines.

    Those that pandas leaves out may also be the rest of a line.
    """

    def __init__(self, text: IO[str], skip: int) -> None:
        above = itertools.islice(text, skip)
        below = (line for line in text if not is_comment(line))
        self._lines = itertools.chain(above, below)

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def read(self, size: int | None = -1) -> str:
        """Lines of `size` signs together or a little more; None or below 0: all."""
        if size is None or size < 0:
            return "".join(self._lines)
        lines, count = [], 0
        for line in self._lines:
            lines.append(line)
            count += len(line)
            if count >= size:
                break
        return "".join(lines)


def is_number(cell: str) -> bool:
    """Whether a cell reads as a number, with a point or a comma."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def is_time(cell: str) -> bool:
    """Whether a cell looks like a date or a time of day."""
    return _TIME.fullmatch(cell.strip()) is not None


def split(line: str, separator: str) -> list[str]:
    """The cells of a line."""
    if separator == " ":
        line = line.replace("\t", " ").strip()
    [cells] = csv.reader([line], delimiter=separator, skipinitialspace=True)
    return [cell.strip() for cell in cells]


def _separator(lines: Sequence[tuple[int, str]]) -> str:
    """The separator that makes most rows equally wide and most cells numbers."""
    best, most = ",", 0.0
    for separator in SEPARATORS.values():
        rows = [split(line, separator) for _, line in lines]
        width = _common_width(rows)
        if width < 2:
            continue
        body = [row for row in rows[len(rows) > 1 :] if len(row) == width]
        cells = [cell for row in body for cell in row]
        good = sum(not cell or is_number(cell) or is_time(cell) for cell in cells)
        share = len(body) / max(1, len(rows) - 1) * (0.01 + good / max(1, len(cells)))
        if share > most + 1e-9:
            best, most = separator, share
    return best


def _common_width(rows: Sequence[Sequence[str]]) -> int:
    late = rows[len(rows) // 2 :]
    return collections.Counter(len(row) for row in late).most_common(1)[0][0]


def _table_start(rows: Sequence[_Row]) -> int:
    """The first row of the table: what is above is narrower and no data."""
    width = _common_width([row.cells for row in rows])
    number = next(i for i, row in enumerate(rows) if len(row.cells) == width)
    row, above = rows[number], rows[:number]
    if any(len(each.cells) == 1 for each in above) or _is_text(row.cells):
        if all(len(each.cells) < width for each in above) and width > 1:
            return number
    return 0


def _is_text(cells: Sequence[str]) -> bool:
    return any(map(_is_word, cells))


def _is_word(cell: str) -> bool:
    return not (cell.lower() in EMPTY or is_number(cell) or is_time(cell))


def _is_header(rows: Sequence[_Row], notes: list[str]) -> bool:
    cells = rows[0].cells
    if _is_text(cells) or not any(map(is_number, cells)):
        # Text that goes on alike below, beside numbers, is no name.
        goes_on = len(rows) > 1 and any(map(_alike, cells, rows[1].cells))
        return not (goes_on and any(map(is_number, cells)))
    if len(rows) < 2:
        return False
    below = [cell for row in rows[1:] for cell in row.cells if is_number(cell)]
    whole = all(cell.isdecimal() for cell in below)
    numbers = [str(number) for number in range(len(cells))]
    # What pandas writes over columns without names, with and without its index.
    if cells[0] == "" and len(cells) > 1 and cells[1:] == numbers[:-1]:
        return rows[1].cells[0] != "" and cells[1:] != rows[1].cells[1:]
    if len(cells) > 1 and cells == numbers and not whole:
        notes.append("the first line counts the columns and is taken as their names")
        return True
    if all(cell.isdecimal() for cell in cells) and not any(map(str.isdecimal, below)):
        notes.append(
            "the first line holds whole numbers and is taken as data; if these are "
            "names, say --header yes"
        )
    return False


def _is_units(rows: Sequence[_Row]) -> bool:
    """Whether the first row below the names holds words where numbers follow."""
    if len(rows) < 2 or len(rows[0].cells) != len(rows[1].cells):
        return False
    first, below = rows[0].cells, rows[1].cells
    numbers = [place for place, cell in enumerate(below) if is_number(cell)]
    return bool(numbers) and all(_is_word(first[place]) for place in numbers)


def _alike(cell: str, below: str) -> bool:
    """Whether two cells are one text, or text with numbers in the same places."""
    if not cell or is_number(cell) or is_time(cell):
        return False
    shapes = [
        re.sub(r"[^\W\d]", "a", re.sub(r"\d", "9", each)) for each in (cell, below)
    ]
    return cell == below or (shapes[0] == shapes[1] and "9" in shapes[0])


def _commented_header(
    numbered: Sequence[tuple[int, str]], first: int, separator: str, width: int
) -> tuple[str, ...]:
    """Names in the last line of comment above the data, where there are as many."""
    above = [line for number, line in numbered if number < first]
    if not above or not is_comment(above[-1]):
        return ()
    names = split(above[-1].lstrip().lstrip("#%/ "), separator)
    fits = len(names) == width and not any(map(is_number, names))
    return tuple(names) if fits and width > 1 else ()


def _decimal(rows: Sequence[_Row]) -> str:
    cells = [cell for row in rows for cell in row.cells]
    comma = any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells)
    point = any(_DECIMAL_POINT.fullmatch(cell) for cell in cells)
    return "," if comma and not point else "."
