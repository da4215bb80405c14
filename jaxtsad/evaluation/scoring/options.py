"""The kinds of score head and their options, by declaration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from jaxtsad import validation
from jaxtsad.validation import NotNegative, Positive, ShareAboveZero, Size

Width = Annotated[int, Field(ge=1, le=10_000, title="Width")]
Widths: TypeAlias = Annotated[tuple[Width, ...], Field(min_length=1)] | Literal["auto"]


@validation.config
class NoHead:
    """No head: the detector's score as it is."""


@validation.config
class Smooth:
    """The detector's score smoothed in time and calibrated.

    Attributes:
        widths: Steps of the means whose sum is the score; `auto` for half the period of
            the calibration scores, the period and twice that.
        passes: How often each mean is taken.
        centered: Whether a mean is over the steps around a step, which looks ahead by
            at most half a width a pass, or over those up to it, which comes late by
            half a width a pass.
    """

    widths: Widths = (30, 60, 120)
    passes: Annotated[int, Field(ge=1, le=4)] = 2
    centered: bool = True


@validation.config
class Evidence(Smooth):
    """Channels in units of what is normal for each, combined, smoothed, calibrated.

    Attributes:
        power: Of each channel's smoothed evidence before channels are combined.
        combine: `mean` over channels; `groups`, mean of the means of live channels and
            of the others; `top`, mean of the largest; `max`.
        top: Channels that count under `combine = "top"`.
        channel_floor: Added to a channel's scale, as a share of the mean scale.
        floor: Least deviation of the calibration scores, which are logarithms.
    """

    power: ShareAboveZero = 0.35
    combine: Literal["mean", "groups", "top", "max"] = "mean"
    top: Size = 3
    channel_floor: NotNegative = 1.0
    floor: Positive = 0.05


@validation.config
class Gated(Evidence):
    """Evidence that counts as a pre-trained gate sees an anomaly in the column itself.

    Attributes:
        gate_power: Exponent of the gate's probability.
    """

    gate_power: NotNegative = 3.0


Options: TypeAlias = NoHead | Smooth
HeadKind = Literal["none", "smooth", "evidence", "gated"]
KINDS: dict[str, type[Options]] = {
    "none": NoHead,
    "smooth": Smooth,
    "evidence": Evidence,
    "gated": Gated,
}


def make(kind: str, options: Mapping[str, Any]) -> Options:
    """The options of a kind of head, those not given by default.

    Raises:
        ValueError: Naming the kind or the option, and what would be right.

    Example:
        >>> make("smooth", {"passes": 1}).widths
        (30, 60, 120)
        >>> make("smooth", {"power": 1})
        Traceback (most recent call last):
        ValueError: power=1 is no option of head 'smooth'; the choices are widths, \
passes, centered
    """
    names = list(choices(kind))
    if options and not names:
        first = next(iter(options))
        raise ValueError(
            f"{first}={validation.shown(options[first])} is no option of head "
            f"{kind!r}, which has none"
        )
    validation.check_names(options, names, f"option of head {kind!r}")
    return KINDS[kind](**options)


def choices(kind: str) -> dict[str, Any]:
    """Options of a kind with their defaults.

    Raises:
        ValueError: If there is no such kind.
    """
    if kind not in list(KINDS):
        raise ValueError(
            f"head={validation.shown(kind)} is unknown; the choices are "
            f"{', '.join(KINDS)}"
        )
    return dataclasses.asdict(KINDS[kind]())


def reach(options: Smooth, widths: tuple[int, ...]) -> tuple[int, int]:
    """Steps before and after a step on which its score depends, beside the detector's.

    Example:
        >>> reach(Smooth(), (30, 60, 120)), reach(Smooth(centered=False), (30,))
        ((120, 118), (58, 0))
    """
    each = [
        (width // 2, width - 1 - width // 2) if options.centered else (width - 1, 0)
        for width in widths
    ]
    before, after = zip(*each, strict=True)
    return options.passes * max(before), options.passes * max(after)
