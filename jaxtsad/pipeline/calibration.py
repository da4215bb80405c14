"""The steps that causal scores are calibrated on, which are kept with a member.

A threshold is set on scores of the calibration part when a detector is fitted. Causal
scores need one of their own, which is set when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxtsad import types
from jaxtsad.pipeline.parts import Part

STEPS = 4096
"""So many of the last calibration steps are kept of a member, four windows at least."""
SERIES = 2**40
"""Steps of several series are counted from a multiple of this for each."""


class CalibrationSteps(NamedTuple):
    """Steps of one member, scaled as its calibrated model sees them.

    Attributes:
        values: `[S, C]` float32.
        counted: `[S]` bool, those that thresholds are fitted on.
        breaks: `[B]` int32, steps before which time jumps or another series begins.
        series: `[P]` int32, those of these before which another series begins.
    """

    values: np.ndarray
    counted: np.ndarray
    breaks: np.ndarray
    series: np.ndarray

    @property
    def places(self) -> np.ndarray:
        """`[S]` where each step is: in which series, and how far before its end.

        They increase. Of members with other windows, whose calibration parts begin
        later, the same step has the same place.
        """
        inner = self.series.tolist()
        ends = zip([0, *inner], [*inner, len(self.values)], strict=True)
        each = (
            (number + 1) * SERIES - np.arange(stop - start, 0, -1)
            for number, (start, stop) in enumerate(ends)
        )
        return np.concatenate([*each])


def last_steps(window: int, group: Sequence[Part]) -> CalibrationSteps:
    """The last calibration steps of a member's parts, as many of each.

    Args:
        window: Window length L in steps.
        group: The parts; those on whose calibration no threshold is fitted (the fit
            part, where another has a validation part) are left out.
    """
    held_out = [p for p in group if p.calibration.role is types.Role.VALIDATION]
    parts = held_out or list(group)
    most = max(STEPS // len(parts), 4 * window)
    values, counted, breaks, series, begin = [], [], [], [], 0
    for part in parts:
        first = max(0, len(part.calibration) - most)
        values.append(part.calibration.values[first:])
        counted.append(part.counted[first:])
        inner = [b - first for b in part.calibration.breaks if b > first]
        breaks += [begin + b for b in (0, *inner)]
        series.append(begin)
        begin += len(values[-1])
    marks = np.concatenate(counted)
    return CalibrationSteps(
        np.concatenate(values).astype(np.float32),
        marks if marks.any() else np.ones(len(marks), bool),
        np.array(breaks[1:], np.int32),
        np.array(series[1:], np.int32),
    )


def restored(
    arrays: Mapping[str, np.ndarray], members: int, channels: int
) -> tuple[CalibrationSteps, ...]:
    """What was saved by name, of each member; none of samples, or saved before.

    Raises:
        ValueError: If numbers are not those of calibration steps.
    """
    if not arrays:
        return ()
    made = []
    for number in range(members):
        # Saved by an earlier version, all steps count as those of one series.
        known = {f"{number}/series": np.zeros(0, np.int32), **arrays}
        fields = (known[f"{number}/{name}"] for name in CalibrationSteps._fields)
        part = CalibrationSteps(*fields)
        values, counted, breaks, series = part
        sound = values.ndim == 2 and values.shape[1] == channels
        sound = sound and values.dtype == np.float32 and np.isfinite(values).all()
        sound = sound and counted.dtype == bool and counted.any()
        sound = sound and counted.shape == values.shape[:1]
        sound = sound and bool(((0 < breaks) & (breaks < len(values))).all())
        if not sound or not np.isin(series, breaks).all():
            raise ValueError(
                f"calibration steps are {values.dtype}{values.shape}, expected finite "
                f"float32[steps, {channels}], some of which count"
            )
        made.append(part)
    return tuple(made)
