"""Known anomalies of a recording: labels or events, by row or by time stamp."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad.datasets.reading import stamps
from jaxtsad.datasets.reading.recording import Recording

PAIRS = (("start_time", "stop_time"), ("start", "stop"), ("start", "end"))
"""Columns of a frame of events."""


def steps(recording: Recording, labels: Any) -> np.ndarray:
    """Which steps of a recording are known anomalies, `[T]` bool.

    Args:
        recording: The recording.
        labels: Of the rows that were given, 1 for a known anomaly and 0 for unlabeled;
            a pandas series of these with time stamps as index; or events: pairs of
            rows (start, stop), stop exclusive, pairs of time stamps, stop inclusive, or
            a frame with such columns.

    Raises:
        ValueError: If labels are not 0 or 1, events lie outside the recording, or time
            stamps do not meet its own.
    """
    name, count = recording.name, _rows(recording)
    if hasattr(labels, "to_pandas"):
        labels = labels.to_pandas()
    if isinstance(labels, pd.DataFrame):
        labels = _of_frame(labels, name)
    if isinstance(labels, pd.Series):
        if _is_stamped(labels, recording):
            return _by_stamp(recording, labels)
        labels = labels.to_numpy()
    if np.ndim(np.asarray(labels, dtype=object)) == 0:
        raise ValueError(
            f"y of {name!r} is {labels!r}; expected ({count},) labels or events "
            "(start, stop)"
        )
    if len(labels) and _is_stamp(np.ravel(np.asarray(labels, dtype=object))[0]):
        return _between(recording, labels)
    values = np.asarray(labels)
    if values.shape == (count,):
        return _of_rows(recording, binary(values, name).astype(bool))
    rows = np.zeros(count, bool)
    if values.size == 0:
        return _of_rows(recording, rows)
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(
            f"y of {name!r} has the shape {values.shape}; expected ({count},) labels "
            "or events (start, stop)"
        )
    for start, stop in values:
        if not 0 <= start < stop <= count:
            raise ValueError(
                f"event ({start}, {stop}) of {name!r} is not within its {count} steps"
            )
        rows[int(start) : int(stop)] = True
    return _of_rows(recording, rows)


def binary(values: np.ndarray, name: str) -> np.ndarray:
    """Labels that are 0 or 1.

    Raises:
        ValueError: If one is neither; the line names it.
    """
    wrong = ~np.isin(values, (0, 1))
    if wrong.any():
        raise ValueError(
            f"y of {name!r} holds {values[wrong][0]}; expected 1 for a known anomaly, "
            "0 for unlabelled"
        )
    return values


def _rows(recording: Recording) -> int:
    return len(recording) if recording.rows is None else len(recording.rows)


def _of_rows(recording: Recording, rows: np.ndarray) -> np.ndarray:
    if recording.rows is None:
        return rows
    flags = np.zeros(len(recording), bool)
    flags[recording.rows[rows]] = True
    return flags


def _of_frame(labels: pd.DataFrame, name: str) -> Any:
    if labels.shape[1] == 1:
        return labels.iloc[:, 0]
    for start, stop in PAIRS:
        if {start, stop} <= set(labels.columns):
            return [*zip(labels[start], labels[stop], strict=True)]
    raise ValueError(
        f"y of {name!r} has the columns {', '.join(map(str, labels.columns))}; "
        "expected one of labels, or start and stop"
    )


def _is_stamp(value: Any) -> bool:
    return isinstance(value, str | datetime.date | np.datetime64 | pd.Timestamp)


def _is_stamped(labels: pd.Series, recording: Recording) -> bool:
    dated = isinstance(labels.index, pd.DatetimeIndex | pd.PeriodIndex)
    return dated and recording.time is not None


def _utc(values: Any, recording: Recording) -> np.ndarray:
    """Stamps as datetime64 in UTC; without a time zone they are in the recording's."""
    read = stamps.parse(pd.Series(values, name="y"))
    return stamps.in_utc(read.time, None if read.zone else recording.zone)


def _by_stamp(recording: Recording, labels: pd.Series) -> np.ndarray:
    assert recording.time is not None
    known = binary(labels.to_numpy(np.float64, na_value=np.nan), recording.name)
    marked = _utc(labels.index, recording)[known == 1]
    where = np.isin(recording.time, marked)
    if len(marked) and not where.any():
        raise ValueError(
            f"no time stamp of y is one of {recording.name!r}, which goes from "
            f"{recording.time[0]} to {recording.time[-1]}"
        )
    return where


def _between(recording: Recording, events: Sequence[Any]) -> np.ndarray:
    time, name = recording.time, recording.name
    if time is None or time.dtype.kind != "M":
        raise ValueError(f"y of {name!r} is by time, but {name!r} has no time stamps")
    flags = np.zeros(len(time), bool)
    for event in events:
        if isinstance(event, str) or np.ndim(event) != 1 or len(event) != 2:
            raise ValueError(f"event {event!r} of {name!r} is no pair (start, stop)")
        start, stop = _utc(list(event), recording)
        inside = (time >= start) & (time <= stop)
        if not inside.any():
            raise ValueError(
                f"event ({start}, {stop}) of {name!r} meets none of its steps, which "
                f"go from {time[0]} to {time[-1]}"
            )
        flags |= inside
    return flags
