"""Series in memory to recordings: arrays, frames of every kind, labeled arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxtsad import blocks
from jaxtsad.datasets.reading import columns, stamps, tables
from jaxtsad.datasets.reading.recording import Recording, by_position, numbered


def read(data: Any, name: str, options: tables.Options) -> list[Recording]:
    """Reads one thing as a recording, or as one per entity.

    Args:
        data: An array `[T]` or `[T, C]` (also masked or of records), nested lists, a
            pandas, polars, Arrow or xarray object, or a `Recording`, taken as it is.
        name: What to call it.
        options: How to read it.

    Raises:
        ValueError: If it is not numeric, empty or of a wrong rank.
    """
    if isinstance(data, Recording):
        return [data]
    table = as_frame(data)
    if table is not None:
        plain = by_position(tuple(map(str, table.columns)))
        return tables.recordings(table, repr(name), options, name=name, named=not plain)
    if isinstance(data, np.memmap) and blocks.is_large(data.size):
        return [on_disk(data, name, options)]
    values = as_numbers(data, name)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise ValueError(f"{name!r} has {values.shape=}, expected [steps, channels]")
    values = columns.without(values, options.missing)
    plain_names = numbered(values.shape[1])
    recording = Recording(values, plain_names, name=name, named=False)
    return [tables.finish(recording, options)]


def on_disk(
    data: np.memmap, name: str, options: tables.Options, names: Sequence[str] = ()
) -> Recording:
    """A recording whose values stay on disk.

    Args:
        data: Numbers `[T]` or `[T, C]` in a file.
        name: What to call it.
        options: How to read it.
        names: Of the channels; none where they have none.

    Raises:
        ValueError: If these are no numbers or not `[T, C]`, or time stamps are needed.
    """
    if data.dtype.kind not in "fiub" or data.ndim not in (1, 2):
        raise ValueError(
            f"{name!r} holds {data.dtype} {data.shape}, expected numbers [steps, "
            "channels]"
        )
    for option in ("resample", "max_gap"):
        value = getattr(options, option)
        if value is not None:
            raise ValueError(f"{option}={value!r} needs time stamps, {name!r} has none")
    values: Any = blocks.DiskArray(data[:, None] if data.ndim == 1 else data)
    if options.missing:
        values = blocks.by_blocks(
            lambda rows: columns.without(rows.astype(np.float64), options.missing),
            values,
        )
    channels = tuple(names) or numbered(values.shape[1])
    return Recording(values, channels, name=name, named=bool(names))


def is_frame(data: Any) -> bool:
    """Whether something is a table or a labeled array."""
    return isinstance(data, pd.DataFrame | pd.Series | Recording) or (
        any(hasattr(data, each) for each in ("to_pandas", "collect", "coords"))
    )


def as_frame(data: Any) -> pd.DataFrame | None:
    """A table as a pandas frame; None for what is none.

    Lazy frames are collected. Of a labeled array (xarray) the time dimension becomes
    the index, whichever place it has.

    Raises:
        ValueError: If a labeled array has no time dimension or too many others.
    """
    if hasattr(data, "collect") and hasattr(data, "lazy"):
        data = data.collect()
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, pd.Series):
        return data.to_frame("channel_0" if data.name is None else data.name)
    if hasattr(data, "dims") and hasattr(data, "coords"):
        return _labeled(data)
    if hasattr(data, "to_pandas"):
        made = data.to_pandas()
        return as_frame(made) if isinstance(made, pd.DataFrame | pd.Series) else None
    if isinstance(data, np.ndarray) and data.dtype.names:
        return pd.DataFrame(np.ma.filled(data) if np.ma.isMA(data) else data)
    if isinstance(data, np.ndarray) and data.dtype == object and data.ndim == 2:
        # Every column by itself: rows of mixed kinds, such as dates beside numbers.
        return pd.DataFrame(data, columns=list(numbered(data.shape[1]))).infer_objects()
    return None


def _labeled(data: Any) -> pd.DataFrame:
    if hasattr(data, "data_vars"):
        data = data.to_array(dim="channel")
    dims = [str(each) for each in data.dims]
    dated = [each for each in dims if each in data.coords and _is_dated(data, each)]
    time = dated or [each for each in dims if stamps.is_name(each)]
    if not time or len(dims) > 2:
        raise ValueError(
            f"a labeled array has the dimensions {', '.join(dims)}; expected time and "
            "at most one other, the channels"
        )
    rest = [each for each in dims if each != time[0]]
    values = np.asarray(data.transpose(time[0], *rest).values)
    coordinate = time[0] in data.coords
    index = pd.Index(np.asarray(data.coords[time[0]].values)) if coordinate else None
    if not rest:
        names: Any = [getattr(data, "name", None) or "channel_0"]
    elif rest[0] in data.coords:
        names = [str(each) for each in np.asarray(data.coords[rest[0]].values)]
    else:
        names = list(numbered(values.shape[1]))
    frame = pd.DataFrame(values.reshape(len(values), -1), columns=names, index=index)
    return frame.rename_axis(index=time[0])


def _is_dated(data: Any, dimension: str) -> bool:
    return bool(np.asarray(data.coords[dimension].values).dtype.kind == "M")


def as_numbers(data: Any, name: str) -> np.ndarray:
    """An array or nested lists as float64 of any rank, masked cells as NaN.

    Raises:
        ValueError: If it is not numeric: text, complex, dates.
    """
    masked = np.ma.isMaskedArray(data) or (
        isinstance(data, list | tuple) and any(map(np.ma.isMaskedArray, data))
    )
    try:
        values = np.ma.asarray(data) if masked else np.asarray(data)
        kind = values.dtype.kind
        if kind not in "mMcV":
            cells = (
                np.asarray(values, np.float64)
                if not masked
                else np.ma.filled(values.astype(np.float64), np.nan)
            )
            return cells
    except (TypeError, ValueError, OverflowError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"{name!r} is not numeric: {why}") from None
    what = {"c": "complex numbers", "V": "records"}.get(kind, "times")
    advice = {
        "c": "give their real and imaginary parts, or size and angle, as channels",
        "V": "give a plain array",
    }.get(kind, "give them as the time index of a frame")
    raise ValueError(f"{name!r} is not numeric: it holds {what}; {advice}")


def is_read(data: Any) -> bool:
    """Whether something is a recording already, or maps names to some."""
    if isinstance(data, Mapping):
        return any(isinstance(each, Recording) for each in data.values())
    return isinstance(data, Recording)


def is_mapping(data: Any) -> bool:
    """Whether something maps names to series; frames and labeled arrays do not."""
    return isinstance(data, Mapping) and not is_frame(data)
