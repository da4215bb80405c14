"""Independent samples from arrays to calibrated scores: images, rows and windows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxtsad import types
from jaxtsad.datasets import preprocessing
from jaxtsad.datasets.preprocessing import Scaler
from jaxtsad.evaluation import events, thresholds
from jaxtsad.pipeline import shapes
from jaxtsad.pipeline.members import Member, keys_of
from jaxtsad.training import fit as training
from jaxtsad.training import fleet, scoring
from jaxtsad.training.checkpoints import Checkpoints
from jaxtsad.training.plan import Plan
from jaxtsad.types import PyTree, Scores, Split

SCALERS = ("auto", "pixels", "symmetric", "zscore", "minmax", "none")


@dataclasses.dataclass(frozen=True)
class Setup:
    """Everything that decides a result but the data.

    Attributes:
        detector: Name of the detector.
        options: Its options; sizes and layout are filled in.
        scaler: `pixels`, 0..255 to [-1, 1]; `symmetric`, the fit part's range to
            [-1, 1]; `zscore`, `minmax` or `none`, all per last axis; `auto`: pixels for
            images of bytes, symmetric for other images, else zscore.
        clip: Standard deviations at which values are clipped, or None.
        validation: Share of the unlabelled samples kept for validation.
        batch_size: Samples per scoring call.
        plan: How long to train.
        threshold: Kind of threshold.
        threshold_options: Its options.
        untrained: Scores the detector at `init`, without any training.

    Raises:
        ValueError: If a choice is unknown or a number out of range.
    """

    detector: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    scaler: str = "auto"
    clip: float | None = None
    validation: float = 0.2
    batch_size: int = 256
    plan: Plan = dataclasses.field(default_factory=Plan)
    threshold: str = "quantile"
    threshold_options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    untrained: bool = False

    def __post_init__(self) -> None:
        if self.scaler not in SCALERS:
            raise ValueError(
                f"scaler={self.scaler!r}; the choices are {', '.join(SCALERS)}"
            )
        if self.batch_size < 1:
            raise ValueError(f"batch_size={self.batch_size} must be at least 1")
        unknown = set(self.threshold_options) - set(thresholds.choices(self.threshold))
        if unknown:
            raise ValueError(
                f"threshold {self.threshold!r} has no option {sorted(unknown)[0]!r}; "
                f"the choices are {', '.join(thresholds.choices(self.threshold))}"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """Trained members with all that scoring new samples needs.

    Attributes:
        setup: How they were made.
        shape: Shape of one sample.
        members: The models in order.
        model: Their parameters, stacked `[M, ...]`.
        scalers: One scaler per set of samples, by name.
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


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """One set's training samples, cut and scaled; `known` marks rows of `fit`."""

    name: str
    fit: Split
    known: np.ndarray
    validation: Split | None
    scaler: Scaler


def prepare(
    setup: Setup, name: str, values: np.ndarray, known: np.ndarray | None, seed: int
) -> Part:
    """Cuts at random and scales the training samples of one set.

    Known anomalies are never validated or calibrated on. They join the fit part of a
    detector that learns from labels, and are left out for any other.

    Args:
        setup: Scaling and validation share.
        name: Name of the set.
        values: `[N, ...]`.
        known: `[N]` 1 for a known anomaly, 0 for unlabelled, or None.
        seed: Of the cut.

    Raises:
        ValueError: If nothing is unlabelled or an option is out of range.
    """
    marks = np.zeros(len(values), bool) if known is None else known.astype(bool)
    if marks.all():
        raise ValueError(f"{name!r}: all {len(values)} samples are known anomalies")
    order = np.random.default_rng([seed, 0]).permutation(np.flatnonzero(~marks))
    fit, held_out = types.cut_train(
        values[order], window=1, validation=setup.validation, entity=name
    )
    scaler = _scaler(setup, fit)
    count = int(marks.sum()) if shapes.uses_labels(setup.detector) else 0
    flags = np.repeat([0.0, 1.0], [len(fit), count]).astype(np.float32)
    if count:
        fit = fit.map(lambda normal: np.concatenate([normal, values[marks]]))
    scaled = None if held_out is None else scaler.apply(held_out)
    return Part(name, scaler.apply(fit), flags, scaled, scaler)


def fit(
    setup: Setup,
    sets: Sequence[tuple[str, np.ndarray, np.ndarray | None]],
    *,
    seeds: Sequence[int] = (0,),
    checkpoints: Checkpoints | None = None,
    watch: training.Watch | None = None,
) -> Fitted:
    """Trains sets times seeds in one program and calibrates each member.

    Args:
        setup: Detector, plan and threshold.
        sets: Name, samples `[N, ...]` and marks `[N]` of known anomalies (or None) of
            each set; all samples have one shape.
        seeds: One model per set and seed; a seed also draws the validation part.
        checkpoints: Where to save and resume.
        watch: Whom to tell.

    Raises:
        ValueError: If an option or the data is bad.
    """
    each = [(*one, seed) for one in sets for seed in seeds]
    return fit_each(setup, each, checkpoints=checkpoints, watch=watch)


def fit_each(
    setup: Setup,
    each: Sequence[tuple[str, np.ndarray, np.ndarray | None, int]],
    *,
    checkpoints: Checkpoints | None = None,
    watch: training.Watch | None = None,
) -> Fitted:
    """Trains one model per set, each with its own seed; see `fit`.

    Args:
        setup: Detector, plan and threshold.
        each: Name, samples, marks and seed of each member.
        checkpoints: Where to save and resume.
        watch: Whom to tell.

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
        watch=watch,
    )
    scalers: dict[str | None, Scaler] = {
        _key(m): part.scaler for m, part in zip(members, parts, strict=True)
    }
    fitted = Fitted(setup, shape, members, result.model, scalers)
    calibrated = [_calibrated(part) for part in parts]
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
    keys = jax.vmap(lambda key: jax.random.fold_in(key, 1))(keys_of(fitted.members))
    found = scoring.run(
        keys,
        fitted.detector,
        fitted.model,
        fleet.stack(views, bucketed=True),
        batch_size=fitted.setup.batch_size,
        output=output,
        members=fitted.setup.plan.members,
        counts=np.array([len(part) for part in parts]),
    )
    read = jax.tree.map(np.asarray, found)

    def own(index: int) -> Any:
        return jax.tree.map(lambda leaf: leaf[index, : len(parts[index])], read)

    return [own(index) for index in range(len(parts))]


def _seen(setup: Setup, part: Split) -> Any:
    return shapes.view(setup.detector, part)


def _key(member: Member) -> str:
    """Under what name a member's scaler is kept: seeds cut the data differently."""
    return f"{member.entity}/{member.seed}"


def _calibrated(part: Part) -> Split:
    """What thresholds are fitted on: validation, else the unlabelled fit samples."""
    unlabelled = len(part.known) - int(part.known.sum())
    return part.validation or part.fit.map(lambda values: values[:unlabelled])


def _scaler(setup: Setup, fit: Split) -> Scaler:
    kind, channels = setup.scaler, fit.values.shape[-1]
    if kind == "auto":
        image = fit.values.ndim == 4
        bytes_ = fit.values.dtype == np.uint8
        kind = ("pixels" if bytes_ else "symmetric") if image else "zscore"
    if kind == "pixels":
        half, infinite = np.full(channels, 127.5), np.full(channels, np.inf)
        return Scaler(kind, half, half, -infinite, infinite)
    rows = fit.map(lambda values: values.reshape(-1, channels))
    if kind == "symmetric":
        found = preprocessing.fit_scaler("minmax", rows, setup.clip)
        half = found.scale / 2
        return dataclasses.replace(
            found, kind=kind, shift=found.shift + half, scale=half
        )
    return preprocessing.fit_scaler(kind, rows, setup.clip)
