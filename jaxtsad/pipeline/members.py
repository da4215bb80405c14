"""Trained members, and scoring new data with them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxtsad import types, validation
from jaxtsad.datasets import preprocessing
from jaxtsad.datasets.reading import screening
from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.alarms.tail import Tail
from jaxtsad.evaluation.scoring.tail import Calibration
from jaxtsad.pipeline import heads
from jaxtsad.pipeline.calibration import CalibrationSteps
from jaxtsad.pipeline.heads import Head
from jaxtsad.pipeline.memory import Memory
from jaxtsad.pipeline.setup import InputLayout, Setup, build
from jaxtsad.training import fit as training
from jaxtsad.types import Key, PyTree, Scores, Split

MOST_SEED = 2**63 - 1
PER_MEMBER = (
    "members",
    "scalers",
    "thresholds",
    "spreads",
    "tails",
    "steps_per_day",
    "calibration",
    "validation",
    "history",
    "calibration_steps",
    "calibration_scalers",
    "memory",
)
"""Fields of `Fitted` that have an entry per member, where they are not empty."""
STACKED = ("model", "head", "joint", "calibration_model")
"""Fields of `Fitted` whose arrays are stacked `[M, ...]`."""


class Member(NamedTuple):
    """One trained model: of which series or set (None where pooled) and seed."""

    entity: str | None
    seed: int


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """Trained members with all that scoring new data needs.

    Attributes:
        setup: How they were made.
        layout: How their detector sees the data.
        members: The models in order.
        model: Their parameters, stacked `[M, ...]`.
        scalers: One scaler per member.
        head: Their score heads; None where there is none.
        thresholds: One threshold per member.
        spreads: Per member, the unit of severity (see `evaluation.events.spread`).
        tails: Per member, the tail of its calibration scores, by which budgets and
            events go; empty of those saved before there were any.
        steps_per_day: Per member, steps of a day; None where time is not known.
        calibration: Calibration scores per member; empty after loading.
        validation: Per member, whether it had a validation part.
        screened: What screening found, by series.
        history: Per member, scaled normal steps `[S, C]` of its fit part, from which
            pieces shorter than a window get the steps before them (see
            `windows.extend`); empty of samples.
        calibration_steps: Per member, what causal scores are calibrated on; empty of
            samples.
        calibration_model: The models that calibration steps are scored by, where the
            members were fitted on these, too, since their thresholds were set; None
            where they are the members' own.
        calibration_scalers: The scalers of these models.
        memory: Per member, what it remembers of its training data for updates; empty
            of samples.
        previous: The members before they were last updated, if they were.
        result: How training went; None after loading.
        components: Of an ensemble, its members with the same models each; none of a
            single detector.
        joint: Of an ensemble, how the calibration scores of each are distributed.
    """

    setup: Setup
    layout: InputLayout
    members: tuple[Member, ...]
    model: PyTree
    scalers: tuple[preprocessing.Scaler, ...]
    head: Head | None = None
    thresholds: tuple[thresholds.Threshold, ...] = ()
    spreads: tuple[float, ...] = ()
    tails: tuple[Tail, ...] = ()
    steps_per_day: tuple[float | None, ...] = ()
    calibration: tuple[Scores, ...] = ()
    validation: tuple[bool, ...] = ()
    screened: Mapping[str, screening.Screening] = dataclasses.field(
        default_factory=dict
    )
    history: tuple[np.ndarray, ...] = ()
    calibration_steps: tuple[CalibrationSteps, ...] = ()
    calibration_model: PyTree = None
    calibration_scalers: tuple[preprocessing.Scaler, ...] = ()
    memory: tuple[Memory, ...] = ()
    previous: Fitted | None = None
    result: training.Result | None = None
    components: tuple[Fitted, ...] = ()
    joint: tuple[Calibration, ...] = ()

    @property
    def detector(self) -> types.Detector:
        """The detector the members are of."""
        return build(self.setup, self.layout)

    @property
    def single(self) -> tuple[Fitted, ...]:
        """Itself, or the members of an ensemble."""
        return self.components or (self,)

    @property
    def remembered(self) -> tuple[Memory, ...]:
        """Per member, what an update goes by; empty of samples.

        Of an ensemble it is what its detector of the longest windows remembers: the
        steps it held out were held out by all.
        """
        return max(self.single, key=lambda one: one.setup.window).memory

    @property
    def explains(self) -> bool:
        """Whether it says each channel's part of a score."""
        return any(one.detector.explain is not None for one in self.single)


def reach(fitted: Fitted) -> tuple[int, int]:
    """Most steps before and after a step that its score sees beside its windows.

    What a score head sees, and a detector of whole series.
    """
    if fitted.components:
        windows = 2 * max(one.setup.window for one in fitted.components)
        before, after = zip(*map(reach, fitted.components), strict=True)
        more = max(0, windows - 2 * fitted.setup.window)
        return max(before) + more, max(after) + more
    own = fitted.detector.reach
    if fitted.head is None:
        return own, own
    before, after = zip(*heads.reach(fitted.setup, fitted.head), strict=True)
    return own + max(before), own + max(after)


def parameters(model: PyTree) -> int:
    """Number of parameters of one member."""
    return sum(int(np.prod(leaf.shape[1:])) for leaf in jax.tree.leaves(model))


def seed_of(value: Any) -> int:
    """A seed as a Python int.

    Raises:
        ValueError: If it is no whole number from 0 to `MOST_SEED`.

    Example:
        >>> seed_of(np.int64(3))
        3
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 0 <= value <= MOST_SEED:
        shown = validation.shown(value)
        raise ValueError(f"seed={shown} must be a whole number from 0 to 2**63 - 1")
    return int(value)


def keys_of(members: Sequence[Member]) -> Key:
    """`[M]` keys; a member's key is its seed's, whoever it is trained with.

    All 63 bits of a seed count.
    """
    seeds = np.array([seed_of(member.seed) for member in members], np.int64)
    with jax.enable_x64(True):
        return jax.vmap(jax.random.key)(seeds)


def scoring_keys(members: Sequence[Member]) -> Key:
    """`[M]` keys that members score by; sample i of one gets `fold_in(key, i)`."""
    return jax.vmap(lambda key: jax.random.fold_in(key, 1))(keys_of(members))


def subset(fitted: Fitted, index: Sequence[int]) -> Fitted:
    """The members at `index`, with repetition where several parts share a member."""
    if list(index) == list(range(len(fitted.members))):
        return fitted
    where = np.asarray(index)
    changes: dict[str, Any] = {
        name: tuple(getattr(fitted, name)[i] for i in index)
        for name in PER_MEMBER
        if getattr(fitted, name)
    }
    changes["previous"] = None
    changes["components"] = tuple(subset(one, index) for one in fitted.components)
    for name in STACKED:
        kept = getattr(fitted, name)
        changes[name] = jax.tree.map(lambda leaf: leaf[where], kept)
    return dataclasses.replace(fitted, **changes)


def joined(parts: Sequence[Fitted]) -> Fitted:
    """The members of several, of one setup and in this order, as one."""
    first, *others = parts
    if not others:
        return first
    if any(one.calibration_model is not None for one in parts):
        parts = [
            one
            if one.calibration_model is not None
            else dataclasses.replace(
                one, calibration_model=one.model, calibration_scalers=one.scalers
            )
            for one in parts
        ]
    changes: dict[str, Any] = {"previous": None, "result": None}
    for name in PER_MEMBER:
        each = [getattr(one, name) for one in parts]
        changes[name] = tuple(itertools.chain(*each)) if all(each) else ()
    for name in STACKED:
        trees = [getattr(one, name) for one in parts]
        changes[name] = jax.tree.map(lambda *leaves: np.concatenate(leaves), *trees)
    components = zip(*[one.components for one in parts], strict=True)
    changes["components"] = tuple(joined(each) for each in components)
    changes["screened"] = {k: v for one in parts for k, v in one.screened.items()}
    return dataclasses.replace(first, **changes)


def as_calibrated(fitted: Fitted) -> Fitted:
    """The members as they were when their thresholds were set.

    They were not fitted on their calibration steps then.
    """
    if fitted.components:
        each = tuple(as_calibrated(one) for one in fitted.components)
        return dataclasses.replace(fitted, components=each)
    if fitted.calibration_model is None:
        return fitted
    scalers = fitted.calibration_scalers or fitted.scalers
    return dataclasses.replace(fitted, model=fitted.calibration_model, scalers=scalers)


def with_members(fitted: Fitted, index: Sequence[int], others: Fitted) -> Fitted:
    """The members, those at `index` replaced by others of the same detector."""
    order = list(range(len(fitted.members)))
    for place, other in enumerate(index):
        order[other] = len(order) + place
    made = subset(joined([fitted, others]), order)
    return dataclasses.replace(made, previous=fitted.previous, result=fitted.result)


def test_part(
    fitted: Fitted,
    member: int,
    name: str,
    values: np.ndarray,
    breaks: Sequence[int] = (),
) -> Split:
    """Scales new steps `[T, C]` or samples `[N, ...]` for a member, as a test part.

    Raises:
        ValueError: If the values are none, of another shape than those fitted on, or a
            series holds a channel without any finite value.
    """
    values, setup = np.asarray(values), fitted.setup
    if setup.series and (values.ndim != 2 or len(values) == 0):
        raise ValueError(f"{name!r} has {values.shape=}, expected [steps, channels]")
    if tuple(values.shape[1:]) != fitted.layout.shape:
        if setup.series:
            raise ValueError(
                f"{name!r} has {values.shape[1]} channels, the model was trained on "
                f"{fitted.layout.channels}"
            )
        raise ValueError(
            f"samples have the shape {values.shape[1:]}, the model was trained on "
            f"{fitted.layout.shape}"
        )
    if fitted.components:
        # Each member screens and scales for itself.
        return types.cut_test(values, entity=name, breaks=breaks)
    if setup.series:
        # A channel that fell silent is scored as the middle of its training values.
        middle = fitted.scalers[member].middle
        values, _ = screening.screen(values, name=name, fill=middle)
    part = types.cut_test(values, entity=name, breaks=breaks)
    return fitted.scalers[member].apply(part)
