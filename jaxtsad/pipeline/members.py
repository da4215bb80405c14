"""Trained members, and scoring new data with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad import types
from jaxtsad.datasets import preprocessing
from jaxtsad.datasets.reading import screening
from jaxtsad.evaluation import events, thresholds
from jaxtsad.ops import aggregate, windows
from jaxtsad.pipeline.setup import Setup, build, view
from jaxtsad.training import fit as training
from jaxtsad.training import fleet, scoring
from jaxtsad.types import Array, Key, PyTree, Scores, Split


class Member(NamedTuple):
    """One trained model: of which entity (None where pooled) and seed."""

    entity: str | None
    seed: int


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """Trained members with all that scoring new data needs.

    Attributes:
        setup: How they were made.
        channels: Number of channels C.
        members: The models in order.
        model: Their parameters, stacked `[M, ...]`.
        scalers: One scaler per entity, by name; `None` is the pooled one.
        thresholds: One threshold per member.
        spreads: Per member, the unit of severity (see `evaluation.events.spread`).
        calibration: Calibration scores per member; empty after loading.
        validation: Per member, whether it had a validation part.
        screened: What screening found, by entity.
        result: How training went; None after loading.
    """

    setup: Setup
    channels: int
    members: tuple[Member, ...]
    model: PyTree
    scalers: Mapping[str | None, preprocessing.Scaler]
    thresholds: tuple[thresholds.Threshold, ...]
    spreads: tuple[float, ...] = ()
    calibration: tuple[Scores, ...] = ()
    validation: tuple[bool, ...] = ()
    screened: Mapping[str, screening.Screening] = dataclasses.field(
        default_factory=dict
    )
    result: training.Result | None = None

    @property
    def detector(self) -> types.Detector:
        """The detector the members are of."""
        return build(self.setup, self.channels)


def parameters(model: PyTree) -> int:
    """Number of parameters of one member."""
    return sum(int(np.prod(leaf.shape[1:])) for leaf in jax.tree.leaves(model))


def keys_of(members: Sequence[Member]) -> Key:
    """`[M]` keys; a member's key is its seed's, whoever it is trained with."""
    return jax.vmap(jax.random.key)(jnp.array([member.seed for member in members]))


def test_part(fitted: Fitted, member: int, name: str, values: np.ndarray) -> Split:
    """Screens and scales new values `[T, C]` for a member; their role is test.

    Raises:
        ValueError: If the values are empty, of another channel count, or hold a
            channel without any finite value.
    """
    values = np.asarray(values)
    if values.ndim != 2 or len(values) == 0:
        raise ValueError(f"{name!r} has {values.shape=}, expected [steps, channels]")
    if values.shape[1] != fitted.channels:
        raise ValueError(
            f"{name!r} has {values.shape[1]} channels, the model was trained on "
            f"{fitted.channels}"
        )
    scaler = fitted.scalers[fitted.members[member].entity]
    filled, _ = screening.screen(values, name=name)
    return scaler.apply(types.cut_test(filled, entity=name))


def window_scores(
    fitted: Fitted, parts: Sequence[Split], output: str = "score"
) -> tuple[Array, windows.WindowView]:
    """Runs a detector over all windows of one scaled part per member.

    Args:
        fitted: The members.
        parts: One scaled part of at least one window per member.
        output: `score` or `explain`.

    Returns:
        `[M, N, L]` (or `[M, N]`, or `[M, N, L, C]`) and the stacked view they are of.
    """
    setup = fitted.setup
    views = [view(setup, [part], setup.scoring_stride) for part in parts]
    return ran(fitted, views, output)


def ran(fitted: Any, views: Sequence[Any], output: str) -> tuple[Any, Any]:
    """Runs a detector over one view per member, of windows or of samples.

    Args:
        fitted: The members, of series or of samples.
        views: One view per member.
        output: See `training.scoring.run`.

    Returns:
        What the detector gives, `[M, N, ...]`, and the stacked view it is of.
    """
    stacked = fleet.stack(views, bucketed=True)
    keys = jax.vmap(lambda key: jax.random.fold_in(key, 1))(keys_of(fitted.members))
    found = scoring.run(
        keys,
        fitted.detector,
        fitted.model,
        stacked,
        batch_size=fitted.setup.batch_size,
        output=output,
        members=fitted.setup.plan.members,
        counts=np.array([view.size for view in views]),
    )
    return found, stacked


def folded(
    fitted: Fitted, parts: Sequence[Split], output: str = "score"
) -> list[np.ndarray]:
    """Folds a detector's output over one scaled part per member.

    A part shorter than the window is extended on the left by its first step, and only
    its own steps are returned.

    Returns:
        `[T]` scores or `[T, C]` explanations, one per part.
    """
    length = fitted.setup.window
    longer = [part.map(lambda v: windows.extend(v, length)) for part in parts]
    scores, stacked = window_scores(fitted, longer, output)
    results = []
    for index, part in enumerate(parts):
        per_step = aggregate.aggregate(
            scores[index],
            stacked.starts[index],
            stacked.weight[index],
            steps=stacked.values.shape[1],
            length=length,
            how=fitted.setup.fold,
        )
        stop = len(longer[index])
        results.append(np.asarray(per_step)[stop - len(part) : stop])
    return results


def score(fitted: Fitted, parts: Sequence[Split]) -> list[Scores]:
    """Scores one scaled part per member: every step at its own index."""
    return [
        part.scored(values)
        for part, values in zip(parts, folded(fitted, parts), strict=True)
    ]


def subset(fitted: Fitted, index: Sequence[int]) -> Fitted:
    """The members at `index`, with repetition where several parts share a member."""
    if list(index) == list(range(len(fitted.members))):
        return fitted
    where = np.asarray(index)
    return dataclasses.replace(
        fitted,
        members=tuple(fitted.members[i] for i in index),
        model=jax.tree.map(lambda leaf: leaf[where], fitted.model),
        thresholds=tuple(fitted.thresholds[i] for i in index),
        spreads=tuple(fitted.spreads[i] for i in index) if fitted.spreads else (),
    )


def events_of(
    fitted: Fitted,
    member: int,
    scores: np.ndarray,
    contributions: np.ndarray | None,
    channels: Sequence[str],
) -> list[events.Event]:
    """Events of one series `[T]` at a member's threshold."""
    threshold = fitted.thresholds[member]
    return events.events(
        threshold.flags(scores),
        scores,
        threshold=threshold.value,
        spread=fitted.spreads[member],
        contributions=contributions,
        channels=channels,
    )
