"""Trains entities times seeds in one program and calibrates each member."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad import types
from jaxtsad.datasets import preprocessing
from jaxtsad.evaluation import events, thresholds
from jaxtsad.pipeline.members import Fitted, Member, keys_of, score
from jaxtsad.pipeline.parts import prepare
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
    transductive_validation: Sequence[np.ndarray] | None = None,
    checkpoints: Checkpoints | None = None,
    watch: training.Watch | None = None,
) -> Fitted:
    """Trains entities times seeds in one program and calibrates each member.

    Args:
        setup: Detector, windows, plan and threshold.
        recordings: Name and training values `[T, C]` of each entity.
        seeds: One model per entity and seed.
        transductive_validation: Test recordings `[T, C]` per entity to validate on, as
            some papers do; only the paper protocol passes them.
        checkpoints: Where to save and resume.
        watch: Whom to tell.

    Raises:
        ValueError: If an option or the data is bad (see `prepare`).
    """
    parts = prepare(setup, recordings)
    channels = parts[0].fit.values.shape[1]
    detector = build(setup, channels)
    pooled = setup.fit == "pooled"
    groups = [parts] if pooled else [(part,) for part in parts]
    entities: list[str | None] = [None] if pooled else [part.entity for part in parts]
    members = tuple(Member(entity, seed) for entity in entities for seed in seeds)

    sources = [view(setup, [part.fit for part in group]) for group in groups]
    held_out = [[p.validation for p in group if p.validation] for group in groups]
    if transductive_validation is not None:
        tests = [
            part.scaler.apply(types.cut_test(values, entity=part.entity))
            for part, values in zip(parts, transductive_validation, strict=True)
        ]
        held_out = [tests] if pooled else [[test] for test in tests]
    validated = np.array([bool(splits) for splits in held_out])
    checks = None
    if detector.validate is not None and validated.any():
        stand_in = next(splits for splits in held_out if splits)
        checks = [
            view(setup, splits or stand_in, setup.scoring_stride) for splits in held_out
        ]
    times = len(seeds)
    keys = keys_of(members)
    plan = dataclasses.replace(setup.plan, epochs=0) if setup.untrained else setup.plan
    result = training.fit(
        keys,
        detector,
        fleet.stack(_repeat(sources, times)),
        validations=None if checks is None else fleet.stack(_repeat(checks, times)),
        validated=np.repeat(validated, times),
        plan=plan,
        checkpoints=checkpoints,
        watch=watch,
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
        validation=tuple(bool(v) for v in np.repeat(validated, times)),
        screened={part.entity: part.screened for part in parts},
        result=result,
    )


def calibrate(setup: Setup, calibration: Scores) -> thresholds.Threshold:
    """Fits the setup's threshold on one member's calibration scores."""
    return thresholds.fit(setup.threshold, calibration, **setup.threshold_options)


def _repeat(items: Sequence[Any], times: int) -> list[Any]:
    return [item for item in items for _ in range(times)]


def _of_one_role(scores: list[Scores]) -> list[Scores]:
    """Calibration scores of a pooled model: validation where any entity has it."""
    held_out = [one for one in scores if one.role is types.Role.VALIDATION]
    return held_out or scores
