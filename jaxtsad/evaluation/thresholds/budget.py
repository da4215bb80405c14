"""A threshold by budget: so many false events in 1000 normal steps, or in a day."""

from __future__ import annotations

import numpy as np

from jaxtsad import validation
from jaxtsad.evaluation.alarms import tail
from jaxtsad.validation import Positive

ALLOWANCE = 1.1
"""Data that change after calibration have fewer events: a budget is so much larger."""
LASTING = 10
"""Steps that an event is taken to last; meanwhile no other opens."""


@validation.options
def rate(
    alarms_per_1000: Positive = 1.0,
    alarms_per_day: Positive | None = None,
    steps_per_day: Positive | None = None,
) -> float:
    """Events that a budget allows per step at which one could open.

    While an event lasts no other opens, so that the budget is left to the other steps,
    half of all at least, and a tenth is added.

    Args:
        alarms_per_1000: Events in 1000 steps.
        alarms_per_day: Events in a day; where it is given it counts instead.
        steps_per_day: Steps of a day, which `alarms_per_day` needs.

    Raises:
        ValueError: If a number is not positive or `steps_per_day` is missing.

    Example:
        >>> round(rate(alarms_per_day=2, steps_per_day=1000), 6)
        0.002245
    """
    if alarms_per_day is None:
        return _of_the_rest(alarms_per_1000 / 1000)
    if steps_per_day is None:
        raise ValueError(
            f"alarms_per_day={alarms_per_day:g} needs data with time stamps, or "
            "steps_per_day; or say alarms_per_1000"
        )
    return _of_the_rest(alarms_per_day / steps_per_day)


def _of_the_rest(per_step: float) -> float:
    return ALLOWANCE * per_step / max(1 - LASTING * per_step, 0.5)


@validation.options
def value(
    scores: np.ndarray,
    alarms_per_1000: Positive = 1.0,
    alarms_per_day: Positive | None = None,
    steps_per_day: Positive | None = None,
) -> float:
    """Threshold that events of normal data surpass as often as a budget allows.

    Events are the runs of `evaluation.alarms`; how often their peaks come is
    extrapolated, with few calibration steps on the side of fewer alarms.

    Args:
        scores: Calibration scores `[n]` of normal data, in order of time.
        alarms_per_1000: Events in 1000 steps.
        alarms_per_day: Events in a day; where it is given it counts instead.
        steps_per_day: Steps of a day, which `alarms_per_day` needs.

    Returns:
        The threshold. A budget that is larger than the rate at which runs come gives
        the level above which they lie.

    Raises:
        ValueError: If a number is not positive or `steps_per_day` is missing.

    Example:
        >>> scores = np.random.default_rng(0).exponential(size=100_000)
        >>> abs(value(scores, alarms_per_1000=1) - 6.908) < 0.25
        True
    """
    per_step = rate(alarms_per_1000, alarms_per_day, steps_per_day)
    return tail.fit(scores).score_of(per_step)
