"""Long rows of numbers, small enough to travel in a page.

A row is kept as least and greatest value of every `bucket` steps, as 16-bit numbers
between the row's own ends; short rows are kept value by value. The page makes coarser
levels of it.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

MOST = 65_536
"""Buckets of a row, at most, of a few rows; of many rows fewer."""
CELLS = 400_000
"""Buckets of all rows, about: 2 MB."""
MISSING = 65_535
LAST = 65_534


def bucket_of(steps: int, rows: int) -> int:
    """Steps of a bucket: a power of two, 1 where all values fit.

    Example:
        >>> bucket_of(10_000, 6), bucket_of(1_000_000, 6)
        (1, 16)
    """
    most = max(1024, min(MOST, CELLS // max(1, rows)))
    bucket = 1
    while -(-steps // bucket) > most:
        bucket *= 2
    return bucket


def row(values: np.ndarray, bucket: int) -> dict[str, Any]:
    """A row `[T]` as JSON can hold it; what is not finite is missing.

    Returns:
        `low` and `high`, the ends, and `data`, base64 of little-endian 16-bit numbers:
        of each bucket the least and the greatest value, or the value alone.
    """
    wide = np.asarray(values, np.float64)
    known = np.isfinite(wide)
    low = float(wide[known].min()) if known.any() else 0.0
    high = float(wide[known].max()) if known.any() else 1.0
    span = high - low or 1.0
    if bucket == 1:
        made = _coded(wide, known, low, span)
    else:
        spare = -len(wide) % bucket
        padded = np.pad(wide, (0, spare), constant_values=np.nan)
        fits = np.isfinite(padded).reshape(-1, bucket)
        cells = padded.reshape(-1, bucket)
        least = np.where(fits, cells, np.inf).min(axis=1)
        most = np.where(fits, cells, -np.inf).max(axis=1)
        ends = np.stack([least, most], axis=1)
        some = np.repeat(fits.any(axis=1), 2).reshape(-1, 2)
        made = _coded(ends, some, low, span)
    text = base64.b64encode(made.astype("<u2").tobytes()).decode()
    return {"low": low, "high": high, "data": text}


def _coded(
    values: np.ndarray, known: np.ndarray, low: float, span: float
) -> np.ndarray:
    share = np.where(known, (np.where(known, values, low) - low) / span, 0.0)
    return np.where(known, np.rint(share * LAST), MISSING)
