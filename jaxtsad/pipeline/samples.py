"""Independent samples from arrays to calibrated scores: images, rows and windows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxtsad import types
from jaxtsad.datasets.preprocessing import Scaler
from jaxtsad.evaluation import events, thresholds
from jaxtsad.pipeline import shapes
from jaxtsad.pipeline.members import Member, keys_of, ran
from jaxtsad.pipeline.sample_parts import prepare
from jaxtsad.pipeline.sample_setup import Setup
from jaxtsad.training import fit as training
from jaxtsad.training import fleet
from jaxtsad.training.checkpoints import Checkpoints
from jaxtsad.types import PyTree, Scores, Split


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """Trained members with all that scoring new samples needs.

    Attributes:
        setup: How they were made.
        shape: Shape of one sample.
        members: The models in order.
        model: Their parameters, stacked `[M, ...]`.
        scalers: One scaler per member, by its set's name and seed (see `_key`).
        thresholds: One threshold per member.
        spreads: Per member, the unit of severity.
        calibration: Calibration scores per member; empty after loading.
        validation: Per member, whether it had a validation part.
        result: How training went; None after loading.
    """

    setup: Setup
    shape: tuple[int, ...]
    members: tuple[Member, ...]
    model: PyTree
    scalers: Mapping[str | None, Scaler]
    thresholds: tuple[thresholds.Threshold, ...] = ()
    spreads: tuple[float, ...] = ()
    calibration: tuple[Scores, ...] = ()
    validation: tuple[bool, ...] = ()
    result: training.Result | None = None

    @property
    def detector(self) -> types.Detector:
        """The detector the members are of."""
        return shapes.build(self.setup.detector, self.setup.options, self.shape)


def fit(
    setup: Setup,
    sets: Sequence[tuple[str, np.ndarray, np.ndarray | None]],
    *,
    seeds: Sequence[int] = (0,),
    checkpoints: Checkpoints | None = None,
    callbacks: training.Callbacks | None = None,
) -> Fitted:
    """Trains sets times seeds in one program and calibrates each member.

    Args:
        setup: Detector, plan and threshold.
        sets: Name, samples `[N, ...]` and marks `[N]` of known anomalies (or None) of
            each set; all samples have one shape.
        seeds: One model per set and seed; a seed also draws the validation part.
        checkpoints: Where to save and resume.
        callbacks: Whom training reports to.

    Raises:
        ValueError: If an option or the data is bad.
    """
    each = [(*one, seed) for one in sets for seed in seeds]
    return fit_each(setup, each, checkpoints=checkpoints, callbacks=callbacks)


def fit_each(
    setup: Setup,
    each: Sequence[tuple[str, np.ndarray, np.ndarray | None, int]],
    *,
    checkpoints: Checkpoints | None = None,
    callbacks: training.Callbacks | None = None,
) -> Fitted:
    """Trains one model per set, each with its own seed; see `fit`.

    Args:
        setup: Detector, plan and threshold.
        each: Name, samples, marks and seed of each member.
        checkpoints: Where to save and resume.
        callbacks: Whom training reports to.

    Raises:
        ValueError: If an option or the data is bad.
    """
    if len({values.shape[1:] for _, values, _, _ in each}) != 1:
        raise ValueError("expected at least one set of samples, all of one shape")
    shape = tuple(each[0][1].shape[1:])
    detector = shapes.build(setup.detector, setup.options, shape)
    parts = [prepare(setup, *one) for one in each]
    members = tuple(Member(name, seed) for name, _, _, seed in each)
    sources = [shapes.view(setup.detector, part.fit, part.known) for part in parts]
    held_out = [part.validation for part in parts]
    checks = None
    if detector.validate is not None and all(one is not None for one in held_out):
        checks = fleet.stack([_seen(setup, one) for one in held_out if one is not None])
    plan = dataclasses.replace(setup.plan, epochs=0) if setup.untrained else setup.plan
    result = training.fit(
        keys_of(members),
        detector,
        fleet.stack(sources),
        validations=checks,
        plan=plan,
        checkpoints=checkpoints,
        callbacks=callbacks,
    )
    scalers: dict[str | None, Scaler] = {
        _key(m): part.scaler for m, part in zip(members, parts, strict=True)
    }
    fitted = Fitted(setup, shape, members, result.model, scalers)
    calibrated = [part.calibration for part in parts]
    calibration = tuple(
        part.scored(values)
        for part, values in zip(calibrated, run(fitted, calibrated), strict=True)
    )
    found = [
        thresholds.fit(setup.threshold, one, **setup.threshold_options)
        for one in calibration
    ]
    return dataclasses.replace(
        fitted,
        thresholds=tuple(found),
        spreads=tuple(events.spread(one) for one in calibration),
        calibration=calibration,
        validation=tuple(checks is not None for _ in parts),
        result=result,
    )


def test_part(fitted: Fitted, member: int, name: str, values: np.ndarray) -> Split:
    """Scales new samples `[N, ...]` for a member; their role is test.

    Raises:
        ValueError: If their shape is not the one fitted on.
    """
    if tuple(values.shape[1:]) != fitted.shape:
        raise ValueError(
            f"samples have the shape {values.shape[1:]}, the model was trained on "
            f"{fitted.shape}"
        )
    scaler = fitted.scalers[_key(fitted.members[member])]
    return scaler.apply(types.cut_test(values, entity=name))


def subset(fitted: Fitted, index: Sequence[int]) -> Fitted:
    """The members at `index`."""
    where = np.asarray(index)
    return dataclasses.replace(
        fitted,
        members=tuple(fitted.members[i] for i in index),
        model=jax.tree.map(lambda leaf: leaf[where], fitted.model),
        thresholds=tuple(fitted.thresholds[i] for i in index),
        spreads=tuple(fitted.spreads[i] for i in index),
    )


def run(
    fitted: Fitted, parts: Sequence[Split], output: str = "score"
) -> list[np.ndarray]:
    """Scores or explains one scaled part per member.

    Returns:
        `[N]` scores or `[N, ...]` explanations, one array per part.
    """
    found = outputs(fitted, parts, output)
    return [shapes.per_sample(one, fitted.shape, output) for one in found]


def outputs(fitted: Fitted, parts: Sequence[Split], output: str) -> list[Any]:
    """What the detector gives of one scaled part per member, as it is."""
    views = [_seen(fitted.setup, part) for part in parts]
    found, _ = ran(fitted, views, output)
    read = jax.tree.map(np.asarray, found)

    def own(index: int) -> Any:
        return jax.tree.map(lambda leaf: leaf[index, : len(parts[index])], read)

    return [own(index) for index in range(len(parts))]


def _seen(setup: Setup, part: Split) -> Any:
    return shapes.view(setup.detector, part)


def _key(member: Member) -> str:
    """Under what name a member's scaler is kept: seeds cut the data differently."""
    return f"{member.entity}/{member.seed}"
