"""Time stamps from text, numbers, dates and periods."""

from __future__ import annotations

import re
import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Units of time since 1970, per second."""
FIRST, LAST = 315_532_800, 4_102_444_800
"""Seconds from 1970 to 1980 and to 2100, between which numbers are taken as epochs."""
DAY = 86_400
CLOCK = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?"
"""A time of day."""
WORDS = frozenset(
    "time timestamp timestamps timestep date dates datetime ts epoch unix unixtime utc "
    "zeit zeitstempel datum fecha hora timeutc utctime datetimeutc timestamputc "
    "localtime timelocal eventtime recordedat createdat measuredat".split()
)
"""What a column of time stamps is called, in small letters and without blanks."""
_UNIT = re.compile(r"[\s_]*[\[(].*?[\])]\s*$")
_ZONE = re.compile(r"\d\s*(Z|[+-]\d{2}:?\d{2})$")
_DATES = (
    "%d{s}%m{s}%Y",
    "%m{s}%d{s}%Y",
    "%Y{s}%m{s}%d",
    "%d{s}%m{s}%y",
    "%m{s}%d{s}%y",
)
_CLOCKS = (
    "",
    " %H:%M",
    " %H:%M:%S",
    " %H:%M:%S.%f",
    " %I:%M %p",
    " %I:%M:%S %p",
    " %I:%M:%S.%f %p",
)


class Stamps(NamedTuple):
    """Time stamps of a recording.

    Attributes:
        time: `[T]` datetime64 in UTC, or numbers.
        zone: The time zone they were given in, or None.
        notes: What should be said of them.
    """

    time: np.ndarray
    zone: Any = None
    notes: tuple[str, ...] = ()


def is_name(name: object) -> bool:
    """Whether a column is called like one of time stamps; a unit may follow.

    Example:
        >>> [is_name(name) for name in (" Timestamp", "timestamp_(min)", "flow")]
        [True, True, False]
    """
    plain = _UNIT.sub("", str(name).strip().lower())
    return re.sub(r"[\s_\-.]", "", plain) in WORDS


def is_dated(column: pd.Series) -> bool:
    """Whether a column holds dates: as such, or all of its text reads as dates."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return True
    if isinstance(column.dtype, pd.PeriodDtype):
        return True
    if not is_text(column) or column.isna().any() or not len(column):
        return False
    if all(hasattr(cell, "year") for cell in column.iloc[:5]):
        return True
    cells = column.astype(str).str.strip()
    if not cells.iloc[:5].str.contains(r"\d{1,4}[-/.]\w{1,3}[-/.]\d{1,4}").all():
        return False
    try:
        _text(cells, None)
    except ValueError:
        return False
    return True


def is_counted(column: pd.Series) -> bool:
    """Whether numbers can be time stamps: an epoch, a counter, or never going back.

    Some may be missing, which is for `parse` to say.
    """
    if pd.api.types.is_complex_dtype(column.dtype):
        return False
    values = pd.to_numeric(column, errors="coerce").to_numpy(
        np.float64, na_value=np.nan
    )
    known = np.isfinite(values)
    if known.sum() <= len(values) / 2:
        return False
    values = values[known]
    if epoch_unit(values) is not None:
        return True
    # Stamps may repeat.
    even = np.diff(np.unique(values))
    if not len(even):
        return len(values) == 1
    steps = np.diff(values)
    if (steps >= 0).all() or (steps <= 0).all():
        return True
    return bool(np.mean(even == np.median(even)) > 0.8)


def is_epoch(column: pd.Series) -> bool:
    """Whether numbers count from 1970, in steps that are mostly even.

    A counter may have such a size, but hardly such steps.
    """
    values = column.to_numpy(np.float64, na_value=np.nan)
    if len(values) < 3 or epoch_unit(values) is None:
        return False
    steps = np.diff(values)
    even = np.mean(np.isclose(steps, np.median(steps))) > 0.5
    return bool(even and (steps > 0).all())


def is_text(column: pd.Series) -> bool:
    """Whether a column holds text or objects."""
    return column.dtype == object or pd.api.types.is_string_dtype(column.dtype)


def epoch_unit(values: np.ndarray) -> str | None:
    """The unit of numbers that count from 1970, by their size; None for others.

    Example:
        >>> epoch_unit(np.array([1.7e12, 1.7e12])), epoch_unit(np.array([3.0]))
        ('ms', None)
    """
    for unit, scale in UNITS.items():
        if len(values) and FIRST * scale <= values.min():
            if values.max() < LAST * scale:
                return unit
    return None


def parse(column: pd.Series, time_format: str | None = None) -> Stamps:
    """Reads a column as time stamps.

    Args:
        column: Dates, periods, spans of time (in seconds), numbers or text.
        time_format: Format of text as of `strptime`, or the unit of numbers that count
            from 1970 (`s`, `ms`, `us` or `ns`); None: found out over the column.

    Raises:
        ValueError: If a cell is no time; the line names it.
    """
    name = str(column.name)
    missing = np.flatnonzero(column.isna())
    if missing.size:
        raise ValueError(
            f"'nan' in column {name!r}, data row {int(missing[0]) + 1}, is not a time; "
            "fill it or leave the row out"
        )
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return Stamps(column.dt.total_seconds().to_numpy())
    if not pd.api.types.is_datetime64_any_dtype(column.dtype) and is_text(column):
        cells = column.astype(str).str.strip()
        numeric = pd.to_numeric(cells, errors="coerce")
        if time_format is None and len(cells) and cells.str.fullmatch(CLOCK).all():
            return _of_day(cells)
        if numeric.isna().any() or (time_format and time_format not in UNITS):
            return _dated(*_text(cells, time_format))
        column = numeric.rename(name)
    if pd.api.types.is_numeric_dtype(column.dtype):
        if time_format and time_format not in UNITS:
            cells = column.astype(str).str.removesuffix(".0")
            return _dated(*_text(cells, time_format))
        return _numbers(column, time_format)
    return _dated(pd.DatetimeIndex(column))


def in_utc(times: np.ndarray, zone: Any) -> np.ndarray:
    """Clock times `[T]` of a time zone in UTC; None for a zone leaves them.

    An hour that a clock shows twice is the second one, one that it skips is its end.
    """
    if zone is None or times.dtype.kind != "M":
        return times
    local = pd.DatetimeIndex(times).tz_localize(
        zone, ambiguous=np.zeros(len(times), bool), nonexistent="shift_forward"
    )
    return _dated(local).time


def _numbers(column: pd.Series, unit: str | None) -> Stamps:
    values = column.to_numpy()
    if values.dtype.kind not in "iuf":
        values = column.to_numpy(np.float64, na_value=np.nan)
    notes: tuple[str, ...] = ()
    if values.dtype.kind == "f":
        odd = np.flatnonzero(~np.isfinite(values))
        if odd.size:
            raise ValueError(
                f"'{values[odd[0]]}' in column {column.name!r}, data row "
                f"{int(odd[0]) + 1}, is not a time"
            )
    if unit is None:
        unit = epoch_unit(values)
        if unit is None:
            return _compact(column, values)
        notes = (f"time stamps of {column.name!r} are read as {unit} since 1970",)
    dates = pd.to_datetime(values, unit=unit)  # type: ignore[call-overload]
    return Stamps(dates.to_numpy(), notes=notes)


def _compact(column: pd.Series, values: np.ndarray) -> Stamps:
    """Numbers such as 20240301 or 20240301120000 as dates, others as they are."""
    formats = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
    digits = len(str(int(values[0]))) if len(values) else 0
    if digits in formats and (values == np.floor(values)).all():
        cells = pd.Series(values.astype(np.int64).astype(str))
        dates = pd.to_datetime(cells, format=formats[digits], errors="coerce")
        if not dates.isna().any() and dates.dt.year.between(1900, 2100).all():
            note = f"time stamps of {column.name!r} are read as dates like {cells[0]}"
            return _dated(pd.DatetimeIndex(dates), (note,))
    return Stamps(values)


def _of_day(cells: pd.Series) -> Stamps:
    """Times of day as seconds that are counted on over midnight."""
    whole = cells.where(cells.str.count(":") > 1, cells + ":00")
    seconds = pd.to_timedelta(whole).dt.total_seconds().to_numpy()
    days = np.cumsum(np.diff(seconds, prepend=seconds[:1]) < -DAY / 2)
    note = f"{cells.name!r} holds times of day: seconds, counted on over midnight"
    return Stamps(seconds + DAY * days, notes=(note,))


def _dated(dates: pd.DatetimeIndex, notes: tuple[str, ...] = ()) -> Stamps:
    if dates.tz is None:
        return Stamps(dates.to_numpy(), notes=notes)
    plain = dates.tz_convert("UTC").tz_localize(None)
    return Stamps(plain.to_numpy(), dates.tz, notes)


def _text(
    cells: pd.Series, time_format: str | None
) -> tuple[pd.DatetimeIndex, tuple[str, ...]]:
    """Dates of text and what should be said; day or month first by the whole column."""
    if time_format:
        dates = pd.to_datetime(cells, format=time_format, errors="coerce")
        return _all_read(cells, dates, f"not of the format {time_format!r}"), ()
    dates = _iso(cells)
    if not dates.isna().any():
        return pd.DatetimeIndex(dates), ()
    read = {each: _by(cells, each) for each in _formats(str(cells.iloc[0]))}
    fitting = {each: dates for each, dates in read.items() if not dates.isna().any()}
    if not fitting:
        dates = _mixed(cells)
        return _all_read(
            cells, dates, "not a time; say its format by --time-format"
        ), ()
    best = min(fitting, key=lambda each: _disorder(fitting[each]))
    notes: tuple[str, ...] = ()
    if len(fitting) > 1:
        kind = "day" if best.startswith("%d") else "month"
        notes = (
            f"{str(cells.iloc[0])!r} is read {kind} first; if that is wrong, say the "
            "format by --time-format",
        )
    return pd.DatetimeIndex(fitting[best]), notes


def _all_read(cells: pd.Series, dates: pd.Series, why: str) -> pd.DatetimeIndex:
    wrong = np.flatnonzero(dates.isna())
    if wrong.size:
        row = int(wrong[0])
        raise ValueError(
            f"{str(cells.iloc[row])!r} in column {cells.name!r}, data row {row + 1}, "
            f"is {why}"
        )
    return pd.DatetimeIndex(dates)


def _iso(cells: pd.Series) -> pd.Series:
    # Of two offsets there is no one zone: UTC.
    try:
        return pd.to_datetime(cells, format="ISO8601")
    except (ValueError, OverflowError):
        utc = _ZONE.search(str(cells.iloc[0])) is not None
        return pd.to_datetime(cells, format="ISO8601", utc=utc, errors="coerce")


def _mixed(cells: pd.Series) -> pd.Series:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pd.to_datetime(cells, format="mixed", utc=True, errors="coerce")
        except (ValueError, OverflowError):
            return pd.Series(pd.NaT, index=cells.index)


def _formats(cell: str) -> list[str]:
    """Formats that a first cell allows."""
    signs = [sign for sign in "/.-" if sign in cell.partition(" ")[0]]
    if not signs:
        return []
    dates = [each.format(s=signs[0]) for each in _DATES]
    first = pd.Series([cell])
    formats = [date + clock for date in dates for clock in _CLOCKS]
    return [each for each in formats if not _by(first, each).isna().any()]


def _by(cells: pd.Series, time_format: str) -> pd.Series:
    return pd.to_datetime(cells, format=time_format, errors="coerce")


def _disorder(dates: pd.Series) -> tuple[bool, float]:
    """How little dates look like a clock: going back, then the time they span."""
    values = dates.to_numpy()
    back = bool((np.diff(values) < np.timedelta64(0)).any())
    return back, float((values.max() - values.min()) / np.timedelta64(1, "s"))
