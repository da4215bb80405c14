"""From scores to alarms: thresholds by budget, event rules, confidence, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxtsad.evaluation import events, thresholds
from jaxtsad.evaluation.alarms import confidence as confidences
from jaxtsad.evaluation.alarms import rules, tail
from jaxtsad.evaluation.alarms.tail import Tail
from jaxtsad.evaluation.thresholds import budget
from jaxtsad.pipeline.members import Fitted, Member
from jaxtsad.pipeline.setup import Setup
from jaxtsad.types import Scores

Days = Mapping[str, float] | None
"""By entity the steps of a day, where time is known."""


def calibrated(
    setup: Setup, members: Sequence[Member], scores: Sequence[Scores], days: Days
) -> dict[str, Any]:
    """What members know of their calibration scores, as fields of `Fitted`.

    Args:
        setup: The kind of threshold.
        members: The members.
        scores: Calibration scores of each.
        days: Steps of a day.

    Raises:
        ValueError: If a budget is by the day and time is not known.
    """
    per_day = tuple(_steps_per_day(member, days) for member in members)
    # Samples are in no order: no run is joined.
    gap = None if setup.series else 0
    made = []
    for each, steps in zip(scores, per_day, strict=True):
        options = dict(setup.threshold_options)
        if setup.threshold == "budget" and options.get("steps_per_day") is None:
            options["steps_per_day"] = steps
        made.append(thresholds.fit(setup.threshold, each, **options))
    return {
        "thresholds": tuple(made),
        "spreads": tuple(events.spread(each) for each in scores),
        "tails": tuple(tail.fit(each.values, gap) for each in scores),
        "steps_per_day": per_day,
    }


def _steps_per_day(member: Member, days: Days) -> float | None:
    """Steps of a day of a member's series; of a pooled one that of the middle one."""
    if not days:
        return None
    if member.entity is None:
        return float(np.median(list(days.values())))
    return days.get(member.entity)


def with_budget(fitted: Fitted, options: Mapping[str, Any]) -> Fitted:
    """Members with another budget, without fitting them again.

    Args:
        fitted: The members.
        options: Of `thresholds.budget.value`.

    Raises:
        ValueError: If a number is not positive, a budget is by the day and time is not
            known, or the members were saved before there were budgets.
    """
    setup = dataclasses.replace(
        fitted.setup, threshold="budget", threshold_options=dict(options)
    )
    made = []
    for member, before in enumerate(fitted.thresholds):
        used = {**thresholds.choices("budget"), **options}
        if used["steps_per_day"] is None and fitted.steps_per_day:
            used["steps_per_day"] = fitted.steps_per_day[member]
        value = tail_of(fitted, member).score_of(budget.rate(**used))
        made.append(
            dataclasses.replace(before, kind="budget", value=value, options=used)
        )
    return dataclasses.replace(fitted, setup=setup, thresholds=tuple(made))


def tail_of(fitted: Fitted, member: int) -> Tail:
    """The tail of a member's calibration scores.

    Raises:
        ValueError: If it was saved by a version that did not keep it.
    """
    if not fitted.tails:
        raise ValueError(
            "the detector was saved by a version that kept no calibration scores; fit "
            "it again for budgets and confidence"
        )
    return fitted.tails[member]


def rules_of(fitted: Fitted, member: int) -> rules.Rules:
    """By which rules a member's scores become events.

    Those of a detector saved before there were rules are that every run of steps above
    the threshold is an event.
    """
    opens, setup = fitted.thresholds[member].value, fitted.setup
    changes = {"shortest": setup.shortest, "cool_down": setup.cool_down}
    if not fitted.tails:
        return rules.Rules(opens, opens, **changes)
    return fitted.tails[member].rules(opens, **changes)


def events_of(
    fitted: Fitted,
    member: int,
    scores: np.ndarray,
    contributions: np.ndarray | None,
    channels: Sequence[str],
    breaks: Sequence[int] = (),
    chosen: rules.Rules | None = None,
) -> list[events.Event]:
    """Events of one series `[T]` by a member's or other rules; none crosses a break."""
    by = chosen or rules_of(fitted, member)
    return events.events(
        rules.find(by, scores, breaks),
        scores,
        threshold=by.opens,
        spread=fitted.spreads[member],
        tail=fitted.tails[member] if fitted.tails else None,
        contributions=contributions,
        channels=channels,
    )


def probabilities(fitted: Fitted, member: int, scores: np.ndarray) -> np.ndarray:
    """Share of normal data above and below scores `[T]`, as `[T, 2]`."""
    above = tail_of(fitted, member).probability(scores)
    return np.stack([above, 1 - above], axis=-1)


def confidence(fitted: Fitted, member: int, scores: np.ndarray) -> np.ndarray:
    """How sure the flags of scores `[T]` are (`evaluation.alarms.confidence`)."""
    threshold = fitted.thresholds[member].value
    return confidences.confidence(tail_of(fitted, member), scores, threshold)


def words(fitted: Fitted, member: int = 0) -> str:
    """What a member's threshold is and how many false events to expect, as a line.

    Example: "threshold 4.31, set on 1,150 steps; expect 0 to 3 false events a day".
    """
    threshold = fitted.thresholds[member]
    made = f"threshold {threshold.value:.6g}"
    if not fitted.tails:
        return made
    known = fitted.tails[member]
    noun = "steps" if fitted.setup.series else "samples"
    per_day = fitted.steps_per_day[member]
    span = f"in 1000 normal {noun}" if per_day is None else "a day"
    low, high = known.expected(threshold.value, per_day or 1000.0)
    count = f"{low} to {high}" if low < high else f"{low}"
    made += f", set on {known.steps:,} {noun}; expect {count} false events {span}"
    if known.rate * known.steps < 1 or not len(known.excesses):
        made += " (few differ, so nothing is known of larger ones)"
    return made


NUMBERS = ("steps", "level", "share", "gap")
"""What of a tail is no array."""


def contents(fitted: Fitted) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is saved of tails: arrays by name, and everything else."""
    arrays = {
        f"tail/{number}/{name}": getattr(each, name)
        for number, each in enumerate(fitted.tails)
        for name in ("excesses", "quantiles")
    }
    record = {
        "tails": [{n: getattr(each, n) for n in NUMBERS} for each in fitted.tails],
        "steps_per_day": list(fitted.steps_per_day),
    }
    return arrays, record


def read(
    arrays: Mapping[str, np.ndarray], record: Mapping[str, Any] | None, members: int
) -> tuple[tuple[Tail, ...], tuple[float | None, ...]]:
    """Tails and steps of a day as they were saved; none where they were not.

    Args:
        arrays: By number of the member and name.
        record: The rest; None of what was saved before there were any.
        members: Number of members.

    Raises:
        ValueError: If they are not those of tails.
    """
    if record is None:
        return (), ()
    tails = tuple(
        Tail(
            **{name: each[name] for name in NUMBERS},
            excesses=arrays[f"{number}/excesses"],
            quantiles=arrays[f"{number}/quantiles"],
        )
        for number, each in enumerate(record["tails"])
    )
    days = tuple(record["steps_per_day"])
    sound = len(tails) == len(days) == members
    sound &= all(each is None or 0 < each < np.inf for each in days)
    if not sound or not all(map(_sound, tails)):
        raise ValueError("its calibration scores are not those of one")
    return tails, days


def _sound(known: Tail) -> bool:
    arrays = (known.excesses, known.quantiles)
    return (
        all(each.ndim == 1 and each.dtype == np.float64 for each in arrays)
        and all(
            np.isfinite(each).all() and (np.diff(each) >= 0).all() for each in arrays
        )
        and len(known.quantiles) > 1
        and bool((known.excesses > 0).all())
        and isinstance(known.gap, int)
        and known.steps >= 1
        and known.gap >= 0
        and 0 <= known.share <= 1
        and bool(np.isfinite(known.level))
    )
