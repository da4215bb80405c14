"""Ensembles: setups of the members, and how their scores are joined.

Members are fitted and scored one by one, each as if it were alone. What is joined are
levels, -log10 of the tail probability among a member's own calibration scores.

Shape letters: K members of the ensemble, M models (entities times seeds), T steps.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad import detectors
from jaxtsad.detectors import ensemble
from jaxtsad.evaluation.scoring.tail import Calibration
from jaxtsad.pipeline import alarms, tails
from jaxtsad.pipeline.calibration import SERIES
from jaxtsad.pipeline.grouping import Group
from jaxtsad.pipeline.members import Fitted
from jaxtsad.pipeline.parts import Part
from jaxtsad.pipeline.setup import Setup, layout_of
from jaxtsad.types import Role, Scores


def config(setup: Setup) -> ensemble.Config:
    """The options of an ensemble, whose sizes do not matter here."""
    made: ensemble.Config = detectors.configure(
        ensemble.NAME, {**setup.options, "window": setup.window, "channels": 1}
    )
    return made


def setups(setup: Setup) -> tuple[Setup, ...]:
    """The setups of an ensemble's members; none of a single detector.

    Raises:
        ValueError: If a member is bad, naming it.
    """
    if detectors.is_single(setup.detector):
        return ()
    made = []
    for place, member in enumerate(config(setup).each):
        changes = {
            field.name: getattr(member, field.name)
            for field in dataclasses.fields(member)
            if getattr(member, field.name) is not None
        }
        options = dict(changes.pop("options", {}))
        if setup.batch_size and "batch_size" in detectors.options(member.detector):
            options.setdefault("batch_size", setup.batch_size)
        if "head" in changes:
            changes.setdefault("head_options", {})
        if member.window:
            changes.setdefault("score_stride", None)
        plan = setup.plan
        if "epochs" in changes:
            plan = dataclasses.replace(plan, epochs=changes.pop("epochs"))
        try:
            made.append(
                dataclasses.replace(setup, **changes, options=options, plan=plan)
            )
        except ValueError as error:
            raise ValueError(f"members[{place}]: {error}") from None
    return tuple(made)


def counted_steps(group: Sequence[Part]) -> np.ndarray:
    """Which steps or samples a model's calibration scores are of, increasing.

    Args:
        group: The model's parts. Held-out samples are the same ones for all members of
            an ensemble, held-out steps begin later for one of longer windows.
    """
    held_out = [part.calibration.role is Role.VALIDATION for part in group]
    each = []
    for place, part in enumerate(group):
        first = 0
        if held_out[place] and part.cut is not None:
            first = len(part.cut.known) - len(part.calibration)
        if held_out[place] or not any(held_out):
            each.append(place * SERIES + first + np.flatnonzero(part.counted))
    return np.concatenate(each)


def fit(
    setup: Setup,
    scores: Sequence[Sequence[Scores]],
    steps: Sequence[Sequence[np.ndarray]],
) -> tuple[tuple[Calibration, ...], list[Scores]]:
    """Learns how each member's calibration scores are distributed, and joins them.

    Args:
        setup: Of the ensemble.
        scores: Calibration scores `[K][M]`.
        steps: Which steps they are of, `[K][M]`.

    Returns:
        For each member of the ensemble what it knows of its models, stacked `[M, ...]`,
        and of each model the joined scores of the steps that all members have.

    Raises:
        ValueError: If a model has no such step.
    """
    members = setup.plan.members
    calibrations, levels = [], []
    for each in scores:
        values = [one.values for one in each]
        calibration = tails.fit(values, 0.0, members)
        calibrations.append(calibration)
        levels.append(tails.levels_of(calibration, values, members))
    of_models = (zip(*each, strict=True) for each in (scores, levels, steps))
    joint = [_joined_calibration(setup, *each) for each in zip(*of_models, strict=True)]
    return tuple(calibrations), joint


def _joined_calibration(
    setup: Setup,
    scores: Sequence[Scores],
    levels: Sequence[np.ndarray],
    steps: Sequence[np.ndarray],
) -> Scores:
    """Joined scores of the steps that all members have calibration scores of.

    Args:
        setup: Of the ensemble.
        scores: One model's calibration scores by each member, `[K]`.
        levels: Their levels.
        steps: Which steps they are of.

    Returns:
        Scores of the first member's role, or of role fit where any is.

    Raises:
        ValueError: If there is no such step.
    """
    common = functools.reduce(np.intersect1d, steps)
    if not len(common):
        raise ValueError(
            "the members of the ensemble have no calibration step in common; give them "
            "windows of one length"
        )
    chosen = [
        each[np.searchsorted(own, common)]
        for each, own in zip(levels, steps, strict=True)
    ]
    values = joined(config(setup), chosen)
    where = next((i for i, one in enumerate(scores) if one.role is Role.FIT), 0)
    return scores[where].at(np.isin(steps[where], common)).map(lambda _: values)


def of_components(
    setup: Setup,
    components: Sequence[Fitted],
    groups: Sequence[Sequence[Group]],
    days: alarms.Days,
) -> Fitted:
    """An ensemble of members that were fitted, and what is known of joined scores.

    Args:
        setup: Of the ensemble.
        components: Its K members, of the same models each.
        groups: Of each, the models with the parts that they were calibrated on.
        days: By entity the steps of a day.

    Raises:
        ValueError: If a model has no calibration step that all members have.
    """
    first = components[0]
    steps = [[counted_steps(parts) for _, parts in own] for own in groups]
    joint, scores = fit(setup, [one.calibration for one in components], steps)
    validated = zip(*[one.validation for one in components], strict=True)
    return Fitted(
        setup,
        layout_of(setup, first.layout.shape),
        first.members,
        tuple(one.model for one in components),
        first.scalers,
        **alarms.calibrated(setup, first.members, scores, days),
        calibration=tuple(scores),
        validation=tuple(all(each) for each in validated),
        screened=first.screened,
        components=tuple(components),
        joint=joint,
    )


def outputs(
    setup: Setup,
    joint: Sequence[Calibration],
    each: Sequence[tuple[Sequence[np.ndarray], Sequence[np.ndarray] | None]],
    output: str = "score",
) -> list[np.ndarray]:
    """Joined scores `[T]`, or explanations `[T, ...]` that sum to them, of each model.

    Args:
        setup: Of the ensemble.
        joint: What `fit` learned of each member.
        each: Of each member the scores of all models, and for `explain` what it
            explains of them, or None where it does not.
        output: `score` or `explain`.

    Raises:
        ValueError: If no member explains itself.
    """
    how, levels = config(setup), []
    for calibration, (scores, _) in zip(joint, each, strict=True):
        levels.append(tails.levels_of(calibration, scores, setup.plan.members))
    models = list(zip(*levels, strict=True))
    if output == "score":
        return [joined(how, own) for own in models]
    if all(explained is None for _, explained in each):
        raise ValueError("no member of the ensemble explains its score by channel")
    return [
        joined_shares(how, own, [None if e is None else e[i] for _, e in each])
        for i, own in enumerate(models)
    ]


def joined(config: ensemble.Config, levels: Sequence[np.ndarray]) -> np.ndarray:
    """One score per step `[T]` of the levels of all members, `[K]` of `[T]`."""
    stacked = np.stack(levels)
    if config.join == "max":
        return stacked.max(axis=0)
    weights = np.asarray(config.shares, np.float32)
    total: np.ndarray = np.einsum("k,kt->t", weights, stacked)
    return total


def joined_shares(
    config: ensemble.Config,
    levels: Sequence[np.ndarray],
    explained: Sequence[np.ndarray | None],
) -> np.ndarray:
    """Each channel's part `[T, ...]` of the joined score.

    Of members that do not explain themselves it is shared as the rest is.

    Args:
        config: Options of the ensemble.
        levels: Of all members, `[K]` of `[T]`.
        explained: What they explain, `[T, ...]`; None of those that do not.
    """
    scores = joined(config, levels)
    weights: Any = config.shares
    if config.join == "max":
        weights = np.stack(levels) >= scores[None]
    total = None
    for weight, level, own in zip(weights, levels, explained, strict=True):
        if own is not None:
            shared = _shares(own) * _along(weight * level, own)
            total = shared if total is None else total + shared
    assert total is not None
    made: np.ndarray = _shares(total) * _along(scores, total)
    return made.astype(np.float32)


def _shares(parts: np.ndarray) -> np.ndarray:
    """Parts `[T, ...]` as shares of sum 1; equal ones where nothing is above 0."""
    axes = tuple(range(1, parts.ndim))
    above = np.maximum(parts, 0).astype(np.float64)
    total = above.sum(axis=axes, keepdims=True)
    even = 1 / np.prod(parts.shape[1:])
    return np.where(total > 0, above / np.where(total > 0, total, 1), even)


def _along(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Values `[T]` with as many axes as others have."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
