"""Numbers that likely stand for a missing value, and how to declare them."""

from __future__ import annotations

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
    lines = []
    if isinstance(recording.values, blocks.DiskArray):
        return ()
    for name, column in zip(recording.channels, recording.values.T, strict=True):
        value = _likely(column[np.isfinite(column)])
        if value is not None:
            count = int((column == value).sum())
            times = "once" if count == 1 else f"{count} times"
            lines.append(
                f"channel {name} holds {value:g} {times}, far from the rest: if that "
                f"stands for a missing value, declare it (missing_values=[{value:g}], "
                f"--missing {value:g})"
            )
    return tuple(lines)


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
