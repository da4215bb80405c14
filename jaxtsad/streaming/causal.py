"""Causal scores of whole series, and what they are judged by.

Scores that look ahead, or are means over windows, are distributed otherwise than causal
ones. So heads are calibrated and thresholds are set on causal scores of the same
calibration steps, when they are first asked for: who never scores live pays nothing.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtsad import types
from jaxtsad.evaluation.scoring import head as evidence
from jaxtsad.evaluation.scoring import options
from jaxtsad.pipeline import alarms, ensembles, tails
from jaxtsad.pipeline.calibration import CalibrationSteps
from jaxtsad.pipeline.heads import Head
from jaxtsad.pipeline.members import Fitted, subset
from jaxtsad.streaming.joint import JointScorer
from jaxtsad.streaming.scorer import Scorer
from jaxtsad.training import arrays


class Calibrated(NamedTuple):
    """What causal scores of calibration steps made of members.

    Attributes:
        head: Their score heads; None without.
        scores: Of each member, of the steps that count.
        steps: Which these are (`CalibrationSteps.places`).
    """

    head: Head | None
    scores: list[types.Scores]
    steps: list[np.ndarray]


@functools.lru_cache(maxsize=8)
def causal(fitted: Fitted) -> Fitted:
    """Members whose heads, thresholds and rules are set on causal scores, once.

    Raises:
        ValueError: If the members were saved without the steps to calibrate on, or the
            detector cannot score a stream.
    """
    each = [_calibrated(one) for one in fitted.single]
    if not fitted.components:
        fitted, scores = dataclasses.replace(fitted, head=each[0].head), each[0].scores
    else:
        joint, scores = ensembles.fit(
            fitted.setup, [one.scores for one in each], [one.steps for one in each]
        )
        pairs = zip(fitted.components, each, strict=True)
        components = (dataclasses.replace(one, head=own.head) for one, own in pairs)
        fitted = dataclasses.replace(fitted, components=tuple(components), joint=joint)
    per_day = zip(fitted.members, fitted.steps_per_day, strict=False)
    days = {member.entity or "pooled": day for member, day in per_day if day}
    known = alarms.calibrated(fitted.setup, fitted.members, scores, days)
    return dataclasses.replace(fitted, **known, calibration=tuple(scores))


def member_of(detector: Any, entity: str | None) -> int:
    """The member that watches an entity of a fitted `TimeSeriesDetector`.

    Raises:
        ValueError: If there are several, and the entity is none of them.
    """
    known = [str(name) for name in detector.entities_]
    if len(known) == 1:
        return 0
    if entity not in known:
        raise ValueError(f"{entity=} is none of the {len(known)} entities fitted on")
    return known.index(entity)


def of(fitted: Fitted, index: Sequence[int]) -> Fitted:
    """The members at `index`; one that all share stays one."""
    return fitted if len(fitted.members) == 1 else subset(fitted, index)


def scorer(fitted: Fitted, entities: int) -> Scorer | JointScorer:
    """A scorer of as many entities, at their beginning.

    Args:
        fitted: What `causal` gives: as many members, or one that all share.
        entities: Number of entities.
    """
    kind = JointScorer if fitted.components else Scorer
    return kind(fitted, entities)


def _calibrated(fitted: Fitted) -> Calibrated:
    if not fitted.calibration_steps:
        raise ValueError(
            "this detector was saved by an earlier version, without the steps that "
            "live thresholds are calibrated on; fit it again"
        )
    scored = fitted
    if fitted.calibration_model is not None:
        scored = dataclasses.replace(fitted, model=fitted.calibration_model)
    values, jumps, counted = _stacked(fitted.calibration_steps)
    number, head = len(fitted.members), fitted.head
    if head is None:
        scores = Scorer(scored, number).outputs("step", values, jumps=jumps)
        chosen = [scores[where, m] for m, where in enumerate(counted.T)]
        return _of_role(fitted, None, chosen)
    first = Scorer(scored, number)
    given = first.outputs("contributions", values, jumps=jumps)
    head = head._replace(channels=_channels(fitted, given, counted))
    again = dataclasses.replace(scored, head=head)
    raw = Scorer(again, number).outputs("combined", values, given, jumps)
    chosen = [raw[where, m] for m, where in enumerate(counted.T)]
    floor, members = getattr(fitted.setup.head_settings, "floor", 0.0), _members(fitted)
    head = head._replace(calibration=tails.fit(chosen, floor, members))
    return _of_role(fitted, head, tails.levels_of(head.calibration, chosen, members))


def _of_role(
    fitted: Fitted, head: Head | None, values: Sequence[np.ndarray]
) -> Calibrated:
    """Scores with the role that those of the members' thresholds have."""
    each = zip(fitted.members, fitted.thresholds, values, strict=True)
    scores = [
        types.restored(some, threshold.fitted_on, member.entity or "pooled")
        for member, threshold, some in each
    ]
    steps = [part.places[part.counted] for part in fitted.calibration_steps]
    return Calibrated(head, scores, steps)


def scores(
    fitted: Fitted,
    index: Sequence[int],
    series: Sequence[np.ndarray],
    breaks: Sequence[Sequence[int]],
) -> list[np.ndarray]:
    """Causal scores `[T]` of whole series, those that a stream of them gives.

    Args:
        fitted: What `causal` gives.
        index: Which of them each series belongs to.
        series: `[T, C]` each, in units of the data; missing values are not finite.
        breaks: Of each, the steps before which time jumps.

    Raises:
        ValueError: If channels are not those fitted on.
    """
    for values in series:
        if values.ndim != 2 or values.shape[1] != fitted.layout.channels:
            raise ValueError(
                f"a series has {values.shape=}, the model was trained on "
                f"{fitted.layout.channels} channels"
            )
    made_by = scorer(of(fitted, index), len(series))
    longest = max(len(values) for values in series)
    stacked = np.full((longest, len(series), fitted.layout.channels), np.nan)
    jumps = np.zeros((longest, len(series)), bool)
    for place, (values, steps) in enumerate(zip(series, breaks, strict=True)):
        stacked[: len(values), place] = values
        jumps[list(steps), place] = True
    made = made_by.scores(stacked, jumps)
    return [made[: len(values), place] for place, values in enumerate(series)]


def _stacked(
    parts: Sequence[CalibrationSteps],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps `[K, M, C]`, where time jumps, and which steps count `[K, M]`."""
    longest = max(len(part.values) for part in parts)
    shape = (longest, len(parts))
    values = np.zeros((*shape, parts[0].values.shape[1]), np.float32)
    jumps, counted = np.zeros(shape, bool), np.zeros(shape, bool)
    for place, part in enumerate(parts):
        values[: len(part.values), place] = part.values
        counted[: len(part.values), place] = part.counted
        jumps[part.breaks, place] = True
    return values, jumps, counted


def _channels(
    fitted: Fitted, given: np.ndarray, counted: np.ndarray
) -> evidence.Channels | None:
    """What is normal for each channel, in units of causal contributions `[K, M, D]`."""
    how = fitted.setup.head_settings
    if fitted.head is None or fitted.head.channels is None:
        return None
    assert isinstance(how, options.Evidence)
    items = [(given[where, m],) for m, where in enumerate(counted.T)]
    settings = (("floor", how.channel_floor),)
    known = (fitted.head.channels,)
    made: evidence.Channels = tails.stacked(
        arrays.run(evidence.rescaled, settings, items, known, _members(fitted))
    )
    return made


def _members(fitted: Fitted) -> str:
    """How members share a program."""
    members: str = fitted.setup.plan.members
    return members
