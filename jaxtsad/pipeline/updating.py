"""Goes on with members on new normal data, without forgetting the data before.

A member keeps steps that it was fitted on (its memory) and steps that its threshold was
set on (its calibration steps). An update fits on the memory and the new data together,
and sets head and threshold on calibration steps of both. A network goes on from its
parameters with its scaler; what does not `continue` is fitted anew, with a scaler of
both.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxtsad import types
from jaxtsad.pipeline import alarms, calibration, comparing, fitting, members, parts
from jaxtsad.pipeline.calibration import CalibrationSteps
from jaxtsad.pipeline.comparing import Comparison
from jaxtsad.pipeline.grouping import Group
from jaxtsad.pipeline.members import Fitted
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training import fit as training

BLOCK = 4
"""What is remembered is made of blocks of so many windows."""
REPEATS = 8
"""A network sees its memory at most so many times an epoch beside the new data."""


def guarded(
    fitted: Fitted,
    index: Sequence[int],
    data: fitting.Data,
    *,
    tolerance: float | None = 0.1,
    **how: Any,
) -> tuple[Fitted, tuple[Comparison, ...]]:
    """Updates members, those alone that it does not make worse (see `update`).

    Args:
        fitted: The members.
        index: The member that each series belongs to.
        data: Name and values `[T, C]` of each new series.
        tolerance: See `Comparison.worse`; None updates all members.
        how: As for `update`.

    Returns:
        The members, and each updated one before and after; none without a tolerance.

    Raises:
        ValueError: As `update`, or if all members would become worse.
        DataWarning: A warning, where some would.
    """
    updated = update(fitted, index, data, **how)
    if tolerance is None:
        return updated, ()
    compared = tuple(comparing.compare(fitted, updated, index))
    refused = [each for each in compared if each.worse(tolerance)]
    if not refused:
        return updated, compared
    line = (
        f"worse on earlier data of {refused[0].entity!r}: {refused[0].words}; "
        "tolerance=None updates all the same"
    )
    if len(refused) == len(compared):
        raise ValueError(f"the update is refused, it is {line}")
    warnings.warn(
        f"{len(refused)} of {len(compared)} updates are refused, the first is {line}",
        types.DataWarning,
        stacklevel=3,
    )
    each = zip(sorted(set(index)), compared, strict=True)
    back = [member for member, comparison in each if comparison.worse(tolerance)]
    kept = members.with_members(updated, back, members.subset(fitted, back))
    return kept, compared


def update(
    fitted: Fitted,
    index: Sequence[int],
    data: fitting.Data,
    *,
    known: fitting.Known = None,
    breaks: fitting.Breaks = None,
    days: alarms.Days = None,
    epochs: int | None = None,
    callbacks: training.Callbacks | None = None,
) -> Fitted:
    """Members of series, some of them updated.

    Args:
        fitted: The members.
        index: The member that each series belongs to.
        data: Name and values `[T, C]` of each new series.
        known: Known anomalies of each.
        breaks: By name the steps before which time jumps.
        days: By name the steps of a day.
        epochs: Of networks; None for as many as at first.
        callbacks: Whom training reports to.

    Raises:
        ValueError: If the detector is an ensemble, was saved without the steps to
            remember, or the data are bad.
    """
    setup = fitted.setup
    if fitted.components:
        raise ValueError("an ensemble cannot be updated; fit it again on all data")
    if setup.pooling == "federated":
        raise ValueError("a federated model is one of all entities; fit it again")
    stale = fitted.calibration_model is not None and not fitted.calibration_scalers
    if not fitted.history or not fitted.calibration_steps or stale:
        raise ValueError(
            "this detector was saved by a version that did not keep what an update "
            "needs; fit it again"
        )
    some = members.subset(fitted, sorted(set(index)))
    names = sorted(set(index))
    marks = known or [None] * len(data)
    series: list[list[tuple[str, np.ndarray, np.ndarray]]] = [[] for _ in names]
    for member, (name, values), mark in zip(index, data, marks, strict=True):
        given = np.zeros(len(values), bool) if mark is None else np.asarray(mark, bool)
        series[names.index(member)].append((name, values, given))

    def groups_of(setup: Setup) -> list[Group]:
        return [
            (member, _parts(setup, some, place, series[place], breaks or {}))
            for place, member in enumerate(some.members)
        ]

    plan = setup.plan
    if epochs is not None:
        plan = dataclasses.replace(plan, epochs=epochs)
    longest = max(
        sum(len(part.fit) + len(part.validation or ()) for part in group)
        for _, group in groups_of(setup)
    )
    before = zip(some.members, some.steps_per_day, strict=False)
    made = fitting.of_groups(
        dataclasses.replace(setup, plan=plan),
        fitted.layout,
        groups_of,
        longest=longest,
        days={m.entity or "": d for m, d in before if d} | dict(days or {}),
        callbacks=callbacks,
        models=some.model,
    )
    memory = [
        _remembered(setup, made, place, group)
        for place, (_, group) in enumerate(groups_of(setup))
    ]
    made = dataclasses.replace(made, memory=tuple(memory))
    whole = members.with_members(fitted, names, made)
    previous = dataclasses.replace(fitted, previous=None, result=None)
    return dataclasses.replace(whole, previous=previous, result=made.result)


def _parts(
    setup: Setup,
    fitted: Fitted,
    place: int,
    series: Sequence[tuple[str, np.ndarray, np.ndarray]],
    breaks: Mapping[str, Sequence[int]],
) -> tuple[parts.Part, ...]:
    """What a member is updated on: what it remembers, and the new series."""
    new = [parts.cut(setup, *each, breaks.get(each[0], ())) for each in series]
    old, counted = _old(setup, fitted, place)
    for cut in new:
        if old.validation is not None and cut.validation is None:
            least = math.ceil((2 * setup.window - 1) / setup.validation) + 1
            raise ValueError(
                f"{cut.fit.entity!r} has {len(cut.fit)} steps; an update needs about "
                f"{least} without a gap, so that a part is held out for the threshold"
            )
    continues = fitted.detector.continues
    scaler = fitted.scalers[place]
    if not continues:
        scaler = parts.scaler_of(setup, [old, *new])
    part = parts.scaled(setup, scaler, old)
    if part.calibration is part.validation:
        part = part._replace(counted=counted)
    if continues:
        part = _repeated(part, sum(len(each.fit) for each in new))
    return part, *(parts.scaled(setup, scaler, each) for each in new)


def _old(setup: Setup, fitted: Fitted, place: int) -> tuple[parts.Cut, np.ndarray]:
    """What a member remembers, in units of the data, and which steps count."""
    scaler = fitted.scalers[place]
    scalers = fitted.calibration_scalers or fitted.scalers
    memory = fitted.memory_or_history[place]
    most = max(calibration.STEPS // 2, BLOCK * setup.window)
    held = thinned(fitted.calibration_steps[place], most, BLOCK * setup.window)
    values = scalers[place].inverse(held.values)
    name, role = "earlier data", types.Role(fitted.thresholds[place].fitted_on)
    if role is types.Role.FIT:
        # The steps of the fit part that the threshold was set on hold the others.
        fit = types.remembered(values, types.Role.FIT, name, held.breaks.tolist())
        return parts.Cut(fit, None, ~held.counted), held.counted
    known = np.concatenate([~memory.counted, ~held.counted])
    earlier = scaler.inverse(memory.values)
    if setup.validation:
        fit = types.remembered(earlier, types.Role.FIT, name, memory.breaks.tolist())
        check = types.remembered(values, role, name, held.breaks.tolist())
        return parts.Cut(fit, check, known), held.counted
    jumps = [*memory.breaks, len(earlier), *(len(earlier) + held.breaks)]
    whole = np.concatenate([earlier, values])
    fit = types.remembered(whole, types.Role.FIT, name, [int(jump) for jump in jumps])
    return parts.Cut(fit, None, known), held.counted


def _repeated(part: parts.Part, steps: int) -> parts.Part:
    """A part of which there are about as many steps to fit on as new ones."""
    times = int(np.clip(round(steps / len(part.fit)), 1, REPEATS))
    length = len(part.fit)
    jumps = itertools.chain.from_iterable(
        [turn * length, *(turn * length + jump for jump in part.fit.breaks)]
        for turn in range(times)
    )
    fit = part.fit.map(lambda v: np.tile(v, (times, 1)), list(jumps)[1:])
    return part._replace(fit=fit, known=np.tile(part.known, times))


def _remembered(
    setup: Setup, fitted: Fitted, place: int, group: Sequence[parts.Part]
) -> CalibrationSteps:
    """What the next update remembers: one half what this one did, one half new."""
    old, *new = group
    block = BLOCK * setup.window
    most = max(calibration.STEPS // 2 // len(new), block)
    values, counted, jumps, length = [], [], list[int](), 0
    for part, own in [(old, max(calibration.STEPS // 2, block))] + [
        (part, most) for part in new
    ]:
        steps = CalibrationSteps(
            part.scaler.inverse(part.fit.values),
            ~part.known,
            np.array(part.fit.breaks, np.int32),
        )
        chosen = thinned(steps, own, block)
        values.append(fitted.scalers[place].transform(chosen.values))
        counted.append(chosen.counted)
        jumps += [length, *(length + chosen.breaks).tolist()]
        length += len(chosen.values)
    return CalibrationSteps(
        np.concatenate(values), np.concatenate(counted), np.array(jumps[1:], np.int32)
    )


def thinned(steps: CalibrationSteps, most: int, block: int) -> CalibrationSteps:
    """At most so many of some steps, in blocks that are evenly spread.

    Args:
        steps: The steps.
        most: How many are kept.
        block: Steps of a block.

    Example:
        >>> all_ = CalibrationSteps(np.arange(8.0)[:, None], np.ones(8, bool),
        ...                         np.zeros(0, np.int32))
        >>> some = thinned(all_, 4, 2)
        >>> some.values.ravel(), some.breaks
        (array([0., 1., 6., 7.]), array([2], dtype=int32))
    """
    length = len(steps.values)
    if length <= most:
        return steps
    pieces = itertools.pairwise((0, *steps.breaks.tolist(), length))
    blocks = [
        (at, min(at + block, stop))
        for start, stop in pieces
        for at in range(start, stop, block)
    ]
    number = max(1, most // block)
    places = np.unique(np.linspace(0, len(blocks) - 1, number).round().astype(int))
    chosen = [blocks[place] for place in places]
    where = np.concatenate([np.arange(*each) for each in chosen])
    inner = set(steps.breaks.tolist())
    jumps, count = [], 0
    for (start, stop), (_, before) in zip(chosen, [(0, -1), *chosen], strict=False):
        if count and (start != before or start in inner):
            jumps.append(count)
        count += stop - start
    return CalibrationSteps(
        steps.values[where], steps.counted[where], np.array(jumps, np.int32)
    )
