"""Trains entities times seeds in one program and calibrates each member."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxtsad import types
from jaxtsad.evaluation import events, thresholds
from jaxtsad.pipeline import heads, scoring
from jaxtsad.pipeline.members import Fitted, Member, keys_of, seed_of
from jaxtsad.pipeline.parts import (
    Part,
    draw_windows,
    history,
    mark_windows,
    meeting,
    prepare,
    shape_of,
)
from jaxtsad.pipeline.setup import (
    InputLayout,
    Setup,
    build,
    layout_of,
    uses_labels,
    view,
)
from jaxtsad.training import fit as training
from jaxtsad.training import fleet
from jaxtsad.training.checkpoints import Checkpoints
from jaxtsad.training.plan import Plan
from jaxtsad.types import Scores

Data = Sequence[tuple[str, np.ndarray]]
"""Name and values of each entity: a series `[T, C]` or samples `[N, ...]`."""
Known = Sequence[np.ndarray | None] | None
"""Known anomalies of each, `[T]` or `[N]` with 1 for one; None for no labels."""
Breaks = Mapping[str, Sequence[int]] | None
"""By entity the steps before which time jumps; no window crosses one."""
Group = tuple[Member, tuple[Part, ...]]
"""A member and the parts it is trained on."""


def fit(
    setup: Setup,
    data: Data,
    *,
    seeds: Sequence[int] = (0,),
    known: Known = None,
    breaks: Breaks = None,
    paired: bool = False,
    transductive_validation: Sequence[np.ndarray] | None = None,
    checkpoints: Checkpoints | None = None,
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
    layout = layout_of(setup, shape_of(setup, data))
    groups = _groups(setup, data, seeds, known, breaks, paired)
    _check_memory(setup, layout)
    longest = max(len(values) for _, values in data)
    parts = {part.entity: part for _, group in groups for part in group}
    detector = build(setup, layout)
    heads.check(setup, detector)
    members = tuple(member for member, _ in groups)
    fits, checks, validated = _views(
        setup, layout, groups, _tests(list(parts.values()), transductive_validation)
    )
    if detector.validate is None:
        checks = []
    plan = dataclasses.replace(setup.plan, epochs=0) if setup.untrained else setup.plan
    result = _train(
        members,
        detector,
        fits,
        checks,
        validated,
        plan,
        checkpoints,
        callbacks,
        longest,
    )
    scalers = tuple(group[0].scaler for _, group in groups)
    fitted = Fitted(setup, layout, members, result.model, scalers)
    if setup.series:
        kept = tuple(history(setup, group) for _, group in groups)
        fitted = dataclasses.replace(fitted, history=kept)
    final = None
    # A head would need calibration data of its own again.
    if detector.series is not None and validated.any() and setup.head == "none":
        whole = dataclasses.replace(setup, validation=0.0)
        again = _groups(whole, data, seeds, known, breaks, paired)
        final = _fitted_on_all(whole, fitted, again, plan, longest)
        units = {name: final.model[name] for name in detector.units}
        fitted = dataclasses.replace(fitted, model={**fitted.model, **units})
    fitted, scores = _calibration(fitted, [group for _, group in groups])
    fitted = final or fitted
    return dataclasses.replace(
        fitted,
        thresholds=tuple(calibrate(setup, each) for each in scores),
        spreads=tuple(events.spread(each) for each in scores),
        calibration=tuple(scores),
        validation=tuple(bool(v) for v in validated),
        screened={n: p.screened for n, p in parts.items() if p.screened is not None},
        result=result,
    )


def _fitted_on_all(
    setup: Setup, fitted: Fitted, groups: Sequence[Group], plan: Plan, longest: int
) -> Fitted:
    """Members fitted on parts that leave nothing for validation."""
    fits, _, validated = _views(setup, fitted.layout, groups, {})
    members, detector = fitted.members, fitted.detector
    result = _train(members, detector, fits, [], validated, plan, None, None, longest)
    return dataclasses.replace(
        fitted,
        model=result.model,
        scalers=tuple(group[0].scaler for _, group in groups),
        history=tuple(history(setup, group) for _, group in groups),
        result=result,
    )


def _train(
    members: Sequence[Member],
    detector: types.Detector,
    fits: Sequence[Any],
    checks: Sequence[Any],
    validated: np.ndarray,
    plan: Plan,
    checkpoints: Checkpoints | None,
    callbacks: training.Callbacks | None,
    longest: int,
) -> training.Result:
    """Trains members of similar length together: one padding for all would be a waste.

    With checkpoints, which hold all members, they are one group. Whole series are
    padded to the length of the longest recording, so that a fit part and all of it
    share a program.
    """
    groups = [list(range(len(members)))]
    if checkpoints is None:
        groups = fleet.similar([len(each.values) for each in fits])
    results, least = [], {}
    for group in groups:
        if detector.series is not None:
            length = max(len(fits[i].values) for i in group)
            steps = fleet.bucket(longest if len(groups) == 1 else length)
            least = dict.fromkeys(fits[0].ARRAYS, steps)
        results.append(
            training.fit(
                keys_of([members[i] for i in group]),
                detector,
                fleet.stack([fits[i] for i in group], least=least),
                validations=fleet.stack([checks[i] for i in group]) if checks else None,
                validated=validated[group],
                plan=plan,
                checkpoints=checkpoints,
                callbacks=callbacks if len(groups) == 1 else _of(group, callbacks),
            )
        )
    if len(groups) == 1:
        return results[0]
    order = np.argsort(np.concatenate(groups))
    model, progress = jax.tree.map(
        lambda *leaves: np.concatenate(leaves)[order],
        *[(result.model, result.progress) for result in results],
    )
    spent = zip(*[(r.compile_s, r.train_s, r.trained) for r in results], strict=True)
    return training.Result(model, progress, *map(sum, spent))


def _of(
    group: Sequence[int], callbacks: training.Callbacks | None
) -> training.Callbacks | None:
    """Callbacks to which members of a group keep their numbers."""
    if callbacks is None:
        return None

    def epoch(records: list[dict[str, Any]]) -> None:
        callbacks.epoch([{**r, "member": group[r["member"]]} for r in records])

    return callbacks._replace(epoch=epoch)


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


def calibrate(setup: Setup, calibration: Scores) -> thresholds.Threshold:
    """Fits the setup's threshold on one member's calibration scores."""
    return thresholds.fit(setup.threshold, calibration, **setup.threshold_options)


def _groups(
    setup: Setup,
    data: Data,
    seeds: Sequence[int],
    known: Known,
    breaks: Breaks,
    paired: bool,
) -> list[Group]:
    """Each member with its parts; the seed cuts samples, series are cut in time."""
    marks = known or [None] * len(data)
    if paired:
        each = zip(data, marks, seeds, strict=True)
        return [
            (
                Member(entity[0], seed),
                prepare(setup, [entity], [mark], breaks, seed=seed),
            )
            for entity, mark, seed in each
        ]
    if setup.series:
        parts = prepare(setup, data, marks, breaks)
        if setup.pooled:
            return [(Member(None, seed), parts) for seed in seeds]
        alone = [(part,) for part in parts]
        return [(Member(g[0].entity, seed), g) for g in alone for seed in seeds]
    by_seed = {seed: prepare(setup, data, marks, seed=seed) for seed in seeds}
    return [
        (Member(name, seed), (by_seed[seed][place],))
        for place, (name, _) in enumerate(data)
        for seed in seeds
    ]


def _views(
    setup: Setup,
    layout: InputLayout,
    groups: Sequence[Group],
    tests: Mapping[str, types.Split],
) -> tuple[list[Any], list[Any], np.ndarray]:
    """Per member what it is fitted on and validated on, and whether it really is.

    Where some members have nothing to validate on, another's stands in.
    """
    fits: list[Any] = []
    held_out: list[Any] = []
    previous: tuple[Part, ...] = ()
    for member, group in groups:
        if group is not previous:
            whole, held = _fit_view(setup, layout, group), None
            if tests:
                splits = [tests[part.entity] for part in group]
                held = view(setup, layout, splits, stride=setup.scoring_stride)
            else:
                held = _validation_view(setup, layout, group)
            previous = group
        fit_on = whole
        if setup.series and setup.split == "windows":
            fit_on, held = draw_windows(whole, setup.validation, member.seed)
        fits.append(fit_on)
        held_out.append(held)
    real = [each for each in held_out if each is not None]
    checks = [real[0] if each is None else each for each in held_out] if real else []
    return fits, checks, np.array([each is not None for each in held_out])


def _fit_view(setup: Setup, layout: InputLayout, group: Sequence[Part]) -> Any:
    if not setup.series:
        [part] = group
        return view(setup, layout, [part.fit], known=part.known)
    windows = view(setup, layout, [part.fit for part in group])
    if not any(part.known.any() for part in group):
        return windows
    learns = uses_labels(setup.detector)
    return mark_windows(windows, [part.known for part in group], learns)


def _validation_view(
    setup: Setup, layout: InputLayout, group: Sequence[Part]
) -> Any | None:
    """What early stopping sees: nothing that is known to be anomalous."""
    held = [part for part in group if part.validation is not None]
    splits = [part.validation for part in held if part.validation is not None]
    if not splits:
        return None
    windows = view(setup, layout, splits, stride=setup.scoring_stride)
    known = [part.known_validation for part in held]
    if not any(each.any() for each in known):
        return windows
    if meeting(windows, known).all():
        return None
    return mark_windows(windows, known, learns=False)


def _calibration(
    fitted: Fitted, groups: Sequence[tuple[Part, ...]]
) -> tuple[Fitted, list[Scores]]:
    """Fits score heads; each member's scores of its calibration parts.

    They are joined where it is pooled.
    """
    setup = fitted.setup
    # Pooled members have the same parts in the same order.
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
        Scores.join(_of_one_role(own)) if setup.pooled else own[0] for own in scores
    ]


def _tests(
    parts: Sequence[Part], series: Sequence[np.ndarray] | None
) -> dict[str, types.Split]:
    """Scaled test parts by entity, for a protocol that validates on them."""
    return {
        part.entity: part.scaler.apply(types.cut_test(values, entity=part.entity))
        for part, values in zip(parts, series or (), strict=series is not None)
    }


def _of_one_role(scores: list[Scores]) -> list[Scores]:
    """Calibration scores of a pooled model: validation where any entity has it."""
    held_out = [each for each in scores if each.role is types.Role.VALIDATION]
    return held_out or scores
