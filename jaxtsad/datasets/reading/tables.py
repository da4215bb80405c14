"""A table to a recording: which column is time, label, index or channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad import validation
from jaxtsad.datasets.reading import clock, columns, stamps
from jaxtsad.datasets.reading.recording import Recording, listed, numbered

LABELS = frozenset(
    "label labels anomaly anomalies isanomaly attack fault outlier isoutlier "
    "changepoint normalattack groundtruth target".split()
)
"""What a column of labels is called, in small letters and without other signs."""


@validation.config
class Options:
    """How a table is read.

    Attributes:
        time_column: Column of time stamps; None: recognized by its name or content.
        label_column: Column of labels, 0 or 1; None: there is none.
        entity_column: Column that names the entity of each row; None: all are of one.
        channels: Columns to keep, in this order; empty: all that remain.
        drop: Columns to leave out.
        missing: Numbers and words that stand for a missing value.
        time_format: See `stamps.parse`.
        duplicates: See `clock.put_in_order`.
        resample: See `clock.put_in_order`.
        max_gap: See `clock.put_in_order`.
    """

    time_column: str | None = None
    label_column: str | None = None
    entity_column: str | None = None
    channels: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    missing: tuple[float | str, ...] = ()
    time_format: str | None = None
    duplicates: clock.Duplicates = "mean"
    resample: str | float | None = None
    max_gap: str | float | None = None


def recordings(
    table: pd.DataFrame,
    source: object,
    options: Options,
    *,
    name: str = "series",
    named: bool = True,
) -> list[Recording]:
    """Reads a table as recordings, one per entity, each in order of time.

    Args:
        table: One row per step.
        source: Where it comes from, for error lines.
        options: How to read it.
        name: Name of the recording where there is no entity column.
        named: Whether the columns have names of their own.

    Raises:
        ValueError: If a column is missing or there twice, a cell is no number, or
            nothing is left to be a channel. The line says which.
    """
    table = _named(table, source)
    wanted = {
        key: _resolve(table, getattr(options, key), source)
        for key in ("time_column", "label_column", "entity_column")
    }
    kept = [_resolve(table, each, source) for each in _several(table, options.channels)]
    left_out = [_resolve(table, each, source) for each in _several(table, options.drop)]
    table = table.drop(columns=[each for each in left_out if each is not None])
    notes: list[str] = []
    table, index_time = _index(table, wanted, notes)
    time = wanted["time_column"]
    taken = {*wanted.values(), *kept}
    table = _without_index(table, taken, notes)
    if time is None and index_time is None:
        table, time = _recognized(table, taken, notes)
    special = {time, wanted["label_column"], wanted["entity_column"]} - {None}
    rest = [each for each in table.columns if each not in special]
    chosen = [str(each) for each in kept] or [each for each in rest]
    if not chosen:
        beside = f" beside {' and '.join(sorted(map(str, special)))}" if special else ""
        raise ValueError(f"{source} has no channel{beside}")
    if not named and len(chosen) == len(rest) and not kept:
        labels = numbered(len(chosen))
    else:
        labels = tuple(chosen)
    when = index_time
    try:
        if time is not None:
            when = stamps.parse(table[time], options.time_format)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    notes += () if when is None else when.notes
    notes += _other_clocks(table[[each for each in chosen if each not in kept]])
    marks = wanted["label_column"]
    if not marks:
        notes += _unmarked(table[chosen])
    whole = Recording(
        columns.numbers(table[chosen], str(source), options.missing),
        labels,
        None if when is None else when.time,
        None if marks is None else columns.flags(table[marks], str(source)),
        tuple(notes),
        name,
        named,
        zone=None if when is None else when.zone,
    )
    entity = wanted["entity_column"]
    if entity is None:
        return [finish(whole, options)]
    nameless = np.flatnonzero(table[entity].isna())
    if nameless.size:
        raise ValueError(
            f"{source}: {nameless.size} rows have no name in column {entity!r}, the "
            f"first is data row {nameless[0] + 1}; name their entity or leave them out"
        )
    names = table[entity].reset_index(drop=True)
    names = names.astype(str) if names.dtype == object else names
    return [
        finish(_rows(whole, str(key), np.asarray(rows)), options)
        for key, rows in names.groupby(names.to_numpy(), sort=True).indices.items()
    ]


def finish(recording: Recording, options: Options) -> Recording:
    """Puts a recording in order of time and says what is odd about its values."""
    recording = clock.put_in_order(
        recording,
        duplicates=options.duplicates,
        resample=options.resample,
        max_gap=options.max_gap,
    )
    values, notes = recording.values, []
    finite = np.isfinite(values)
    if len(values) == 0 or values.shape[1] == 0:
        raise ValueError(f"{recording.name!r} is empty: {values.shape=}")
    dead = np.flatnonzero(~finite.any(axis=0))
    if len(dead) == values.shape[1]:
        raise ValueError(
            f"{recording.name!r} holds no finite value in {len(values)} steps"
        )
    if dead.size:
        names = listed(recording.channels[channel] for channel in dead)
        many = len(dead) > 1
        notes.append(
            f"channel{'s' * many} {names} hold{'s' * (not many)} no value and "
            f"{'are' if many else 'is'} taken as constant"
        )
    infinite = int(np.isinf(values).sum())
    if infinite:
        notes.append(f"{infinite} cells are infinite and taken as missing")
    return recording.noted(*notes)


def _rows(whole: Recording, name: str, rows: np.ndarray) -> Recording:
    return dataclasses.replace(
        whole,
        name=name,
        values=whole.values[rows],
        time=None if whole.time is None else whole.time[rows],
        labels=None if whole.labels is None else whole.labels[rows],
    )


def _named(table: pd.DataFrame, source: object) -> pd.DataFrame:
    """The table with stripped names, each there once."""
    names = [
        "_".join(str(level) for level in each if level != "")
        if isinstance(each, tuple)
        else str(each).strip()
        for each in table.columns
    ]
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        times = names.count(twice[0])
        raise ValueError(f"{source} has {times} columns {twice[0]!r}; rename one")
    return table.set_axis(names, axis=1)


def _several(table: pd.DataFrame, names: Sequence[str]) -> Iterable[str]:
    """Names, also several in one text with commas between."""
    for each in names:
        whole = each in table.columns or "," not in each
        yield from [each] if whole else each.split(",")


def _resolve(table: pd.DataFrame, name: str | None, source: object) -> str | None:
    """A column by its name, where need be in other letters; also that of the index.

    Raises:
        ValueError: If there is no such column; the line lists those that are there.
    """
    if name is None or name in table.columns:
        return name
    plain = name.strip().lower()
    near = [each for each in table.columns if str(each).strip().lower() == plain]
    if len(near) == 1:
        return str(near[0])
    if plain in [str(level).strip().lower() for level in table.index.names if level]:
        return name.strip()
    raise ValueError(f"{source} has no column {name!r}, it has {listed(table.columns)}")


def _index(
    table: pd.DataFrame, wanted: dict[str, str | None], notes: list[str]
) -> tuple[pd.DataFrame, stamps.Stamps | None]:
    """Reads a frame's index: as time, as a column that was asked for, or not at all."""
    index = table.index
    asked = {value for value in wanted.values() if value} - set(table.columns)
    if isinstance(index, pd.MultiIndex):
        keep = [
            number
            for number, level in enumerate(index.names)
            if level in asked
            or stamps.is_dated(pd.Series(index.get_level_values(number)))
        ]
        names = [index.names[number] or f"level_{number}" for number in keep]
        for number, level in zip(keep, names, strict=True):
            cells = index.get_level_values(number)
            table = table.assign(**{str(level): cells})
        left = [str(index.names[n]) for n in range(index.nlevels) if n not in keep]
        if left:
            notes.append(f"index level {listed(left)} left out")
        return table.reset_index(drop=True), None
    if asked:
        name = asked.pop()
        return table.assign(**{name: index.to_numpy()}).reset_index(drop=True), None
    column = pd.Series(index, name=index.name or "index")
    plain = table.reset_index(drop=True)
    if wanted["time_column"] is not None or isinstance(index, pd.RangeIndex):
        return plain, None
    dated = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)
    by_name = index.name is not None and stamps.is_name(index.name)
    numeric = _is_real(index.dtype)
    if dated or (by_name and numeric and stamps.is_counted(column)):
        return plain, stamps.parse(column)
    epoch = numeric and stamps.epoch_unit(index.to_numpy(np.float64)) is not None
    if epoch or (not numeric and stamps.is_dated(column)):
        notes.append("the index is read as time")
        return plain, stamps.parse(column)
    return plain, None


def _without_index(
    table: pd.DataFrame, taken: set[str | None], notes: list[str]
) -> pd.DataFrame:
    """The table without the index that pandas wrote as a first column without name."""
    while table.shape[1] > 1:
        first = table.columns[0]
        plain = not str(first) or str(first).startswith("Unnamed: ")
        if not plain or first in taken or not _counts_rows(table[first]):
            break
        notes.append("the first column has no name and counts the rows: left out")
        table = table.drop(columns=first)
    return table


def _recognized(
    table: pd.DataFrame, taken: set[str | None], notes: list[str]
) -> tuple[pd.DataFrame, str | None]:
    """The table and its column of time stamps, where none was named."""
    free = [each for each in table.columns if each not in taken]
    pair = {str(each).strip().lower(): each for each in free}
    if "date" in pair and "time" in pair and stamps.is_text(table[pair["time"]]):
        clocks = table[pair["time"]].astype(str)
        if clocks.str.match(r"\s*\d{1,2}:\d{2}").all():
            whole = (
                table[pair["date"]].astype(str).str.strip() + " " + clocks.str.strip()
            )
            table = table.drop(columns=[pair["date"], pair["time"]])
            table.insert(0, "date time", whole.where(whole.notna()))
            notes.append("columns date and time are read as time together")
            return table, "date time"
    named = [
        each
        for each in free
        if stamps.is_name(each)
        and (
            stamps.is_counted(table[each])
            if pd.api.types.is_numeric_dtype(table[each].dtype)
            else not _is_categorical(table[each])
        )
    ]
    dated = named or [each for each in free if stamps.is_dated(table[each])]
    if not dated:
        return table, None
    notes.append(f"column {dated[0]!r} is read as time")
    return table, str(dated[0])


def _is_real(kind: Any) -> bool:
    types = pd.api.types
    return types.is_numeric_dtype(kind) and not types.is_complex_dtype(kind)


def _is_categorical(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype) or bool(column.isna().all())


def _counts_rows(column: pd.Series) -> bool:
    """Whether a column is what pandas writes for an index: whole numbers, each once."""
    if not pd.api.types.is_integer_dtype(column.dtype):
        return False
    return bool(column.is_unique)


def _other_clocks(table: pd.DataFrame) -> list[str]:
    """Says which channels are likely a second time, or a time that is out of order."""
    notes = []
    for name, column in table.items():
        if not _is_real(column.dtype):
            continue
        if stamps.is_name(name) and not stamps.is_counted(column):
            odd = "is called a time, but its numbers do not go on like one and it"
        elif stamps.is_name(name) or stamps.is_epoch(column):
            odd = "looks like a time, but"
        else:
            continue
        notes.append(
            f"column {name!r} {odd} is read as a channel; leave it out with --drop or "
            "name it with --time-column"
        )
    return notes


def _unmarked(table: pd.DataFrame) -> list[str]:
    """Says which channels are likely labels."""
    likely = []
    for name in table.columns:
        plain = "".join(sign for sign in str(name).lower() if sign.isalnum())
        if plain in LABELS and pd.api.types.is_numeric_dtype(table[name].dtype):
            if table[name].isin([0, 1]).all():
                likely.append(name)
    if not likely:
        return []
    return [
        f"{listed(likely)} may be labels, but {'are' if len(likely) > 1 else 'is'} "
        "read as channels; name them with --label-column or --drop"
    ]
