"""Parameters to options of reading; scores and events as tables with time stamps."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad.datasets.reading import tables
from jaxtsad.datasets.reading.recording import Recording
from jaxtsad.evaluation import events
from jaxtsad.pipeline.inputs import Recordings


def reading_options(detector: Any) -> tables.Options:
    """How an estimator reads frames, from its parameters.

    Raises:
        ValueError: If one of them does not fit.
    """
    missing = detector.missing_values
    return tables.Options(
        missing=() if missing is None else tuple(np.atleast_1d(missing).tolist()),
        duplicates=detector.duplicates,
        resample=_span(detector.resample),
        max_gap=_span(detector.max_gap),
        time_format=detector.time_format,
    )


def steps_per_day(given: Recordings) -> dict[str, float]:
    """By name the steps of a day, of recordings whose time stamps are dates."""
    known = {}
    for one in given.series:
        stamps = one.stamps()
        if isinstance(stamps, pd.DatetimeIndex) and len(stamps) > 1:
            step = stamps.to_series().diff().median()
            known[one.name] = float(pd.Timedelta(days=1) / step)
    return known


def _span(value: Any) -> Any:
    """A span of time as text, whatever it is an object of."""
    if isinstance(value, datetime.timedelta | np.timedelta64):
        return str(pd.Timedelta(value))
    return value


def score_rows(
    scores: np.ndarray, flags: np.ndarray, time: pd.Index | None, first: int = 0
) -> pd.DataFrame:
    """One row per step: time (where known), step from `first` on, score and flag."""
    steps = np.arange(first, first + len(scores))
    table = pd.DataFrame({"step": steps, "score": scores, "flag": flags})
    if time is not None:
        table.insert(0, "time", time)
    return table


def scores_table(
    given: Recordings, each: Sequence[np.ndarray], flags: Sequence[np.ndarray]
) -> pd.DataFrame:
    """One row per step: entity (of several), time (where known), step, score, flag."""
    tables = []
    for one, score, flag in zip(given.series, each, flags, strict=True):
        table = score_rows(score, flag, one.stamps())
        if not given.single:
            table.insert(0, "entity", one.name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def events_table(
    given: Recordings, each: Sequence[Sequence[events.Event]]
) -> pd.DataFrame:
    """One row per event, with its time stamps where they are known."""
    rows = [
        {"entity": one.name, **_stamped(one, row)}
        for one, listed in zip(given.series, each, strict=True)
        for row in events.to_rows(listed)
    ]
    names = ["entity", *(field.name for field in dataclasses.fields(events.Event))]
    if any(one.time is not None for one in given.series):
        names[3:3] = ["start_time", "stop_time"]
    return pd.DataFrame(rows, columns=names)


def _stamped(one: Recording, row: dict[str, object]) -> dict[str, object]:
    ends = one.stamps([row["start"], int(str(row["stop"])) - 1])
    return row if ends is None else {**row, "start_time": ends[0], "stop_time": ends[1]}
