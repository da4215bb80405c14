"""Trains entities times seeds in one program and calibrates each member."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Sequence

import numpy as np

from jaxtsad import blocks, types
from jaxtsad.pipeline import (
    alarms,
    calibration,
    ensembles,
    federation,
    fleets,
    grouping,
    heads,
    memory,
    scoring,
)
from jaxtsad.pipeline.members import Fitted, seed_of
from jaxtsad.pipeline.parts import Part, history, shape_of
from jaxtsad.pipeline.setup import InputLayout, Setup, build, layout_of
from jaxtsad.training import fit as training
from jaxtsad.training.plan import Plan
from jaxtsad.training.shards import AnyCheckpoints
from jaxtsad.types import PyTree, Scores

Data = grouping.Data
Known = grouping.Known
Breaks = grouping.Breaks
Group = grouping.Group


def fit(
    setup: Setup,
    data: Data,
    *,
    seeds: Sequence[int] = (0,),
    known: Known = None,
    breaks: Breaks = None,
    days: alarms.Days = None,
    paired: bool = False,
    transductive_validation: Sequence[np.ndarray] | None = None,
    checkpoints: AnyCheckpoints | None = None,
    callbacks: training.Callbacks | None = None,
) -> Fitted:
    """Trains entities times seeds in one program and calibrates each member.

    A detector of whole series, which takes seconds, is fitted again on the fit and the
    validation part together: what it was not fitted on when its threshold was set is
    worth more as something to fit on. The threshold is set by the first fit, in the
    units of the second (`Detector.units`).

    Args:
        setup: What the data are, detector, plan and threshold.
        data: The training data of each entity.
        seeds: One model per entity and seed; a seed also cuts samples.
        known: Known anomalies. They (of series, the windows that meet one) are learnt
            from by a detector that learns from labels, and left out by any other. No
            scaler, early stopping or threshold sees them.
        breaks: Steps of series before which time jumps.
        days: Steps of a day, which a budget of alarms in a day needs.
        paired: One model per entity, with the seed at its place, instead of one per
            entity and seed.
        transductive_validation: Test series `[T, C]` per entity to validate on, as
            some papers do; only the paper protocol passes them.
        checkpoints: Where to save and resume.
        callbacks: Whom training reports to.

    Raises:
        ValueError: If an option or the data is bad (see `parts.prepare`).
    """
    seeds = [seed_of(seed) for seed in seeds]
    alone = ensembles.setups(setup)
    if alone:
        if transductive_validation is not None:
            raise ValueError("an ensemble does not validate on test series")
        return _fit_ensemble(
            setup,
            alone,
            data,
            seeds,
            known,
            breaks,
            days,
            paired,
            checkpoints,
            callbacks,
        )
    layout = layout_of(setup, shape_of(setup, data))
    _check_memory(setup, layout)
    longest = max(len(values) for _, values in data)
    if any(isinstance(values, blocks.DiskArray) for _, values in data):
        _check_on_disk(setup, data)
        longest = min(longest, grouping.latest_steps(setup, layout) or longest)

    def groups_of(setup: Setup) -> list[Group]:
        return grouping.groups_of(setup, data, seeds, known, breaks, paired)

    return of_groups(
        setup,
        layout,
        groups_of,
        longest=longest,
        days=days,
        transductive_validation=transductive_validation,
        checkpoints=checkpoints,
        callbacks=callbacks,
    )


def of_groups(
    setup: Setup,
    layout: InputLayout,
    groups_of: Callable[[Setup], list[Group]],
    *,
    longest: int,
    days: alarms.Days = None,
    transductive_validation: Sequence[np.ndarray] | None = None,
    checkpoints: AnyCheckpoints | None = None,
    callbacks: training.Callbacks | None = None,
    models: PyTree = None,
) -> Fitted:
    """Trains and calibrates members on parts (see `fit`), of a single detector.

    Args:
        setup: What the data are, detector, plan and threshold.
        layout: How the detector sees the data.
        groups_of: Members with their parts, by a setup's share for validation.
        longest: Steps of the longest recording.
        days: Steps of a day.
        transductive_validation: See `fit`.
        checkpoints: Where to save and resume.
        callbacks: Whom training reports to.
        models: Models that training goes on from, where the detector can.

    Raises:
        ValueError: As `fit`.
    """
    groups = groups_of(setup)
    parts = {part.entity: part for _, group in groups for part in group}
    detector = build(setup, layout)
    heads.check(setup, detector)
    members = tuple(member for member, _ in groups)
    fits, checks, validated = grouping.views(
        setup,
        layout,
        groups,
        grouping.tests(list(parts.values()), transductive_validation),
    )
    if detector.validate is None:
        checks = []
    plan = dataclasses.replace(setup.plan, epochs=0) if setup.untrained else setup.plan
    result = federation.trainer(setup, fleets.train)(
        members,
        detector,
        fits,
        checks,
        validated,
        plan,
        checkpoints,
        callbacks,
        longest,
        models,
    )
    scalers = tuple(group[0].scaler for _, group in groups)
    fitted = Fitted(setup, layout, members, result.model, scalers)
    if setup.series:
        kept = tuple(history(setup, group) for _, group in groups)
        last = [calibration.last_steps(setup.window, group) for _, group in groups]
        fitted = dataclasses.replace(
            fitted,
            history=kept,
            calibration_steps=tuple(last),
            memory=tuple(
                memory.of(setup.window, group, updated=models is not None)
                for _, group in groups
            ),
        )
    final = None
    # A head would need calibration data of its own again.
    if detector.series is not None and validated.any() and setup.head == "none":
        whole = dataclasses.replace(setup, validation=0.0)
        final = _fitted_on_all(whole, fitted, groups_of(whole), plan, longest)
        units = {name: final.model[name] for name in detector.units}
        fitted = dataclasses.replace(fitted, model={**fitted.model, **units})
        final = dataclasses.replace(
            final, calibration_model=fitted.model, calibration_scalers=scalers
        )
    fitted, scores = _calibration(fitted, [group for _, group in groups])
    fitted = final or fitted
    return dataclasses.replace(
        fitted,
        **alarms.calibrated(setup, members, scores, days),
        calibration=tuple(scores),
        validation=tuple(bool(v) for v in validated),
        screened={n: p.screened for n, p in parts.items() if p.screened is not None},
        result=result,
    )


def _fit_ensemble(
    setup: Setup,
    alone: Sequence[Setup],
    data: Data,
    seeds: Sequence[int],
    known: Known,
    breaks: Breaks,
    days: alarms.Days,
    paired: bool,
    checkpoints: AnyCheckpoints | None,
    callbacks: training.Callbacks | None,
) -> Fitted:
    """Fits an ensemble's members one by one; epochs are those of each, and not told."""
    shape = shape_of(setup, data)
    for place, one in enumerate(alone):  # Before any is trained.
        try:
            heads.check(one, build(one, layout_of(one, shape)))
        except ValueError as error:
            raise ValueError(f"members[{place}]: {error}") from None
    if callbacks is not None:
        callbacks = training.Callbacks(callbacks.status, stop=callbacks.stop)
    components, groups = [], []
    for place, one in enumerate(alone):
        own = checkpoints.of_part(str(place)) if checkpoints else None
        try:
            fitted = fit(
                one,
                data,
                seeds=seeds,
                known=known,
                breaks=breaks,
                days=days,
                paired=paired,
                checkpoints=own,
                callbacks=callbacks,
            )
        finally:
            if own is not None:
                own.close()
        components.append(fitted)
        own_groups = grouping.groups_of(one, data, seeds, known, breaks, paired)
        groups.append(own_groups)
    return ensembles.of_components(setup, components, groups, days)


def _fitted_on_all(
    setup: Setup, fitted: Fitted, groups: Sequence[Group], plan: Plan, longest: int
) -> Fitted:
    """Members fitted on parts that leave nothing for validation."""
    fits, _, validated = grouping.views(setup, fitted.layout, groups, {})
    members, detector = fitted.members, fitted.detector
    result = fleets.train(
        members, detector, fits, [], validated, plan, None, None, longest
    )
    return dataclasses.replace(
        fitted,
        model=result.model,
        scalers=tuple(group[0].scaler for _, group in groups),
        history=tuple(history(setup, group) for _, group in groups),
        result=result,
    )


def _check_memory(setup: Setup, layout: InputLayout) -> None:
    """Refuses a batch that cannot be: XLA would end the process."""
    numbers = math.prod(layout.shape) * (setup.window if setup.series else 1)
    batch_size, gib = setup.scoring_batch_size, 2**30
    wanted = 4 * numbers * batch_size / gib
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / gib
    if wanted > memory:
        raise ValueError(
            f"batch_size={batch_size} times {numbers} numbers take {wanted:.0f} GiB, "
            f"more than the {memory:.0f} GiB of this machine"
        )


def _check_on_disk(setup: Setup, data: Data) -> None:
    """Refuses what is fitted on several recordings, or on all values at once."""
    large = max((values for _, values in data), key=len)
    size = blocks.words(large.shape, blocks.CELL_BYTES * large.size)
    if len(data) > 1:
        raise ValueError(
            f"a recording on disk is fitted on alone, {len(data)} given; {size}"
        )
    if setup.head != "none" and heads.source(setup) == "explain":
        raise ValueError(f"head={setup.head!r} is fitted on all values at once; {size}")


def _calibration(
    fitted: Fitted, groups: Sequence[tuple[Part, ...]]
) -> tuple[Fitted, list[Scores]]:
    """Fits score heads; each member's scores of its calibration parts.

    They are joined where it has several parts.
    """
    setup = fitted.setup
    # All members have as many parts.
    given = [
        scoring.detected(
            fitted, [group[place].calibration for group in groups], heads.source(setup)
        )
        for place in range(len(groups[0]))
    ]
    each = [list(own) for own in zip(*given, strict=True)]
    if setup.head != "none":
        head, each = heads.fit(setup, groups, each)
        fitted = dataclasses.replace(fitted, head=head)
    scores = [
        [
            part.calibration.scored(values).at(part.counted)
            for part, values in zip(group, own, strict=True)
        ]
        for group, own in zip(groups, each, strict=True)
    ]
    return fitted, [
        Scores.join(_of_one_role(own)) if len(own) > 1 else own[0] for own in scores
    ]


def _of_one_role(scores: list[Scores]) -> list[Scores]:
    """Calibration scores of several parts: validation where any of them has it."""
    held_out = [each for each in scores if each.role is types.Role.VALIDATION]
    return held_out or scores
