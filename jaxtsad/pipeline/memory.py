"""What a member remembers of its training data for updates, in units of the data.

Values are kept as they were given: scaled and back again, a channel of two values would
have four.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxtsad.pipeline.parts import Part
from jaxtsad.types import Split

STEPS = 2048
"""So many steps that were fitted on are kept of a member, and so many held-out ones."""
BLOCK = 4
"""They are kept in blocks of so many windows."""


class Steps(NamedTuple):
    """Steps in units of the data.

    Attributes:
        values: `[S, C]` float32, or float64 where that would lose something.
        normal: `[S]` bool, those that are no known anomalies.
        breaks: `[B]` int32, steps before which time jumps.
    """

    values: np.ndarray
    normal: np.ndarray
    breaks: np.ndarray


class Memory(NamedTuple):
    """What one member remembers.

    Attributes:
        fit: Steps that it was fitted on.
        held_out: Steps that its threshold was set on; none without validation part.
    """

    fit: Steps
    held_out: Steps


def of(window: int, group: Sequence[Part], updated: bool = False) -> Memory:
    """What a member remembers of its parts.

    Args:
        window: Window length L in steps.
        group: The parts.
        updated: Whether the first is what was remembered before, and gets one half.
    """
    block = BLOCK * window
    shares = [1 / len(group)] * len(group)
    if updated:
        shares = [0.5, *[0.5 / (len(group) - 1)] * (len(group) - 1)]
    each = [max(int(STEPS * share), block) for share in shares]
    fit, held_out = [], []
    for part, own in zip(group, each, strict=True):
        fit.append(thinned(_steps(part.source.fit, part.source.known), own, block))
        check = part.source.validation
        if check is not None:
            known = part.source.known[len(part.source.known) - len(check) :]
            held_out.append(thinned(_steps(check, known), own, block))
    empty = fit[0]._replace(
        values=fit[0].values[:0], normal=fit[0].normal[:0], breaks=fit[0].breaks[:0]
    )
    return Memory(joined(fit), joined(held_out) if held_out else empty)


def _steps(part: Split, known: np.ndarray) -> Steps:
    breaks = np.array(part.breaks, np.int32)
    return Steps(part.values, ~known[: len(part)], breaks)


def joined(each: Sequence[Steps]) -> Steps:
    """Steps one after the other, time jumping between them."""
    ends = np.cumsum([len(one.values) for one in each])
    breaks = [
        np.concatenate([[start], start + one.breaks])
        for start, one in zip([0, *ends[:-1]], each, strict=True)
        if len(one.values)
    ]
    values = np.concatenate([one.values for one in each])
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return Steps(
        narrow if np.array_equal(narrow.astype(values.dtype), values) else values,
        np.concatenate([one.normal for one in each]),
        np.concatenate([*breaks, np.zeros(0)])[1:].astype(np.int32),
    )


def thinned(steps: Steps, most: int, block: int) -> Steps:
    """At most so many of some steps, in blocks that are evenly spread.

    Args:
        steps: The steps.
        most: How many are kept, at least a block.
        block: Steps of a block.

    Example:
        >>> every = Steps(np.arange(8.0)[:, None], np.ones(8, bool), np.zeros(0, int))
        >>> some = thinned(every, 4, 2)
        >>> some.values.ravel(), some.breaks
        (array([0., 1., 6., 7.]), array([2], dtype=int32))
    """
    length = len(steps.values)
    if length <= most:
        return steps
    inner = [int(place) for place in steps.breaks]
    blocks = [
        (at, min(at + block, stop))
        for start, stop in itertools.pairwise((0, *inner, length))
        for at in range(start, stop, block)
    ]
    number = max(1, most // block)
    places = np.unique(np.linspace(0, len(blocks) - 1, number).round().astype(int))
    chosen = [blocks[place] for place in places]
    where = np.concatenate([np.arange(*each) for each in chosen])
    jumps, count = [], 0
    for (start, stop), (_, before) in zip(chosen, [(0, -1), *chosen], strict=False):
        if count and (start != before or start in inner):
            jumps.append(count)
        count += stop - start
    return Steps(steps.values[where], steps.normal[where], np.array(jumps, np.int32))


def arrays(memories: Sequence[Memory]) -> dict[str, np.ndarray]:
    """All of it by name, to be saved."""
    return {
        f"{number}/{name}/{field}": array
        for number, memory in enumerate(memories)
        for name, steps in memory._asdict().items()
        for field, array in steps._asdict().items()
    }


def restored(
    saved: Mapping[str, np.ndarray], members: int, channels: int
) -> tuple[Memory, ...]:
    """What `arrays` gave, of each member; none of samples, or saved before.

    Raises:
        ValueError: If numbers are not those of remembered steps.
    """
    if not saved:
        return ()
    made = []
    for number in range(members):
        parts = [
            Steps(*(saved[f"{number}/{name}/{field}"] for field in Steps._fields))
            for name in Memory._fields
        ]
        for values, normal, breaks in parts:
            sound = values.ndim == 2 and values.shape[1] == channels
            sound = sound and values.dtype in (np.float32, np.float64)
            sound = sound and bool(np.isfinite(values).all())
            sound = sound and normal.dtype == bool and normal.shape == values.shape[:1]
            if not sound or not ((0 < breaks) & (breaks < len(values))).all():
                raise ValueError(
                    f"remembered steps are {values.dtype}{values.shape}, expected "
                    f"finite numbers [steps, {channels}]"
                )
        made.append(Memory(*parts))
    return tuple(made)
