"""Columns of a table as numbers, times or labels, or a line on what is none."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd


def numbers(table: pd.DataFrame, path: str | os.PathLike[str]) -> np.ndarray:
    """All columns as `[T, C]` float32, missing cells as NaN.

    Numbers too large for float32 become infinite, which screening treats as missing.

    Args:
        table: The columns.
        path: Where they come from, for the error line.

    Raises:
        ValueError: If a cell is no number.

    Example:
        >>> numbers(pd.DataFrame({"a": ["1", None], "b": [True, False]}), "x.csv")
        array([[ 1.,  1.],
               [nan,  0.]], dtype=float32)
    """
    values = np.empty(table.shape, np.float32)
    for position, name in enumerate(table.columns):
        with np.errstate(over="ignore"):
            values[:, position] = _numeric(table[name], path)
    return values


def times(column: pd.Series, path: str | os.PathLike[str]) -> np.ndarray:
    """Time stamps `[T]`: numbers as they are, all else as datetime64 in UTC.

    Raises:
        ValueError: If a cell is missing or is no ISO 8601 time.
    """
    if column.dtype.kind in "iuf":
        parsed, stamps = column, column.to_numpy()
    else:
        parsed = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
        stamps = parsed.dt.tz_localize(None).to_numpy()
    _refuse(column, parsed.isna(), path, "is not a time, expected ISO 8601 or a number")
    return stamps


def flags(column: pd.Series, path: str | os.PathLike[str]) -> np.ndarray:
    """Labels `[T]` int8 of 0 and 1.

    Raises:
        ValueError: If a cell is neither 0 nor 1.
    """
    labels = _numeric(column, path)
    wrong = (labels != 0) & (labels != 1)
    _refuse(column, wrong, path, "is not a label, expected 0 or 1")
    return labels.astype(np.int8)


def _numeric(column: pd.Series, path: str | os.PathLike[str]) -> np.ndarray:
    if column.dtype.kind in "mM":
        raise ValueError(
            f"{path}: column {column.name!r} holds times, not numbers; name it as the "
            "time column or leave it out of the channels"
        )
    parsed = pd.to_numeric(column, errors="coerce")
    advice = "is not a number; repair it, or name the time and label columns"
    _refuse(column, parsed.isna() & column.notna(), path, advice)
    return parsed.to_numpy(np.float64, na_value=np.nan)


def _refuse(
    column: pd.Series,
    wrong: pd.Series | np.ndarray,
    path: str | os.PathLike[str],
    why: str,
) -> None:
    rows = np.flatnonzero(wrong)
    if rows.size:
        cell, row = column.iloc[int(rows[0])], int(rows[0]) + 1
        raise ValueError(
            f"{path}: {str(cell)!r} in column {column.name!r}, data row {row}, {why}"
        )
