"""Arrays and data frames from users: series, one or many, and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Named(NamedTuple):
    """One series with the names of its channels."""

    name: str
    values: np.ndarray
    channels: tuple[str, ...]


class Recordings(NamedTuple):
    """What a user handed over.

    Attributes:
        series: The series.
        keys: Keys of a mapping, in order; empty for a list or a single series.
        single: Whether one series was given bare.
    """

    series: tuple[Named, ...]
    keys: tuple[str, ...]
    single: bool

    def like(self, results: Sequence[Any]) -> Any:
        """Results in the shape of the input: bare, a list, or a mapping."""
        if self.single:
            return results[0]
        if self.keys:
            return dict(zip(self.keys, results, strict=True))
        return list(results)


def recordings(data: Any) -> Recordings:
    """Reads one series or several.

    Args:
        data: `[T, C]` array (or `[T]`, one channel), pandas or polars frame, a list of
            them, or a mapping from names to them.

    Raises:
        ValueError: If something is not numeric, empty or of a wrong rank, or the
            channels of several series differ.

    Example:
        >>> [(one.name, one.values.shape) for one in recordings([[0.0, 1.0]]).series]
        [('series_0', (2, 1))]
    """
    if isinstance(data, Mapping):
        keys = tuple(str(key) for key in data)
        series = tuple(_series(key, value) for key, value in data.items())
        return _same_channels(Recordings(series, keys, False))
    if isinstance(data, list | tuple):
        if not data:
            raise ValueError("expected at least one series, got an empty list")
        if np.ndim(data[0]) == 0 and not _is_frame(data[0]):
            return Recordings((_series("series", np.asarray(data)),), (), True)
        series = tuple(_series(f"series_{i}", one) for i, one in enumerate(data))
        return _same_channels(Recordings(series, (), False))
    return Recordings((_series("series", data),), (), True)


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and hasattr(data, "to_numpy")


def _series(name: object, data: Any) -> Named:
    channels: tuple[str, ...] = ()
    if _is_frame(data):
        channels = tuple(str(column) for column in data.columns)
        data = data.to_numpy()
    elif hasattr(data, "to_numpy"):
        data = data.to_numpy()
    values = np.asarray(data)
    try:
        values = values.astype(np.float32 if values.dtype == np.float32 else np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name!r} is not numeric: {error}") from None
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise ValueError(f"{name!r} has {values.shape=}, expected [steps, channels]")
    if values.size == 0:
        raise ValueError(f"{name!r} is empty: {values.shape=}")
    channels = channels or tuple(f"channel_{i}" for i in range(values.shape[1]))
    return Named(str(name), values, channels)


def _same_channels(given: Recordings) -> Recordings:
    if not given.series:
        raise ValueError("expected at least one series, got none")
    first = given.series[0]
    for one in given.series[1:]:
        if one.channels != first.channels:
            raise ValueError(
                f"{one.name!r} has the channels {', '.join(one.channels[:8])} "
                f"({len(one.channels)}), {first.name!r} has "
                f"{', '.join(first.channels[:8])} ({len(first.channels)})"
            )
    return given


class NamedSamples(NamedTuple):
    """What a user handed over: `[N, ...]` numbers, finite, and their columns' names."""

    values: np.ndarray
    names: tuple[str, ...] = ()


def samples(data: Any) -> NamedSamples:
    """Reads samples: an array `[N, D]`, `[N, L, C]` or `[N, H, W, C]`, or a frame.

    Raises:
        ValueError: If something is not numeric, not finite, empty or of a wrong rank.

    Example:
        >>> samples([[1, 2], [3, 4]]).values.shape
        (2, 2)
    """
    names: tuple[str, ...] = ()
    if _is_frame(data):
        names = tuple(str(column) for column in data.columns)
        data = data.to_numpy()
    try:
        values = np.asarray(data)
        if values.dtype.kind not in "bui":
            values = values.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"samples are not numeric: {error}") from None
    if values.ndim not in (2, 3, 4) or values.size == 0:
        raise ValueError(
            f"samples have {values.shape=}; expected rows [N, D], windows [N, L, C] or "
            "images [N, H, W, C]"
        )
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        raise ValueError(
            f"sample {int(bad.argmax())} holds a number that is not finite, NaN or "
            f"inf ({int(bad.sum())} of {len(values)} do); fill it or leave it out"
        )
    return NamedSamples(values, names)
