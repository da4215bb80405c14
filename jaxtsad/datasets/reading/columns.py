"""Columns of a table as numbers, times or labels, or a line on what is none."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from jaxtsad.datasets.reading import stamps

NORMAL = frozenset("normal 0 false f no n none ok benign noattack".split())
ANOMALOUS = frozenset(
    "anomaly anomalous abnormal attack 1 true t yes y fault outlier".split()
)
"""Words that labels are written in, in small letters and without blanks."""


def numbers(
    table: pd.DataFrame,
    path: str | os.PathLike[str],
    missing: Sequence[float | str] = (),
) -> np.ndarray:
    """All columns as `[T, C]` float64, missing cells as NaN.

    Args:
        table: The columns.
        path: Where they come from, for the error line.
        missing: Numbers and words that stand for a missing value.

    Raises:
        ValueError: If a column holds text, dates, complex or other than numbers.

    Example:
        >>> numbers(pd.DataFrame({"a": ["1", None], "b": [True, False]}), "x.csv")
        array([[ 1.,  1.],
               [nan,  0.]])
    """
    values = np.empty(table.shape, np.float64)
    words = {str(word).strip() for word in missing}
    for position in range(table.shape[1]):
        values[:, position] = numeric(table.iloc[:, position], path, words)
    return without(values, missing)


def without(values: np.ndarray, missing: Sequence[float | str]) -> np.ndarray:
    """Numbers with NaN for those that stand for a missing value.

    A number is met to the precision of float32; one above 1e20, which is none but a
    fill value, to three digits.

    Example:
        >>> without(np.array([1.0, -999.0, 9.96920997e36]), [-999, 9.97e36])
        array([ 1., nan, nan])
    """
    for each in missing:
        try:
            value = float(each)
        except ValueError:
            continue
        if np.isfinite(value):
            near = 1e-3 if abs(value) > 1e20 else 2e-7
            hit = np.abs(values - value) <= near * abs(value)
            values = np.where(hit, np.nan, values)
    return values


def times(
    column: pd.Series, path: str | os.PathLike[str], time_format: str | None = None
) -> np.ndarray:
    """Time stamps `[T]`: dates as datetime64 in UTC, or numbers.

    Raises:
        ValueError: If a cell is missing or is no time.
    """
    try:
        return stamps.parse(column, time_format).time
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def flags(column: pd.Series, path: str | os.PathLike[str]) -> np.ndarray:
    """Labels `[T]` int8 of 0 and 1; words such as `Normal` and `Attack` are read too.

    Raises:
        ValueError: If a cell is no label.
    """
    if stamps.is_text(column) and are_labels(column):
        return _words(column).isin(ANOMALOUS).to_numpy(np.int8)
    labels = numeric(column, path, set())
    wrong = (labels != 0) & (labels != 1)
    advice = "is not a label, expected 0 or 1"
    _refuse(column, wrong, path, advice)
    return labels.astype(np.int8)


def are_labels(column: pd.Series) -> bool:
    """Whether all cells are words for normal or anomalous."""
    return bool(_words(column).isin(NORMAL | ANOMALOUS).all())


def _words(column: pd.Series) -> pd.Series:
    return column.astype(str).str.lower().str.replace(" ", "")


def numeric(
    column: pd.Series, path: str | os.PathLike[str], words: set[str]
) -> np.ndarray:
    """One column `[T]` as float64; `words` stand for a missing value.

    Raises:
        ValueError: If it holds other than numbers.
    """
    name, kind = column.name, column.dtype
    if isinstance(kind, np.dtype) and kind.kind in "fiub":
        return column.to_numpy(np.float64)
    dated = pd.api.types.is_datetime64_any_dtype(kind) or isinstance(
        kind, pd.PeriodDtype
    )
    if dated or pd.api.types.is_timedelta64_dtype(kind):
        raise ValueError(
            f"{path}: column {name!r} holds times, not numbers; name it as the time "
            f"column (--time-column) or leave it out (--drop)"
        )
    plain = not pd.api.types.is_complex_dtype(kind)
    if (plain and pd.api.types.is_numeric_dtype(kind)) or pd.api.types.is_bool_dtype(
        kind
    ):
        return column.to_numpy(np.float64, na_value=np.nan)
    cells = column.astype(object)
    if any(isinstance(cell, complex | np.complexfloating) for cell in cells):
        raise ValueError(
            f"{path}: column {name!r} holds complex numbers; give their real and "
            "imaginary parts, or size and angle, as channels of their own"
        )
    if words:
        cells = cells.where(~cells.astype(str).str.strip().isin(words), np.nan)
    try:
        parsed = pd.to_numeric(cells, errors="coerce")
    except (TypeError, ValueError, OverflowError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"{path}: column {name!r} is not numeric: {why}") from None
    wrong = parsed.isna() & cells.notna()
    if wrong.any():
        wrong &= cells.astype(str).str.strip() != ""
    if wrong.sum() > 0.5 * len(column):
        cell = column[wrong].iloc[0]
        raise ValueError(
            f"{path}: column {name!r} holds text ({str(cell)!r} in data row "
            f"{int(np.flatnonzero(wrong)[0]) + 1}), is not numeric; "
            + (
                f"if it holds labels, say so (--label-column {_quoted(name)})"
                if are_labels(column)
                else f"leave it out (--drop {_quoted(name)})"
            )
        )
    if wrong.any():
        cell = str(column[wrong].iloc[0])
        advice = (
            "is not a number; if it stands for a missing value, declare it (--missing "
            f"{_quoted(cell)}), else leave the column out (--drop {_quoted(name)})"
        )
        if cell.replace(",", "", 1).strip("+-").isdecimal():
            advice = "is not a number; is the decimal sign a comma (--decimal ,)?"
        _refuse(column, wrong, path, advice)
    return parsed.to_numpy(np.float64, na_value=np.nan)


def _quoted(word: object) -> str:
    text = str(word)
    return f'"{text}"' if " " in text or not text else text


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
