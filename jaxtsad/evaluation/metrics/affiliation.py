"""Affiliation: how near predictions are to events, against a point drawn at random.

The series is split into one zone per true event, at the midpoints between events. In
each zone the distance from a prediction to the event (precision), or from the event to
the nearest prediction (recall), is turned into the probability that a random point of
the zone would be further away; 1/2 is what such a point gets. Integrals are exact.

Sparse random flags have a precision near one half but a recall near one, so the F1
flatters noise: read it beside the random row.

Reference:
    Huet et al., "Local Evaluation of Time Series Anomaly Detection Algorithms",
    KDD 2022. E, J and I below are their zone, true event and predictions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.evaluation.metrics import inputs


class Affiliation(NamedTuple):
    """Means over zones, and their parts.

    Attributes:
        precision: Mean over zones with a prediction; 0 where no zone has one.
        recall: Mean over all zones, 0 in a zone without a prediction.
        f1: Harmonic mean of the two.
        predicted: Whether anything was flagged at all.
        precision_per_event: `[E]`, nan in zones without a prediction.
        recall_per_event: `[E]`.
    """

    precision: float
    recall: float
    f1: float
    predicted: bool
    precision_per_event: np.ndarray
    recall_per_event: np.ndarray


class _Zones(NamedTuple):
    lower: np.ndarray
    upper: np.ndarray
    start: np.ndarray
    stop: np.ndarray


class _Pieces(NamedTuple):
    """Predictions cut at the borders of zones, ordered in time."""

    zone: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def affiliation(labels: np.ndarray, flags: np.ndarray) -> Affiliation:
    """Affiliation precision, recall and F1.

    Args:
        labels: `[T]` 0/1.
        flags: `[T]` 0/1; step t covers the interval [t, t + 1).

    Returns:
        The means and their parts; all nan where nothing is labeled.

    Raises:
        ValueError: If the two are not 0/1 arrays of one length.

    Example:
        >>> labels = np.array([0, 0, 0, 1, 0, 0, 0, 1, 1, 1])
        >>> flags = np.array([0, 0, 0, 0, 1, 0, 0, 0, 1, 0])
        >>> result = affiliation(labels, flags)
        >>> round(result.precision, 6), round(result.recall, 6)
        (0.818182, 0.844276)
    """
    known, predicted = inputs.with_flags(labels, flags)
    events, alarms = segments.segments(known), segments.segments(predicted)
    if len(events) == 0:
        nan, none = float("nan"), np.zeros(0)
        return Affiliation(nan, nan, nan, len(alarms) > 0, none, none)
    zones = _zones(events, len(known))
    pieces = _cut(alarms, zones)
    precisions, recalls = _precisions(zones, pieces), _recalls(zones, pieces)
    defined = precisions[~np.isnan(precisions)]
    precision = float(np.mean(defined)) if len(defined) else 0.0
    recall = float(np.mean(recalls))
    total = precision + recall
    f1 = 2 * precision * recall / total if total else 0.0
    return Affiliation(precision, recall, f1, len(alarms) > 0, precisions, recalls)


def _zones(events: np.ndarray, steps: int) -> _Zones:
    start, stop = events[:, 0].astype(np.float64), events[:, 1].astype(np.float64)
    middles = (stop[:-1] + start[1:]) / 2
    lower, upper = np.append(0.0, middles), np.append(middles, float(steps))
    return _Zones(lower, upper, start, stop)


def _cut(alarms: np.ndarray, zones: _Zones) -> _Pieces:
    borders = zones.lower[1:]
    # A border is inside a prediction if that one starts before and stops after it.
    begun = np.searchsorted(alarms[:, 0], borders, side="left")
    ended = np.searchsorted(alarms[:, 1], borders, side="right")
    inside = borders[begun > ended]
    start = np.sort(np.concatenate([alarms[:, 0], inside]))
    stop = np.sort(np.concatenate([alarms[:, 1], inside]))
    zone = np.searchsorted(zones.lower, start, side="right") - 1
    return _Pieces(zone, start, stop)


def _precisions(zones: _Zones, pieces: _Pieces) -> np.ndarray:
    """Mean over predicted points of the chance to be further from the event."""
    lower, upper, first, last = (column[pieces.zone] for column in zones)
    size, event = upper - lower, last - first
    left, right = first - lower, upper - last

    def survival(distance: np.ndarray) -> np.ndarray:
        """Integral of the probability from distance 0 to `distance`."""
        nearer = event * distance + _capped(distance, left) + _capped(distance, right)
        return distance - nearer / size

    before = survival(first - np.minimum(pieces.start, first))
    before -= survival(first - np.minimum(pieces.stop, first))
    after = survival(np.maximum(pieces.stop, last) - last)
    after -= survival(np.maximum(pieces.start, last) - last)
    within = np.minimum(pieces.stop, last) - np.maximum(pieces.start, first)
    value = before + after + np.maximum(within, 0)
    count = len(zones.lower)
    total = np.bincount(pieces.zone, weights=value, minlength=count)
    length = np.bincount(
        pieces.zone, weights=pieces.stop - pieces.start, minlength=count
    )
    return np.divide(total, length, out=np.full(count, np.nan), where=length > 0)


def _recalls(zones: _Zones, pieces: _Pieces) -> np.ndarray:
    """Mean over the event of the chance to be further from its nearest prediction."""
    lower, upper, first, last = (column[pieces.zone] for column in zones)
    # Each prediction answers for the part of the event that is nearest to it.
    same = pieces.zone[1:] == pieces.zone[:-1]
    middles = (pieces.stop[:-1] + pieces.start[1:]) / 2
    begin, end = first.copy(), last.copy()
    begin[1:][same] = np.maximum(first[1:], middles)[same]
    end[:-1][same] = np.minimum(last[:-1], middles)[same]
    end = np.maximum(begin, end)

    def clip(value: np.ndarray) -> np.ndarray:
        return np.clip(value, begin, end)

    within = clip(pieces.stop) - clip(pieces.start)
    # Left of the prediction, in coordinates from the zone's lower end; right of it,
    # mirrored, from the upper end.
    left = _toward(pieces.start - lower, begin - lower, clip(pieces.start) - lower)
    right = _toward(upper - pieces.stop, upper - end, upper - clip(pieces.stop))
    outside = (end - begin) - within
    value = within + outside - (left + right) / (upper - lower)
    total = np.bincount(pieces.zone, weights=value, minlength=len(zones.lower))
    return total / (zones.stop - zones.start)


def _capped(distance: np.ndarray, cap: np.ndarray) -> np.ndarray:
    """Integral of min(u, cap) for u from 0 to `distance`."""
    near = np.minimum(distance, cap)
    return near * near / 2 + cap * (distance - near)


def _toward(pivot: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Integral over y in [begin, end] <= pivot of (pivot - y) + min(pivot - y, y)."""

    def integral(y: np.ndarray) -> np.ndarray:
        rest = pivot - y
        mounting = y * y / 2
        falling = pivot * pivot / 4 - rest * rest / 2
        return np.where(2 * y <= pivot, mounting, falling) - rest * rest / 2

    return np.where(end > begin, integral(end) - integral(begin), 0.0)
