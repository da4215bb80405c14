"""Where events go: lengths first, then the free space broken between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtsad.datasets.synthetic import taxonomy_options

POINTS = ("global", "contextual")
TRIES = 200


class Slot(NamedTuple):
    """Room for one event: its kind, first step, own length and length of its ramp."""

    kind: str
    start: int
    length: int
    ramp: int

    @property
    def stop(self) -> int:
        """One past the last labeled step."""
        return self.start + self.length + self.ramp


class Plan(NamedTuple):
    """Slots in time order, and the gaps they keep around segments and points."""

    slots: tuple[Slot, ...]
    gap: int
    point_gap: int


def _bounds(kind: str, period: int, fixed: int | None) -> tuple[int, int]:
    if kind in POINTS:
        return 1, 1
    if fixed is not None:
        return fixed, fixed
    return (period // 2, 2 * period) if kind == "shapelet" else (period, 3 * period)


def _ramp(kind: str, period: int, options: taxonomy_options.Options) -> int:
    returns = kind == "trend" and options.trend_after == "return"
    return period // 2 if returns else 0


def _draw(
    rng: np.random.Generator, low: int, high: int, share: float, ramp: int = 0
) -> list[int]:
    """Lengths of one kind until they reach `share` steps; the last one is cut to it."""
    drawn: list[int] = []
    while not drawn or sum(drawn) + ramp * len(drawn) < share - 0.5:
        left = round(share) - sum(drawn) - ramp * len(drawn)
        drawn.append(max(low, min(int(rng.integers(low, high + 1)), left)))
    return drawn


def lengths(
    rng: np.random.Generator, options: taxonomy_options.Options, steps: int, period: int
) -> list[Slot]:
    """Unplaced slots of a test part: every type present, each with its share.

    Lengths shrink toward their least where events would fill over half of the part.
    """
    slots: list[tuple[Slot, int]] = []
    for kind in options.kinds:
        low, high = _bounds(kind, period, options.length)
        if options.count is not None:
            drawn = [int(rng.integers(low, high + 1)) for _ in range(options.count)]
        else:
            drawn = _draw(rng, low, high, steps * options.ratio / len(options.kinds))
        ramp = _ramp(kind, period, options)
        slots += [(Slot(kind, 0, length, ramp), low) for length in drawn]
    least = sum(low + slot.ramp for slot, low in slots)
    spare = sum(slot.length - low for slot, low in slots)
    factor = min(1.0, max(0.0, steps / 2 - least) / spare) if spare else 1.0
    return [
        slot._replace(length=low + int((slot.length - low) * factor))
        for slot, low in slots
    ]


def contamination(
    rng: np.random.Generator, options: taxonomy_options.Options, steps: int, period: int
) -> list[Slot]:
    """Unplaced slots whose steps add up to the contamination as closely as they can.

    Types too long for what is left are skipped, and single points fill the rest.
    """
    left = round(options.contamination * steps)
    kinds = sorted(
        options.kinds, key=lambda kind: -_bounds(kind, period, options.length)[0]
    )
    slots: list[Slot] = []
    for position, kind in enumerate(kinds):
        low, high = _bounds(kind, period, options.length)
        ramp = _ramp(kind, period, options)
        share = left / (len(kinds) - position)
        if share < low + ramp:
            continue
        drawn = _draw(rng, low, high, share, ramp)
        if sum(drawn) + ramp * len(drawn) > left:
            drawn.pop()
        slots += [Slot(kind, 0, length, ramp) for length in drawn]
        left -= sum(drawn) + ramp * len(drawn)
    return slots


def place(
    rng: np.random.Generator,
    slots: Sequence[Slot],
    steps: int,
    gap: int,
    admissible: np.ndarray,
) -> Plan:
    """Places slots in random order by breaking the free space uniformly.

    Segments keep `gap` steps to everything else, or what half of the free space
    allows; points share half of what is left then. A contextual point moves on to the
    next admissible step.

    Args:
        rng: Source of the order and the breaks.
        slots: Unplaced slots.
        steps: Steps T of the part.
        gap: Wanted gap in steps to other events and to the ends.
        admissible: `[T]` bool, steps at which a contextual point is possible.

    Returns:
        The placed slots in time order.

    Raises:
        ValueError: If the part is too short for the events.
    """
    if not slots:
        return Plan((), gap, gap)
    order = [slots[index] for index in rng.permutation(len(slots))]
    free = steps - sum(slot.length + slot.ramp for slot in order)
    segment = np.array([False, *(slot.kind not in POINTS for slot in order), False])
    wide = segment[:-1] | segment[1:]
    n_wide, n_narrow = int(wide.sum()), int((~wide).sum())
    wide_gap = min(gap, free // 2 // n_wide) if n_wide else gap
    rest = free - wide_gap * n_wide
    narrow_gap = min(gap, rest // 2 // n_narrow) if n_narrow else gap
    rest -= narrow_gap * n_narrow
    if min(wide_gap, narrow_gap, rest) < 1:
        raise ValueError(
            f"no room for {len(slots)} events of together {steps - free} steps in a "
            f"part of {steps} steps; ask for fewer (ratio, count) or a longer part"
        )
    least = np.where(wide, wide_gap, narrow_gap)
    for _ in range(TRIES):
        breaks = np.sort(rng.integers(0, rest + 1, len(order)))
        gaps = least + np.diff(np.concatenate([[0], breaks, [rest]]))
        placed = _settle(order, gaps, least, steps, admissible)
        if placed is not None:
            return Plan(placed, wide_gap, narrow_gap)
    raise ValueError(
        f"no admissible steps for the contextual points among {len(slots)} events in "
        f"a part of {steps} steps; ask for fewer or a longer part"
    )


def _settle(
    order: Sequence[Slot],
    gaps: np.ndarray,
    least: np.ndarray,
    steps: int,
    admissible: np.ndarray,
) -> tuple[Slot, ...] | None:
    placed: list[Slot] = []
    planned, stop = 0, 0
    for slot, wanted, need in zip(order, gaps[:-1], least[:-1], strict=True):
        planned += int(wanted)
        start = max(planned, stop + int(need))
        if slot.kind == "contextual":
            ahead = np.flatnonzero(admissible[start:])
            if not len(ahead):
                return None
            start += int(ahead[0])
        placed.append(slot._replace(start=start))
        planned += slot.length + slot.ramp
        stop = placed[-1].stop
    return tuple(placed) if stop + int(least[-1]) <= steps else None
