"""Order in time: sorting, duplicated stamps, even sampling, gaps."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Literal

import numpy as np
import pandas as pd

from jaxtsad.datasets.reading.recording import Recording

Duplicates = Literal["mean", "first", "error"]
DUPLICATES = typing.get_args(Duplicates)
"""What becomes of steps with one time stamp."""
LONG = 3.0
"""A step longer than so many usual ones is a gap that is said."""
MOST = 50
"""Resampling may make a recording at most so many times as long."""


def put_in_order(
    recording: Recording,
    *,
    duplicates: str = "mean",
    resample: str | float | None = None,
    max_gap: str | float | None = None,
) -> Recording:
    """Sorts a recording in time, merges equal stamps, resamples and finds gaps.

    Args:
        recording: Rows as they were given; without time stamps it stays as it is.
        duplicates: What becomes of rows with one time stamp: their `mean`, the `first`
            of them, or an `error`. Labels are joined.
        resample: Width of even steps, such as "1min", or a number where stamps are
            numbers; a step is the mean of its rows, one without rows is missing.
        max_gap: Longest time between two steps that a window may span.

    Raises:
        ValueError: If an option is bad, needs time stamps that are not there, or stamps
            are duplicated and may not be.

    Example:
        >>> unsorted = Recording(
        ...     np.array([[2.0], [1.0]]), ("a",), time=np.array([20, 10])
        ... )
        >>> put_in_order(unsorted).values.ravel().tolist()
        [1.0, 2.0]
    """
    if duplicates not in DUPLICATES:
        raise ValueError(
            f"{duplicates=} is unknown; the choices are {', '.join(DUPLICATES)}"
        )
    if recording.time is None:
        for name, value in (("resample", resample), ("max_gap", max_gap)):
            if value is not None:
                raise ValueError(
                    f"{name}={value!r} needs time stamps, {recording.name!r} has none; "
                    "give a frame with a time index, or name the time column"
                )
        return recording
    width = None if resample is None else _span("resample", resample, recording.time)
    gap = None if max_gap is None else _span("max_gap", max_gap, recording.time)
    recording = _merged(_sorted(recording), duplicates)
    if width is not None:
        recording = _resampled(recording, width, gap)
    steps = np.diff(_numbers(recording.time))
    if max_gap is not None:
        breaks = breaks_of(recording.time, max_gap)
        recording = dataclasses.replace(recording, breaks=breaks)
        if breaks:
            pieces = f"cut into {len(breaks) + 1} pieces at gaps longer than {max_gap}"
            recording = recording.noted(pieces)
    elif width is None:
        recording = recording.noted(*_oddities(recording, steps))
    return recording


def breaks_of(time: np.ndarray | None, max_gap: str | float) -> tuple[int, ...]:
    """Steps before which more time passes than `max_gap`; see `put_in_order`."""
    if time is None:
        return ()
    gap = _span("max_gap", max_gap, time) * (1 + 1e-9)
    return tuple((np.flatnonzero(np.diff(_numbers(time)) > gap) + 1).tolist())


def _numbers(time: np.ndarray | None) -> np.ndarray:
    """Time stamps as numbers, dates as whole nanoseconds or less fine units."""
    assert time is not None
    return time.astype(np.int64) if time.dtype.kind == "M" else time


def _unit(time: np.ndarray) -> Any:
    return np.datetime_data(time.dtype)[0]


def _span(name: str, value: str | float, time: np.ndarray) -> float:
    """A span of time in the unit of `_numbers`."""
    if time.dtype.kind != "M":
        try:
            number = float(value)
        except ValueError:
            number = np.nan
        wanted = "a number above 0, as time stamps are numbers"
    else:
        try:
            if not isinstance(value, str | np.timedelta64 | pd.Timedelta):
                raise ValueError
            span = pd.Timedelta(value)
            if pd.isna(span):
                raise ValueError
            number = span.to_timedelta64() / np.timedelta64(1, _unit(time))
        except ValueError:
            number = np.nan
        wanted = 'a span of time above 0, such as "5min"'
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name}={value!r} must be {wanted}")
    return float(number)


def _sorted(recording: Recording) -> Recording:
    time = recording.time
    assert time is not None
    back = np.flatnonzero(time[1:] < time[:-1])
    if not back.size:
        return recording
    if len(back) == len(time) - 1:
        note = "rows go from the newest to the oldest; they are turned round"
    elif len(back) <= 3:
        row = int(back[0])
        more = f" and {len(back) - 1} more times" if len(back) > 1 else ""
        note = (
            f"time goes back from {_shown(time[row])} to {_shown(time[row + 1])} at "
            f"data row {row + 2}{more}; rows are sorted in time"
        )
    else:
        note = f"rows are not in order of time ({len(back)} go back); they are sorted"
    order = np.argsort(time, kind="stable")
    rows = np.empty(len(order), np.int64)
    rows[order] = np.arange(len(order))
    labels = None if recording.labels is None else recording.labels[order]
    return dataclasses.replace(
        recording,
        values=recording.values[order],
        time=time[order],
        labels=labels,
        rows=rows,
    ).noted(note)


def _merged(recording: Recording, duplicates: str) -> Recording:
    time = recording.time
    assert time is not None
    new = np.concatenate([[True], time[1:] != time[:-1]])
    extra = int((~new).sum())
    if not extra:
        return recording
    stamp = _shown(time[int(np.flatnonzero(~new)[0])])
    if duplicates == "error":
        raise ValueError(
            f"{extra} rows of {recording.name!r} repeat a time stamp, the first "
            f'{stamp}; merge them with duplicates="mean" or "first" (--duplicates)'
        )
    starts = np.flatnonzero(new)
    note = f"{extra} rows repeat a time stamp, the first {stamp}; " + (
        "their mean is taken" if duplicates == "mean" else "the first is taken"
    )
    if extra >= len(time) / 2:
        note += (
            "; if rows of several machines are stacked, name the column that tells "
            "them apart (--entity-column); if stamps are too coarse, leave them out "
            "(--drop)"
        )
    if duplicates == "mean":
        values = _means(recording.values, starts)
    else:
        values = recording.values[starts]
    return _grouped(recording, starts, np.cumsum(new) - 1, values).noted(note)


def _grouped(
    recording: Recording, starts: np.ndarray, group: np.ndarray, values: np.ndarray
) -> Recording:
    """A recording whose steps are groups of consecutive steps."""
    time, labels, rows = recording.time, recording.labels, recording.rows
    return dataclasses.replace(
        recording,
        values=values,
        time=None if time is None else time[starts],
        labels=None if labels is None else np.maximum.reduceat(labels, starts),
        rows=group if rows is None else group[rows],
    )


def _means(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Means over groups of consecutive steps, of the cells that are there."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        counts = np.add.reduceat(there.astype(np.float64), starts)
        # Subtracting the first keeps large offsets exact.
        first = values[starts]
        base = np.where(np.isfinite(first), first, 0.0)
        group = np.repeat(np.arange(len(starts)), np.diff([*starts, len(values)]))
        shifted = np.where(there, values - base[group], 0.0)
        means: np.ndarray = base + np.add.reduceat(shifted, starts) / counts
    return means


def _resampled(recording: Recording, width: float, gap: float | None) -> Recording:
    numbers = _numbers(recording.time)
    whole = recording.time is not None and recording.time.dtype.kind == "M"
    bins = np.floor_divide(numbers, int(width) if whole else width)
    if whole and width < 1:
        raise ValueError("resample is finer than the time stamps")
    bins = bins.astype(np.int64)
    count = int(bins[-1] - bins[0]) + 1
    starts = np.flatnonzero(np.concatenate([[True], bins[1:] != bins[:-1]]))
    merged = _grouped(
        recording,
        starts,
        np.repeat(np.arange(len(starts)), np.diff([*starts, len(bins)])),
        _means(recording.values, starts),
    )
    filled = bins[starts]
    wanted = filled
    jumps = np.diff(filled)
    bridged = jumps > 1 if gap is None else (jumps > 1) & (jumps * width <= gap)
    extra = int((jumps[bridged] - 1).sum())
    if extra > MOST * len(recording) + 1000:
        raise ValueError(
            f"resampling {recording.name!r} makes {count} steps of {len(recording)}; "
            "is a time stamp wrong? Say a max_gap (--max-gap) or a wider resample"
        )
    if extra:
        between = [
            np.arange(filled[i] + 1, filled[i + 1]) for i in np.where(bridged)[0]
        ]
        wanted = np.sort(np.concatenate([filled, *between]))
    place = np.searchsorted(wanted, filled)
    values = np.full((len(wanted), merged.values.shape[1]), np.nan)
    values[place] = merged.values
    labels = None
    if merged.labels is not None:
        labels = np.zeros(len(wanted), np.int8)
        labels[place] = merged.labels
    time = wanted * (int(width) if whole else width)
    if whole:
        time = time.astype(np.asarray(recording.time).dtype)
    made = dataclasses.replace(
        merged,
        values=values,
        time=time,
        labels=labels,
        rows=place[np.arange(len(place)) if merged.rows is None else merged.rows],
    )
    before, after = len(recording), len(wanted)
    if before == after and not extra:
        return made
    return made.noted(f"resampled from {before} to {after} steps, {extra} without data")


def _oddities(recording: Recording, steps: np.ndarray) -> list[str]:
    """Gaps and uneven steps, for a line each."""
    time = recording.time
    if time is None or len(steps) < 10:
        return []
    usual = float(np.median(steps))
    if not usual > 0:
        return []
    uneven = float(np.mean(np.abs(steps - usual) > 0.1 * usual))
    gaps = np.flatnonzero(steps > LONG * usual)
    notes = []
    if uneven > 0.2:
        notes.append(
            f"steps are uneven in time, {_length(steps.min(), time)} to "
            f"{_length(steps.max(), time)}, mostly {_length(usual, time)}; resample "
            "(--resample) makes them even"
        )
    elif gaps.size:
        longest = int(np.argmax(steps))
        notes.append(
            f"{len(gaps)} gap{'s' * (len(gaps) > 1)} in time, the longest "
            f"{_length(steps[longest], time)} after {_shown(time[longest])} (steps are "
            f"{_length(usual, time)}); max_gap (--max-gap) keeps windows out of it"
        )
    return notes


def _length(number: float, time: np.ndarray) -> str:
    if time.dtype.kind != "M":
        return f"{number:g}"
    span = pd.Timedelta(np.timedelta64(int(number), _unit(time)))
    return str(span).removeprefix("0 days ")


def _shown(stamp: object) -> str:
    if isinstance(stamp, np.datetime64):
        return str(pd.Timestamp(stamp))
    return str(stamp)
