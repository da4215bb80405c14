"""Tables as CSV that a spreadsheet may open: no name is taken for a formula."""

from __future__ import annotations

import csv
from typing import Any

import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet computes."""
QUOTE = "'"


def to_csv(table: pd.DataFrame) -> str:
    """A table as CSV without its index, every text and title `quoted`."""
    safe = table.rename(columns=quoted)
    for place in range(safe.shape[1]):
        column = safe.iloc[:, place]
        if not pd.api.types.is_numeric_dtype(column.dtype):
            safe.isetitem(place, column.map(quoted).array)
    text: str = safe.to_csv(index=False)
    if "\r" in text:  # Which pandas does not quote by itself.
        text = safe.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
    return text


def quoted(cell: Any) -> Any:
    """A text with a quote before it where a spreadsheet would compute it.

    One that has a quote there already gets another, so that `unquoted` is right.

    Example:
        >>> quoted("=1+1"), quoted("-3.5"), quoted("flow"), quoted("'a")
        ("'=1+1", '-3.5', 'flow', "''a")
    """
    if not isinstance(cell, str) or not cell.startswith((*FORMULA, QUOTE)):
        return cell
    try:
        float(cell)
    except ValueError:
        return QUOTE + cell
    return cell


def unquoted(cell: str) -> str:
    """What `quoted` was given.

    Example:
        >>> unquoted(quoted("@a")), unquoted("'tis")
        ('@a', "'tis")
    """
    quoted_one = cell.startswith(tuple(QUOTE + each for each in (*FORMULA, QUOTE)))
    return cell[1:] if quoted_one else cell
