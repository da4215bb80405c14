"""One window of telemanom's dynamic threshold: choose epsilon, flag, rate.

Hundman et al., KDD 2018, section 3.2: `epsilon` is the paper's threshold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad.evaluation.segments import segments
from jaxtsad.evaluation.thresholds import pruning

CANDIDATES = np.arange(2.5, 12.0, 0.5)
NONE_QUALIFIED = 12.0
MOST_SEQUENCES = 5


class Judged(NamedTuple):
    """Record of one window; all indices count from the start of the series.

    Attributes:
        start: First step of the window.
        stop: First step after it.
        mean: Mean of its errors.
        std: Their (population) standard deviation.
        z: Chosen number of deviations.
        epsilon: mean + z std.
        z_inverse: The same for the errors mirrored at the mean.
        epsilon_inverse: The same for the errors mirrored at the mean.
        found: Flagged steps before pruning.
        found_inverse: The same for the mirrored errors.
        kept: Flagged steps after pruning.
        kept_inverse: The same for the mirrored errors.
        parts: `(start, stop, severity)` of each run of kept steps.
    """

    start: int
    stop: int
    mean: float
    std: float
    z: float
    epsilon: float
    z_inverse: float
    epsilon_inverse: float
    found: np.ndarray
    found_inverse: np.ndarray
    kept: np.ndarray
    kept_inverse: np.ndarray
    parts: tuple[tuple[int, int, float], ...]


def judge(
    errors: np.ndarray,
    before: np.ndarray,
    *,
    start: int,
    first: int,
    floor: float | None,
    buffer: int,
    separation: float,
) -> Judged:
    """Judges the newest steps of a window, for errors and mirrored errors.

    Args:
        errors: `[n]` smoothed errors of the window.
        before: `[n]` boolean, steps flagged by earlier windows.
        start: First step of the window in the series.
        first: First step of the window that may be flagged.
        floor: Errors up to this are never anomalous; None passes over the window, as
            does a constant one.
        buffer: Steps flagged on each side of an anomalous error.
        separation: Relative drop below which a sequence is pruned.

    Returns:
        The record.
    """
    mean, std = np.mean(errors), np.std(errors)
    mirrored = mean + (mean - errors)
    found, kept, chosen = [], [], []
    for side in (errors, mirrored):
        # Epsilon is chosen with one step of buffer less than it is applied with.
        z = choose_z(side, mean, std, buffer - 1)
        steps = np.empty(0, np.int64)
        if floor is not None and std > 0:
            anomalous = np.flatnonzero((side >= mean + z * std) & (side > floor))
            steps = widen(anomalous, buffer, len(side))
            steps = steps[steps >= first]
        found.append(steps)
        kept.append(pruning.prune(side, steps, before, separation))
        chosen.append(z)

    thresholds = [mean + z * std for z in chosen]
    far = [np.abs(s - t) for s, t in zip((errors, mirrored), thresholds, strict=True)]
    flags = np.zeros(len(errors), np.bool_)
    flags[kept[0]] = True
    flags[kept[1]] = True
    parts = tuple(
        (start + int(a), start + int(b), max(f[a:b].max() for f in far) / (mean + std))
        for a, b in segments(flags)
    )
    return Judged(
        start,
        start + len(errors),
        float(mean),
        float(std),
        chosen[0],
        float(thresholds[0]),
        chosen[1],
        float(thresholds[1]),
        start + found[0],
        start + found[1],
        start + kept[0],
        start + kept[1],
        parts,
    )


def choose_z(errors: np.ndarray, mean: float, std: float, buffer: int) -> float:
    """The candidate that lowers mean and deviation most for the fewest anomalies.

    Maximises (relative drop of the mean + relative drop of the deviation)
    / (sequences^2 + flagged steps) over the candidates with at most 5 sequences and
    less than half of the window flagged; the last one among equals.

    Args:
        errors: `[n]` errors of the window, mirrored or not.
        mean: Mean of the errors.
        std: Their standard deviation.
        buffer: Steps flagged on each side of an anomalous error, at least 1.

    Returns:
        z, or 12 if no candidate qualifies.
    """
    size = len(errors)
    order = np.argsort(errors)
    rising = errors[order]
    below = np.searchsorted(rising, mean + std * CANDIDATES, side="left")
    # Candidates with the same anomalous steps score the same: try the last of each.
    last = np.append(below[1:] != below[:-1], True) & (below < size)
    # Sums of everything below a step, about the median so that they cancel little.
    middle = rising[size // 2]
    sums = np.cumsum(rising - middle)
    squares = np.cumsum(np.square(rising - middle))
    best, chosen = -np.inf, NONE_QUALIFIED
    for i in np.flatnonzero(last):
        count = below[i]
        sequences, flagged = _extent(np.sort(order[count:]), buffer, size)
        if sequences > MOST_SEQUENCES or not flagged < 0.5 * size:
            continue
        off = sums[count - 1] / count
        spread = np.sqrt(max(0.0, squares[count - 1] / count - off * off))
        drop = (mean - middle - off) / mean + (std - spread) / std
        score = drop / (sequences**2 + flagged)
        if score >= best:
            best, chosen = score, float(CANDIDATES[i])
    return chosen


def widen(steps: np.ndarray, buffer: int, length: int) -> np.ndarray:
    """Sorted steps of `[0, length)` that are at most `buffer` from one of `steps`."""
    change = np.zeros(length + 1, np.int64)
    np.add.at(change, np.maximum(steps - buffer, 0), 1)
    np.add.at(change, np.minimum(steps + buffer + 1, length), -1)
    return np.flatnonzero(np.cumsum(change[:-1]))


def _extent(steps: np.ndarray, buffer: int, length: int) -> tuple[int, int]:
    """Number of sequences and of steps after widening, without building them."""
    gaps = np.diff(steps)
    width = 2 * buffer + 1
    flagged = int(np.minimum(gaps, width).sum()) + width
    flagged -= max(0, buffer - int(steps[0]))
    flagged -= max(0, int(steps[-1]) + buffer - (length - 1))
    return 1 + int((gaps > width).sum()), flagged
