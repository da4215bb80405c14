"""Trains entities times seeds in one program and calibrates each member."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxtsad import types
from jaxtsad.datasets import preprocessing
from jaxtsad.evaluation import events, thresholds
from jaxtsad.ops.windows import WindowView
from jaxtsad.pipeline import marks, shapes
from jaxtsad.pipeline.members import Fitted, Member, keys_of, score
from jaxtsad.pipeline.parts import Part, drawn, prepare
from jaxtsad.pipeline.setup import Setup, build, view
from jaxtsad.training import fit as training
from jaxtsad.training import fleet
from jaxtsad.training.checkpoints import Checkpoints
from jaxtsad.types import Scores


def fit(
    setup: Setup,
    recordings: Sequence[tuple[str, np.ndarray]],
    *,
    seeds: Sequence[int] = (0,),
    known: Sequence[np.ndarray] | None = None,
    transductive_validation: Sequence[np.ndarray] | None = None,
    checkpoints: Checkpoints | None = None,
    callbacks: training.Callbacks | None = None,
) -> Fitted:
    """Trains entities times seeds in one program and calibrates each member.

    Args:
        setup: Detector, windows, plan and threshold.
        recordings: Name and training values `[T, C]` of each entity.
        seeds: One model per entity and seed.
        known: `[T]` bool of each entity, its known anomalies; None for no labels.
            Windows that meet one are learnt from by a detector that learns from
            labels, and left out by any other.
        transductive_validation: Test recordings `[T, C]` per entity to validate on, as
            some papers do; only the paper protocol passes them.
        checkpoints: Where to save and resume.
        callbacks: Whom training reports to.

    Raises:
        ValueError: If an option or the data is bad (see `prepare`).
    """
    parts = prepare(setup, recordings, known)
    channels = parts[0].fit.values.shape[1]
    detector = build(setup, channels)
    pooled = setup.fit == "pooled"
    groups = [parts] if pooled else [(part,) for part in parts]
    entities: list[str | None] = [None] if pooled else [part.entity for part in parts]
    members = tuple(Member(entity, seed) for entity in entities for seed in seeds)

    fits, checks, validated = _views(
        setup, groups, seeds, _tests(parts, transductive_validation)
    )
    times = len(seeds)
    keys = keys_of(members)
    validates = detector.validate is not None
    plan = dataclasses.replace(setup.plan, epochs=0) if setup.untrained else setup.plan
    result = training.fit(
        keys,
        detector,
        fleet.stack(fits),
        validations=fleet.stack(checks) if validates and checks else None,
        validated=validated,
        plan=plan,
        checkpoints=checkpoints,
        callbacks=callbacks,
    )
    scalers: dict[str | None, preprocessing.Scaler] = {
        entity: group[0].scaler for entity, group in zip(entities, groups, strict=True)
    }
    fitted = Fitted(setup, channels, members, result.model, scalers, ())
    if pooled:
        each = [score(fitted, [p.calibration] * times) for p in parts]
        scores = [
            Scores.join(_of_one_role(list(per))) for per in zip(*each, strict=True)
        ]
    else:
        scores = score(fitted, _repeat([part.calibration for part in parts], times))
    return dataclasses.replace(
        fitted,
        thresholds=tuple(calibrate(setup, one) for one in scores),
        spreads=tuple(events.spread(one) for one in scores),
        calibration=tuple(scores),
        validation=tuple(bool(v) for v in validated),
        screened={part.entity: part.screened for part in parts},
        result=result,
    )


def calibrate(setup: Setup, calibration: Scores) -> thresholds.Threshold:
    """Fits the setup's threshold on one member's calibration scores."""
    return thresholds.fit(setup.threshold, calibration, **setup.threshold_options)


def _views(
    setup: Setup,
    groups: Sequence[Sequence[Part]],
    seeds: Sequence[int],
    tests: Mapping[str, types.Split],
) -> tuple[list[WindowView], list[WindowView], np.ndarray]:
    """Per member what it is fitted on and validated on, and whether it really is.

    Where some members have nothing to validate on, another's stands in.
    """
    times = len(seeds)
    fits = [_fit_view(setup, group) for group in groups]
    held_out: list[WindowView | None] = []
    if setup.split == "windows":
        halves = [drawn(one, setup.validation, seed) for one in fits for seed in seeds]
        fits, held_out = [half[0] for half in halves], [half[1] for half in halves]
    else:
        for group in groups:
            parts = [tests.get(part.entity, part.validation) for part in group]
            splits = [part for part in parts if part is not None]
            some = view(setup, splits, setup.scoring_stride) if splits else None
            held_out += [some] * times
        fits = _repeat(fits, times)
    real = [one for one in held_out if one is not None]
    checks = [real[0] if one is None else one for one in held_out] if real else []
    return fits, checks, np.array([one is not None for one in held_out])


def _fit_view(setup: Setup, group: Sequence[Part]) -> WindowView:
    found = view(setup, [part.fit for part in group])
    if not any(part.known.any() for part in group):
        return found
    learns = shapes.uses_labels(setup.detector)
    return marks.marked(found, [part.known for part in group], learns)


def _tests(
    parts: Sequence[Part], recordings: Sequence[np.ndarray] | None
) -> dict[str, types.Split]:
    """Scaled test parts by entity, for a protocol that validates on them."""
    return {
        part.entity: part.scaler.apply(types.cut_test(values, entity=part.entity))
        for part, values in zip(parts, recordings or (), strict=recordings is not None)
    }


def _repeat(items: Sequence[Any], times: int) -> list[Any]:
    return [item for item in items for _ in range(times)]


def _of_one_role(scores: list[Scores]) -> list[Scores]:
    """Calibration scores of a pooled model: validation where any entity has it."""
    held_out = [one for one in scores if one.role is types.Role.VALIDATION]
    return held_out or scores
