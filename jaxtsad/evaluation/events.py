"""Events: the maximal flagged runs of a series, rated and with their main channels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad import types
from jaxtsad.evaluation.segments import segments
from jaxtsad.evaluation.thresholds.threshold import calibration_values, stream


@dataclasses.dataclass(frozen=True)
class Event:
    """One flagged run.

    Attributes:
        start: First flagged step.
        stop: First step after the run.
        severity: (largest score - threshold) / spread of the calibration scores.
        peak: Step of the largest score, the first of equals.
        score: The largest score.
        channels: Channels that contribute most over the run, largest first.
        contributions: Their mean contributions over the run, in units of the score.
    """

    start: int
    stop: int
    severity: float
    peak: int
    score: float
    channels: tuple[str, ...] = ()
    contributions: tuple[float, ...] = ()


def spread(calibration: types.Scores) -> float:
    """Interquartile range of calibration scores, the unit of severity.

    Args:
        calibration: Scores `[n]` whose role is fit or validation.

    Returns:
        The interquartile range. Where it is 0 (half of the scores are one number) the
        standard deviation, and where that is 0 too, 1: severity is then in units of
        the score.

    Raises:
        TypeError: If `calibration` is not `types.Scores`.
        ValueError: If its role is test.

    Example:
        >>> part, _ = types.cut_train(np.zeros((5, 1)), window=1, validation=0)
        >>> spread(part.scored(np.arange(5.0)))
        2.0
    """
    values = calibration_values(calibration)
    if values.min() == values.max():
        return 1.0
    first, third = np.quantile(values, [0.25, 0.75])
    return float(third - first) or float(np.std(values)) or 1.0


def events(
    flags: np.ndarray,
    scores: types.Scores | np.ndarray,
    *,
    threshold: float,
    spread: float,
    contributions: np.ndarray | None = None,
    channels: Sequence[str] = (),
    top: int = 3,
) -> list[Event]:
    """Finds and rates the events of one series.

    Args:
        flags: `[T]` 0/1, from `Threshold.flags` or a dynamic threshold.
        scores: `[T]`, higher is more anomalous.
        threshold: Severity 0; steps flagged for another reason may lie below it.
        spread: Unit of severity, from `spread`, positive.
        contributions: `[T, C]`, how much each channel adds to the score, or None.
        channels: C names; "0", "1", ... if empty.
        top: Number of channels to name per event.

    Returns:
        Events in order of time.

    Raises:
        ValueError: If shapes do not fit or `spread` is not positive.

    Example:
        >>> rated = events(
        ...     np.array([0, 1, 1]), np.array([0.0, 3.0, 5.0]), threshold=1, spread=2
        ... )
        >>> rated[0].start, rated[0].stop, rated[0].severity, rated[0].peak
        (1, 3, 2.0, 2)
    """
    values = stream(scores)
    flags = np.asarray(flags)
    if flags.shape != values.shape:
        raise ValueError(f"{flags.shape=}, expected that of the scores {values.shape}")
    if not spread > 0:
        raise ValueError(f"{spread=} must be positive")
    if contributions is not None:
        names = _names(contributions, channels, len(values))
    rated = []
    for start, stop in segments(flags).tolist():
        peak = start + int(np.argmax(values[start:stop]))
        score = float(values[peak])
        main: dict[str, Any] = {}
        if contributions is not None:
            mean = np.asarray(contributions[start:stop], np.float64).mean(axis=0)
            order = np.argsort(-mean, kind="stable")[:top]
            main["channels"] = tuple(names[c] for c in order)
            main["contributions"] = tuple(float(mean[c]) for c in order)
        severity = (score - threshold) / spread
        rated.append(Event(start, stop, severity, peak, score, **main))
    return rated


def to_rows(rated: Sequence[Event]) -> list[dict[str, Any]]:
    """Events as rows for a data frame or a CSV file.

    Args:
        rated: From `events`.

    Returns:
        One dict per event with the columns `start stop severity peak score channels
        contributions`; the last two joined by ";" (see `split_names`).

    Example:
        >>> to_rows([Event(1, 3, 2.0, 2, 5.0, ("a", "b"), (3.0, 0.5))])[0]["channels"]
        'a;b'
    """
    rows = []
    for event in rated:
        row = dataclasses.asdict(event)
        row["channels"] = ";".join(map(_escaped, event.channels))
        row["contributions"] = ";".join(f"{c:.6g}" for c in event.contributions)
        rows.append(row)
    return rows


def split_names(text: str) -> list[str]:
    r"""The names that `to_rows` joined; a name's own `;` and `\` follow a `\`.

    Example:
        >>> row = to_rows([Event(1, 3, 2.0, 2, 5.0, ("a;b", "c"), (3.0, 0.5))])[0]
        >>> row["channels"], split_names(row["channels"])
        ('a\\;b;c', ['a;b', 'c'])
    """
    names = re.findall(r"((?:\\[\\;]|[^;])*)(?:;|\Z)", text)
    return [re.sub(r"\\([\\;])", r"\1", name) for name in names[:-1] if name]


def _escaped(name: str) -> str:
    return re.sub(r"([\\;])", r"\\\1", name)


def _names(
    contributions: np.ndarray, channels: Sequence[str], steps: int
) -> tuple[str, ...]:
    shape = np.shape(contributions)
    if len(shape) != 2 or shape[0] != steps:
        raise ValueError(f"{contributions.shape=}, expected ({steps}, channels)")
    if not len(channels):
        return tuple(str(c) for c in range(shape[1]))
    if len(channels) != shape[1]:
        raise ValueError(f"{len(channels)=}, expected a name for each of {shape[1]}")
    return tuple(channels)
