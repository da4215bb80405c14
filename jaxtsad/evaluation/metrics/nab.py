"""The score of the Numenta Anomaly Benchmark: early detections count more.

Lavin, Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms: the Numenta Anomaly
Benchmark", ICMLA 2015, section II; where the paper leaves a choice, as its published
scorer.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import inputs

Profile: TypeAlias = Literal["standard", "low_false_positives", "low_false_negatives"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
_COSTS: dict[Profile, tuple[float, float]] = {
    "standard": (0.11, 1.0),
    "low_false_positives": (0.22, 1.0),
    "low_false_negatives": (0.11, 2.0),
}
"""What a false positive and a missed window cost; a detection at once gives 1."""
FARTHEST = 3.0
"""Widths behind a window beyond which a false positive costs all it can."""


class NabScore(NamedTuple):
    """A score and what it was made of.

    Attributes:
        score: 100 for every window detected at its first step and nothing else, 0 for
            no detection at all; below 0 where false positives weigh more.
        raw: Sum of rewards and costs, before it is brought to that scale.
        windows: Number of labeled windows.
        detected: How many of them were.
        false_positives: Detections outside of all windows.
    """

    score: float
    raw: float
    windows: int
    detected: int
    false_positives: int


def position_value(position: float) -> float:
    """The scaled sigmoid: nearly 1 at -1, the start of a window, 0 at its end.

    Args:
        position: In widths of the window, 0 at its end and positive behind it.

    Example:
        >>> [round(position_value(x), 4) for x in (-1.0, 0.0, 0.5, 4.0)]
        [0.9866, 0.0, -0.8483, -1.0]
    """
    if position > FARTHEST:
        return -1.0
    return 2 / (1 + math.exp(5 * position)) - 1


def nab_score(
    labels: np.ndarray, detections: np.ndarray, profile: Profile = "standard"
) -> NabScore:
    """Scores detections by how early they come within labeled windows.

    A window counts by its first detection. A detection outside costs little just
    behind a window, all that it can far behind or before the first one.

    Args:
        labels: `[T]` 0/1; each run of ones is a window.
        detections: `[T]` 0/1, the steps at which an anomaly is told.
        profile: What false positives and missed windows cost.

    Returns:
        The score and its parts; the score is nan where nothing is labeled.

    Raises:
        ValueError: If the two are not 0/1 arrays of one length, or the profile is
            unknown.

    Example:
        >>> labels = np.array([0, 0, 1, 1, 1, 1, 0, 0, 0, 0])
        >>> nab_score(labels, np.eye(10, dtype=int)[2]).score
        100.0
        >>> nab_score(labels, np.zeros(10, int)).score
        0.0
    """
    if profile not in PROFILES:
        raise ValueError(
            f"profile={profile!r} is unknown; the choices are {', '.join(PROFILES)}"
        )
    known, flagged = inputs.with_flags(labels, detections)
    windows = segments.segments(known)
    false_cost, missed_cost = _COSTS[profile]
    raw, detected, false = 0.0, 0, 0
    for start, stop in windows.tolist():
        within = np.flatnonzero(flagged[start:stop])
        if len(within):
            detected += 1
            raw += position_value(within[0] / (stop - start) - 1) / position_value(-1.0)
        else:
            raw -= missed_cost
    for step in np.flatnonzero(np.asarray(flagged, bool) & ~np.asarray(known, bool)):
        false += 1
        before = windows[windows[:, 1] <= step]
        value = -1.0
        if len(before):
            start, stop = before[-1].tolist()
            # One step wide windows have no width to measure by.
            value = position_value((step - stop + 1) / max(stop - start - 1, 1))
        raw += false_cost * value
    number = len(windows)
    null = -missed_cost * number
    score = 100 * (raw - null) / (number - null) if number else math.nan
    return NabScore(score, raw, number, detected, false)
