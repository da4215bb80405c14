"""Rows of a feed, line by line: CSV or JSON, told apart by the first line."""

from __future__ import annotations

import csv
import datetime
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxtsad.datasets.reading import stamps
from jaxtsad.datasets.reading.recording import by_position

EMPTY = frozenset(("", "nan", "null", "none", "na", "n/a"))
"""What stands for a missing value, in small letters."""
MOST_NANOSECONDS = 2**63 - 1
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


class Malformed(ValueError):
    """A line that is no row; what it says is why."""


class Row(NamedTuple):
    """A step of one entity.

    Attributes:
        values: `[C]` float64, NaN where missing, in the order of the model's channels.
        time: Stamp, datetime64 in UTC or a number; None without a column of times.
        entity: Whose step it is; None without a column of entities.
    """

    values: np.ndarray
    time: Any
    entity: str | None


class Reader:
    """Makes rows of lines.

    Args:
        channels: Names of the model's channels, in order.
        time_column: The column of time stamps; None for one that is called like that.
        entity_column: The column of entities; None for none.
        time_format: Format of stamps that are text, as of `strptime`; None for ISO
            8601, or numbers.
        missing: Words that stand for a missing value; numbers are found by the stream.

    Attributes:
        header: Names of the columns of CSV; None before the first line, and of JSON.
        delimiter: What stands between cells of CSV: a comma, semicolon or tabulator.
        json: Whether the first line was JSON: no later one is a header then.
        begun: Whether there was a row of JSON: whether rows have stamps is known then.
    """

    def __init__(
        self,
        channels: Sequence[str],
        *,
        time_column: str | None = None,
        entity_column: str | None = None,
        time_format: str | None = None,
        missing: Sequence[float | str] = (),
    ) -> None:
        self.channels = tuple(channels)
        self.time_column, self.entity_column = time_column, entity_column
        self.time_format = time_format
        self._words = EMPTY | {str(each).strip().lower() for each in missing}
        self.header: list[str] | None = None
        self.delimiter = ","
        self.json = self.begun = False

    def row(self, line: bytes) -> Row | None:
        """The row of a line; None of a blank line and of a header, new or again.

        Raises:
            Malformed: If it is none.
            ValueError: If the header lacks a column.
        """
        try:
            text = line.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise Malformed("it is no UTF-8 text") from None
        if not text:
            return None
        if self.header is None and text[0] in "{[":
            self.json = True
            return self._json(text)
        if self.json:
            raise Malformed("it is no JSON")
        if self.header is None:
            self.delimiter = max(",;\t", key=text.count)
            return self._first(self._cells(text))
        cells = self._cells(text)
        if len(cells) == len(self.header) and self._names_only(cells):
            return None
        if len(cells) != len(self.header):
            raise Malformed(f"it has {len(cells)} cells, expected {len(self.header)}")
        return self._named(dict(zip(self.header, cells, strict=True)))

    def _cells(self, text: str) -> list[str]:
        try:
            return next(csv.reader([text], delimiter=self.delimiter))
        except (csv.Error, StopIteration):
            raise Malformed("it is no CSV") from None

    def _names_only(self, cells: Sequence[str]) -> bool:
        """Whether a line is the header again, as rotated files and restarts have it."""
        return not any(
            cell.strip().lower() in self._words or _number(cell) is not None
            for cell in cells
        )

    def _first(self, cells: Sequence[str]) -> Row | None:
        names = [cell.strip() for cell in cells]
        if any(_number(name) is None for name in names) and self._is_header(names):
            self._take(names)
            return None
        if len(names) != len(self.channels):
            wanted = ", ".join(self.channels[:8])
            raise ValueError(
                f"the first line has {len(names)} cells and names no columns; expected "
                f"a header with {wanted} ({len(self.channels)})"
            )
        self.header = list(self.channels)
        return self._named(dict(zip(self.header, cells, strict=True)))

    def _is_header(self, names: Sequence[str]) -> bool:
        """Whether names are those of columns, not a row of stamps and numbers."""
        return sum(_number(name) is None for name in names) > len(names) // 2

    def _take(self, names: list[str]) -> None:
        if self.time_column is None:
            others = [n for n in names if n not in self.channels and stamps.is_name(n)]
            self.time_column = others[0] if others else None
        apart = [n for n in (self.time_column, self.entity_column) if n is not None]
        for name in apart:
            if name not in names:
                raise ValueError(f"the header lacks the column {name!r}")
        lacking = [name for name in self.channels if name not in names]
        if lacking and by_position(self.channels):
            rest = [name for name in names if name not in apart]
            if len(rest) == len(self.channels):
                position = dict(zip(rest, self.channels, strict=True))
                names, lacking = [position.get(name, name) for name in names], []
        if lacking:
            raise ValueError(
                f"the header lacks the channel {lacking[0]!r} that the model was "
                "fitted on"
            )
        self.header = names

    def _json(self, text: str) -> Row:
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            raise Malformed("it is no JSON") from None
        if isinstance(given, list):
            if len(given) != len(self.channels):
                raise Malformed(
                    f"it has {len(given)} numbers, expected {len(self.channels)}"
                )
            given = dict(zip(self.channels, given, strict=True))
        if not isinstance(given, dict):
            raise Malformed("it is no JSON object")
        if self.time_column is None and not self.begun:
            others = [n for n in given if n not in self.channels and stamps.is_name(n)]
            self.time_column = others[0] if others else None
        row = self._named(given)
        self.begun = True
        return row

    def _named(self, cells: Mapping[str, Any]) -> Row:
        values = np.empty(len(self.channels))
        for place, name in enumerate(self.channels):
            if name not in cells:
                raise Malformed(f"it lacks {name!r}")
            values[place] = self._value(name, cells[name])
        time = entity = None
        if self.time_column is not None:
            time = self._time(cells.get(self.time_column))
        if self.entity_column is not None:
            given = cells.get(self.entity_column)
            if given is None or not str(given).strip():
                raise Malformed(f"it names no entity in {self.entity_column!r}")
            entity = str(given).strip()
        return Row(values, time, entity)

    def _value(self, name: str, cell: Any) -> float:
        if cell is None or (
            isinstance(cell, str) and cell.strip().lower() in self._words
        ):
            return np.nan
        number = _number(cell)
        if number is None:
            raise Malformed(f"{str(cell)[:40]!r} in {name!r} is no number")
        return number if np.isfinite(number) else np.nan

    def _time(self, cell: Any) -> Any:
        text = "" if cell is None else str(cell).strip()
        if self.time_format is not None and self.time_format not in stamps.UNITS:
            return self._stamp(text)
        number = _number(cell)
        if number is None or not np.isfinite(number):
            return self._stamp(text)
        unit = self.time_format or stamps.epoch_unit(np.array([number]))
        if unit is None:
            return np.float64(number)
        nanoseconds = number * (stamps.UNITS["ns"] // stamps.UNITS[unit])
        if abs(nanoseconds) > MOST_NANOSECONDS:
            raise Malformed(f"{text[:40]!r} {unit} is no time within 292 years of 1970")
        return np.datetime64(round(nanoseconds), "ns")

    def _stamp(self, text: str) -> Any:
        try:
            if self.time_format is not None:
                made = pd.Timestamp(datetime.datetime.strptime(text, self.time_format))
            elif _ISO.fullmatch(text):
                made = pd.Timestamp(text)
            else:
                raise ValueError
            if made.tzinfo is not None:
                made = made.tz_convert("UTC").tz_localize(None)
            return made.as_unit("ns").to_datetime64()
        except (ValueError, OverflowError):
            wanted = self.time_format or "ISO 8601 or a number"
            raise Malformed(f"{text[:40]!r} is no time, expected {wanted}") from None


def _number(cell: Any) -> float | None:
    """A number, or None of what is none; true and false are none."""
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return None
    try:
        return float(cell)
    except (ValueError, OverflowError):
        return None
