"""Score heads of trained members: fitted on calibration data, applied to new data.

A head takes what the detector gives of one scaled part per member, whole, and never
smooths across a break in time. All members are stacked, and those of similar length run
in one program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.evaluation.metrics.period import dominant_period
from jaxtsad.evaluation.scoring import head, options, tail
from jaxtsad.evaluation.scoring.head import Channels
from jaxtsad.evaluation.scoring.tail import Calibration
from jaxtsad.pipeline import gates, tails
from jaxtsad.pipeline.parts import Part
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training import arrays
from jaxtsad.types import Array, Detector, Split

PERIODS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Periods that `auto` tells apart, so that few programs are compiled."""
NO_PERIOD = 64


class Head(NamedTuple):
    """The score heads of members, stacked `[M, ...]`.

    Attributes:
        widths: `[M, W]` int32, steps of the means.
        calibration: How calibration scores are distributed.
        channels: What is normal for each channel; None of a head without evidence.
        gate: What the gate knows of the fit part; None of a head without a gate.
    """

    widths: np.ndarray
    calibration: Calibration
    channels: Channels | None
    gate: Any


class Row(NamedTuple):
    """What the head of a member works on at a time.

    Attributes:
        member: Position of the member.
        contributions: `[T, C]` of channels, or `[T, 1]` scores.
        values: `[T, C]` scaled values.
    """

    member: int
    contributions: np.ndarray
    values: np.ndarray


def check(setup: Setup, detector: Detector) -> None:
    """Refuses a head of a detector that does not explain itself.

    Raises:
        ValueError: Naming the head and what would be right.
    """
    if source(setup) == "explain" and detector.explain is None:
        raise ValueError(
            f"head={setup.head!r} is of detectors that explain their score by channel, "
            f'{setup.detector} does not; head="smooth" is of all detectors'
        )


def source(setup: Setup, output: str = "score") -> str:
    """Which output of the detector a head takes for its own score or explanation."""
    return output if setup.head in ("none", "smooth") else "explain"


def reach(setup: Setup, heads: Head) -> list[tuple[int, int]]:
    """Steps before and after a step whose contributions and values its score sees.

    The windows of a detector see further steps. One pair per member.
    """
    how = setup.head_settings
    more = gates.REACH if isinstance(how, options.Gated) else 0
    each = [options.reach(how, tuple(widths)) for widths in heads.widths.tolist()]
    return [(before + more, after + more) for before, after in each]


def template(setup: Setup, channels: int, members: int) -> Head:
    """Shapes of the heads of members, without fitting any."""
    how = setup.head_settings
    widths = how.widths if how.widths != "auto" else (0, 0, 0)

    def empty(*shape: int, kind: Any = np.float32) -> Any:
        return jax.ShapeDtypeStruct((members, *shape), kind)

    each = [empty(channels, kind=bool if n == "live" else np.float32) for n in NAMES]
    return Head(
        empty(len(widths), kind=np.int32),
        tails.calibration_template(members),
        Channels(*each) if isinstance(how, options.Evidence) else None,
        gates.template(channels, members) if isinstance(how, options.Gated) else None,
    )


NAMES = Channels._fields


def check_sound(heads: Head) -> None:
    """Refuses arrays that cannot be those of heads, where they were read from a file.

    Raises:
        ValueError: In one line.
    """
    tails.check_calibration(heads.calibration)
    positive: list[Any] = [heads.widths]
    if heads.channels is not None:
        positive += [heads.channels.deviation, heads.channels.scale]
    finite = [leaf for leaf in jax.tree.leaves(heads) if leaf.dtype.kind == "f"]
    if not all((each > 0).all() for each in positive) or not all(
        np.isfinite(each).all() for each in finite
    ):
        raise ValueError("a score head's numbers are not those of one")


def fit(
    setup: Setup,
    groups: Sequence[Sequence[Part]],
    outputs: Sequence[Sequence[np.ndarray]],
) -> tuple[Head, list[list[np.ndarray]]]:
    """Fits a head per member, of role fit and validation only.

    Args:
        setup: Which head.
        groups: Each member's parts.
        outputs: What the detector gives of each calibration part, `[T]` or `[T, C]`.

    Returns:
        The heads, and the calibrated scores `[T]` of each calibration part; 0 at steps
        that do not count.
    """
    counted = [
        [_columns(given)[part.counted] for given, part in zip(own, parts, strict=True)]
        for own, parts in zip(outputs, groups, strict=True)
    ]
    channels = _channels(setup, groups, counted)
    gate = None
    if isinstance(setup.head_settings, options.Gated):
        gate = gates.fit(groups, setup.plan.members)
    widths = _widths(setup, channels, counted)
    rows, places = [], []
    for member, (own, parts) in enumerate(zip(counted, groups, strict=True)):
        for place, (given, part) in enumerate(zip(own, parts, strict=True)):
            where = np.flatnonzero(part.counted)
            cuts = np.searchsorted(where, part.calibration.breaks)
            each = zip(np.split(given, cuts), np.split(where, cuts), strict=True)
            for contributions, steps in each:
                if len(steps):
                    values = part.calibration.values[steps]
                    rows.append(Row(member, contributions, values))
                    places.append((member, place, steps))
    scores = _joined(
        rows, [score for score, _ in _combined(setup, widths, channels, gate, rows)]
    )
    floor = getattr(setup.head_settings, "floor", 0.0)
    calibration = tails.fit(scores, floor, setup.plan.members)
    level = tails.levels_of(calibration, scores, setup.plan.members)
    made = [
        [np.zeros(len(part.calibration), np.float32) for part in parts]
        for parts in groups
    ]
    taken = [0] * len(groups)
    for member, place, steps in places:
        first = taken[member]
        made[member][place][steps] = level[member][first : first + len(steps)]
        taken[member] += len(steps)
    return Head(widths, calibration, channels, gate), made


def apply(
    setup: Setup,
    heads: Head,
    parts: Sequence[Split],
    outputs: Sequence[np.ndarray],
    output: str = "score",
) -> list[np.ndarray]:
    """Scores, or explanations that sum to them, of one scaled part per member.

    Args:
        setup: Which head.
        heads: Fitted, one per part.
        parts: The parts.
        outputs: What the detector gives of each (see `source`), `[T]` or `[T, C]`.
        output: `score` or `explain`.

    Returns:
        `[T]` or `[T, C]` of each.
    """
    rows = [
        Row(member, _columns(given)[start:stop], part.values[start:stop])
        for member, (given, part) in enumerate(zip(outputs, parts, strict=True))
        for start, stop in part.pieces
    ]
    made = _combined(setup, heads.widths, heads.channels, heads.gate, rows)
    scores = _joined(rows, [score for score, _ in made])
    each = tails.levels_of(heads.calibration, scores, setup.plan.members)
    if output == "score":
        return each
    shares = _joined(rows, [share for _, share in made])
    return [share * level[:, None] for share, level in zip(shares, each, strict=True)]


def alone(setup: Setup, heads: Head) -> Callable[[Array, Array, Array], Array]:
    """The head of one member as a function of arrays, to be compiled elsewhere.

    It is `(contributions [T, C], values [T, C], length)` to scores `[T]`, of which the
    first `length` count.
    """
    settings = {"widths": tuple(heads.widths[0].tolist()), "how": setup.head_settings}

    def scores(contributions: Array, values: Array, length: Array) -> Array:
        known = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), heads)
        given: list[Array] = [contributions, length, values, length]
        if known.gate is not None:
            given += [gates.logits_of_piece(known.gate, values, length), length]
        made, _ = _combine(known.channels, *given, **settings)
        return tail.calibrated(known.calibration, made)

    return scores


def _joined(rows: Sequence[Row], each: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What was made of rows, joined by member."""
    joined: list[list[np.ndarray]] = [[] for _ in range(rows[-1].member + 1)]
    for row, values in zip(rows, each, strict=True):
        joined[row.member].append(values)
    return [np.concatenate(some) for some in joined]


def _columns(values: np.ndarray) -> np.ndarray:
    return values[:, None] if values.ndim == 1 else values


def _channels(
    setup: Setup,
    groups: Sequence[Sequence[Part]],
    counted: Sequence[Sequence[np.ndarray]],
) -> Channels | None:
    """What is normal for each channel, per member; None of a head without evidence."""
    how = setup.head_settings
    if not isinstance(how, options.Evidence):
        return None
    items = [
        (
            np.concatenate([part.fit.values[~part.known] for part in parts]),
            np.concatenate(own),
        )
        for parts, own in zip(groups, counted, strict=True)
    ]
    unit = 0.0 if groups[0][0].scaler.kind == "none" else 1.0
    settings = (("floor", how.channel_floor), ("unit", unit))
    channels: Channels = tails.stacked(
        arrays.run(head.fit_channels, settings, items, (), setup.plan.members)
    )
    return channels


def _widths(
    setup: Setup,
    channels: Channels | None,
    counted: Sequence[Sequence[np.ndarray]],
) -> np.ndarray:
    """Steps of the means, `[M, W]`; `auto` by the period of calibration scores."""
    given = setup.head_settings.widths
    if given != "auto":
        return np.tile(np.array(given, np.int32), (len(counted), 1))
    widths = []
    for member, own in enumerate(counted):
        longest = max(own, key=len)
        scale = 1.0 if channels is None else channels.scale[member]
        period = dominant_period((longest / scale).sum(axis=1), fallback=NO_PERIOD)
        near = min(PERIODS, key=lambda each: abs(np.log(each / period)))
        widths.append([near // 2, near, 2 * near])
    return np.array(widths, np.int32)


def _combined(
    setup: Setup,
    widths: np.ndarray,
    channels: Channels | None,
    gate: Any,
    rows: Sequence[Row],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores `[T]` that are not calibrated yet, and shares `[T, C]`, of each row.

    The first rows of all members are run together, then the second ones, and so on.
    """
    turns = [0] * len(widths)
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        key = (turns[row.member], *widths[row.member].tolist())
        groups.setdefault(key, []).append(place)
        turns[row.member] += 1
    made: list[Any] = [None] * len(rows)
    for (_, *each), some in groups.items():
        settings = (("widths", tuple(each)), ("how", setup.head_settings))
        members = [rows[i].member for i in some]
        items: list[Any] = [(rows[i].contributions, rows[i].values) for i in some]
        if gate is not None:
            values = [rows[i].values for i in some]
            chosen = arrays.chosen(gate, members)
            logits = gates.logits(chosen, values, setup.plan.members)
            items = [(*item, each) for item, each in zip(items, logits, strict=True)]
        known = (arrays.chosen(channels, members),)
        results = arrays.run(_combine, settings, items, known, setup.plan.members)
        for i, result in zip(some, results, strict=True):
            made[i] = tuple(leaf[: len(rows[i].contributions)] for leaf in result)
    return made


def _combine(
    channels: Channels | None,
    contributions: Array,
    length: Array,
    values: Array,
    *logits: Array,
    widths: tuple[int, ...],
    how: options.Smooth,
) -> tuple[Array, Array]:
    """Scores and shares of one row; behind values and logits stand their lengths."""
    if channels is None:
        live = jnp.ones(contributions.shape[-1], bool)
        return head.combined(contributions, length, live, widths, how)
    each = head.evidence(channels, contributions, values)
    if isinstance(how, options.Gated):
        each = each * jax.nn.sigmoid(logits[1]) ** how.gate_power
    return head.combined(each, length, channels.live, widths, how)
