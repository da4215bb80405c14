"""Numbers that likely stand for a missing value, and how to declare them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from jaxtsad import blocks
from jaxtsad.datasets.reading.recording import Recording

USUAL = frozenset(
    [sign * value for sign in (-1, 1) for value in (999, 9999, 99999, 999999)]
    + [-32768, 32767, 65535, -2147483648, -2147483647, 2147483647]
)
"""What instruments and file formats write for a missing value."""
HUGE = 1e15
"""No measurement has this size beside others of far smaller ones."""
FAR = 20.0
"""So many interquartile ranges from the median a fill value lies at least."""


def notes(recording: Recording) -> tuple[str, ...]:
    """A line for each channel that likely holds a fill value; none where it is on disk.

    A value is one where it lies far from all others and is huge, or one of `USUAL`, or
    all that lie far out are this one number, three times at least.

    Example:
        >>> values = np.append(np.sin(np.arange(99.0)), -999.0)[:, None]
        >>> notes(Recording(values, ("flow",)))[0][:46]
        'channel flow holds -999 once, far from the res'
    """
    if isinstance(recording.values, blocks.DiskArray):
        return ()
    return tuple(
        f"channel {line}, declare it (missing_values=[{value:g}], --missing {value:g})"
        for line, value in _found(recording.channels, recording.values)
    )


def of_rows(names: Sequence[str], rows: np.ndarray) -> tuple[str, ...]:
    """A line for each column of rows `[N, D]` that likely holds a fill value.

    Args:
        names: Of the columns; none numbers them.
        rows: `[N, D]`, finite.

    Example:
        >>> of_rows((), np.append(np.sin(np.arange(99.0)), -999.0)[:, None])[0][:40]
        'column 0 holds -999 once, far from the r'
    """
    names = names or [str(number) for number in range(rows.shape[1])]
    return tuple(
        f"column {line}, leave these rows out or fill them in"
        for line, _ in _found(names, rows)
    )


def _found(names: Sequence[str], values: np.ndarray) -> Iterator[tuple[str, float]]:
    for name, column in zip(names, values.T, strict=True):
        value = _likely(column[np.isfinite(column)])
        if value is not None:
            count = int((column == value).sum())
            times = "once" if count == 1 else f"{count} times"
            line = f"{name} holds {value:g} {times}, far from the rest: if that"
            yield f"{line} stands for a missing value", value


def _likely(column: np.ndarray) -> float | None:
    if len(column) < 10:
        return None
    first, middle, third = np.quantile(column, [0.25, 0.5, 0.75])
    with np.errstate(over="ignore"):
        far = column[np.abs(column - middle) > FAR * (third - first)]
    far = far[far != middle]
    if not len(far):
        return None
    numbers, counts = np.unique(far, return_counts=True)
    huge = np.abs(numbers) >= HUGE * max(1.0, abs(middle))
    usual = np.isin(numbers, list(USUAL))
    for likely in (huge, usual):
        if likely.any():
            return float(numbers[likely][np.argmax(counts[likely])])
    if third > first and len(numbers) == 1 and counts[0] >= 3:
        return float(numbers[0])
    return None
