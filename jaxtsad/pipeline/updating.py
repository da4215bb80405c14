"""Goes on with members on new normal data, without forgetting the data before.

A member remembers steps that it was fitted on and steps that its threshold was set on
(`pipeline.memory`). An update fits on the former and the new data together, and sets
head and threshold on the latter and held-out new data. A network goes on from its
parameters with its scaler; what does not `continue` is fitted anew, with a scaler of
both. Every member of an ensemble is updated, on the same held-out steps, and their
scores are joined anew.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxtsad import types
from jaxtsad.pipeline import alarms, ensembles, fitting, members, parts
from jaxtsad.pipeline.grouping import Group
from jaxtsad.pipeline.members import Fitted
from jaxtsad.pipeline.memory import Memory, Steps, joined
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training import fit as training

if TYPE_CHECKING:
    from jaxtsad.pipeline.comparing import Comparison

Given = tuple[str, np.ndarray, np.ndarray]
"""Name and values `[T, C]` of a new series, and which of its steps are anomalies."""
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
    # What makes faults takes long to import.
    from jaxtsad.pipeline import comparing

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
        ValueError: If the model is federated, was saved without the steps to remember,
            or the data are bad.
    """
    setup = fitted.setup
    if setup.pooling == "federated":
        raise ValueError("a federated model is one of all entities; fit it again")
    if not fitted.remembered:
        raise ValueError(
            "this detector was saved by a version that did not keep what an update "
            "needs; fit it again"
        )
    names = sorted(set(index))
    some = members.subset(fitted, names)
    marks = known or [None] * len(data)
    series: list[list[Given]] = [[] for _ in names]
    for member, (name, values), mark in zip(index, data, marks, strict=True):
        given = np.zeros(len(values), bool) if mark is None else np.asarray(mark, bool)
        series[names.index(member)].append((name, values, given))
    each = [
        functools.partial(_groups, one, series, breaks or {}) for one in _sharing(some)
    ]
    if fitted.components:
        for one, groups_of in zip(some.single, each, strict=True):
            groups_of(one.setup)  # Bad data are refused before any is trained.
        if callbacks is not None:
            callbacks = training.Callbacks(callbacks.status, stop=callbacks.stop)
    remembered = [sum(len(part.values) for part in one) for one in some.remembered]
    new = [sum(len(values) for _, values, _ in own) for own in series]
    before = zip(some.members, some.steps_per_day, strict=False)
    days = {m.entity or "": d for m, d in before if d} | dict(days or {})
    made = []
    for one, groups_of in zip(some.single, each, strict=True):
        plan = one.setup.plan
        if epochs is not None:
            plan = dataclasses.replace(plan, epochs=epochs)
        made.append(
            fitting.of_groups(
                dataclasses.replace(one.setup, plan=plan),
                one.layout,
                groups_of,
                longest=max(map(sum, zip(remembered, new, strict=True))),
                days=days,
                callbacks=callbacks,
                models=one.model,
            )
        )
    after = made[0]
    if fitted.components:
        groups = [own(one.setup) for one, own in zip(some.single, each, strict=True)]
        after = ensembles.of_components(setup, made, groups, days)
    whole = members.with_members(fitted, names, after)
    previous = dataclasses.replace(fitted, previous=None, result=None)
    return dataclasses.replace(whole, previous=previous, result=after.result)


def _sharing(fitted: Fitted) -> list[Fitted]:
    """Itself, or an ensemble's members, whose held-out steps are the same ones."""
    if not fitted.components:
        return [fitted]

    def memory(own: Memory, widest: Memory) -> Memory:
        shared = widest.held_out
        return own._replace(held_out=shared) if len(shared.values) else widest

    return [
        dataclasses.replace(
            one, memory=tuple(map(memory, one.memory, fitted.remembered))
        )
        for one in fitted.components
    ]


def _groups(
    fitted: Fitted,
    series: Sequence[Sequence[Given]],
    breaks: Mapping[str, Sequence[int]],
    setup: Setup,
) -> list[Group]:
    """Members, by a setup's share for validation, with the parts to update them on."""
    return [
        (member, _parts(setup, fitted, place, series[place], breaks))
        for place, member in enumerate(fitted.members)
    ]


def _parts(
    setup: Setup,
    fitted: Fitted,
    place: int,
    series: Sequence[Given],
    breaks: Mapping[str, Sequence[int]],
) -> tuple[parts.Part, ...]:
    """What a member is updated on: what it remembers, and the new series."""
    new = [parts.cut(setup, *each, breaks.get(each[0], ())) for each in series]
    old = _old(setup, fitted.memory[place])
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
    if continues:
        part = _repeated(part, sum(len(each.fit) for each in new))
    return part, *(parts.scaled(setup, scaler, each) for each in new)


def _old(setup: Setup, memory: Memory) -> parts.Cut:
    """What a member remembers as a series, cut as it was, or whole."""

    def part(steps: Steps, role: types.Role) -> types.Split:
        values = np.asarray(steps.values, np.float64)
        return types.remembered(values, role, "earlier data", steps.breaks.tolist())

    fit, held_out = memory
    known = ~np.concatenate([fit.normal, held_out.normal])
    if setup.validation and len(held_out.values):
        check = part(held_out, types.Role.VALIDATION)
        return parts.Cut(part(fit, types.Role.FIT), check, known)
    return parts.Cut(part(joined([fit, held_out]), types.Role.FIT), None, known)


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
