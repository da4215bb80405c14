"""Events of a series, rated and with their main channels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad import types
from jaxtsad.evaluation.alarms.rules import Alarm
from jaxtsad.evaluation.alarms.tail import Tail
from jaxtsad.evaluation.thresholds.threshold import calibration_values, stream


@dataclasses.dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        start: First step.
        stop: First step after it.
        severity: (largest score - threshold) / spread of the calibration scores.
        peak: Step of the largest score, the first of equals.
        score: The largest score.
        channels: Channels that contribute most over the run, largest first.
        contributions: Their mean contributions over the run, in units of the score.
        shares: These as parts of what all channels together contribute, where that is
            positive.
        probability: Probability that 1000 steps of normal data hold an event with so
            large a score; None where no calibration scores are known.
    """

    start: int
    stop: int
    severity: float
    peak: int
    score: float
    channels: tuple[str, ...] = ()
    contributions: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    probability: float | None = None


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
    alarms: Sequence[Alarm],
    scores: types.Scores | np.ndarray,
    *,
    threshold: float,
    spread: float,
    tail: Tail | None = None,
    contributions: np.ndarray | None = None,
    channels: Sequence[str] = (),
    top: int = 3,
) -> list[Event]:
    """Rates the events of one series.

    Args:
        alarms: From `alarms.rules.find`.
        scores: `[T]`, higher is more anomalous.
        threshold: Severity 0; events of another rule may lie below it.
        spread: Unit of severity, from `spread`, positive.
        tail: Of the calibration scores, from `alarms.tail.fit`; None: events have no
            probability.
        contributions: `[T, C]`, how much each channel adds to the score, or None.
        channels: C names; "0", "1", ... if empty.
        top: Number of channels to name per event.

    Returns:
        Events in order of time.

    Raises:
        ValueError: If shapes do not fit or `spread` is not positive.

    Example:
        >>> scores = np.array([0.0, 3.0, 5.0])
        >>> from jaxtsad.evaluation.alarms import rules
        >>> alarms = rules.find(rules.plain(1), scores)
        >>> rated = events(alarms, scores, threshold=1, spread=2)
        >>> rated[0].start, rated[0].stop, rated[0].severity, rated[0].peak
        (1, 3, 2.0, 2)
    """
    values = stream(scores)
    if not spread > 0:
        raise ValueError(f"{spread=} must be positive")
    if alarms and alarms[-1].stop > len(values):
        raise ValueError(f"an event ends at step {alarms[-1].stop} of {len(values)}")
    if contributions is not None:
        names = _names(contributions, channels, len(values))
    peaks = np.array([alarm.score for alarm in alarms])
    chances = [None] * len(peaks) if tail is None else tail.event_probability(peaks)
    rated = []
    for alarm, chance in zip(alarms, chances, strict=True):
        main: dict[str, Any] = {}
        if contributions is not None:
            part = contributions[alarm.start : alarm.stop]
            mean = np.asarray(part, np.float64).mean(axis=0)
            order = np.argsort(-mean, kind="stable")[:top]
            main["channels"] = tuple(names[c] for c in order)
            main["contributions"] = tuple(float(mean[c]) for c in order)
            total = float(mean.sum())
            if total > 0:
                main["shares"] = tuple(float(mean[c] / total) for c in order)
        if chance is not None:
            main["probability"] = float(chance)
        severity = (alarm.score - threshold) / spread
        start, stop, peak, score, _ = alarm
        rated.append(Event(start, stop, severity, peak, score, **main))
    return rated


def to_rows(rated: Sequence[Event]) -> list[dict[str, Any]]:
    """Events as rows for a data frame or a CSV file.

    Args:
        rated: From `events`.

    Returns:
        One dict per event with the columns `start stop severity peak score channels
        contributions shares probability`; of several channels joined by ";" (see
        `split_names`).

    Example:
        >>> to_rows([Event(1, 3, 2.0, 2, 5.0, ("a", "b"), (3.0, 0.5))])[0]["channels"]
        'a;b'
    """
    rows = []
    for event in rated:
        row = dataclasses.asdict(event)
        row["channels"] = ";".join(map(_escaped, event.channels))
        for name in ("contributions", "shares"):
            row[name] = ";".join(f"{number:.6g}" for number in row[name])
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
