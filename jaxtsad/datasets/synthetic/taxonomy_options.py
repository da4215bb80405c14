"""Options, presets and difficulties of the taxonomy generator."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtsad.datasets.synthetic import generated

TYPES = ("global", "contextual", "shapelet", "seasonal", "trend")


class Strength(NamedTuple):
    """How far events depart; A is half the range of the clean wave.

    Attributes:
        reach: Range of a global point's distance from the center, in A.
        jump: Least distance of a contextual point from the clean value, in A.
        shape: Shape of a shapelet.
        factor: Frequency of a seasonal event, in that of the wave.
        slope: Change over a trend event, in A.
    """

    reach: tuple[float, float]
    jump: float
    shape: str
    factor: float
    slope: float


STRENGTHS: Mapping[str, Strength] = {
    "easy": Strength((2.5, 4.0), 1.2, "square", 3.0, 2.0),
    "medium": Strength((1.6, 2.5), 0.9, "triangle", 2.0, 1.2),
    "hard": Strength((1.25, 1.6), 0.6, "cubed", 1.5, 0.7),
    # The demo of the original: factor 3.5 for points, 20 odd harmonics, frequency
    # times 3, and a slope of .5 per step that adds 5 to a wave of A = 1.5.
    "original": Strength((3.5, 3.5), 1.2, "square", 3.0, 10 / 3),
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "difficulty": tuple(STRENGTHS),
    "base": ("sines", "switching", "am"),
    "trend_after": ("return", "shift"),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """What the taxonomy generator can be told.

    Attributes:
        T_train: Steps of the training part, at least the longest period.
        T_val: Steps of the validation part, may be 0.
        T_test: Steps of the test part.
        dims: Number of dimensions.
        types: Types of events in the test part; empty for none.
        ratio: Wanted share of anomalous steps, shared equally between the types.
        difficulty: "easy", "medium", "hard" or "original" (see `STRENGTHS`).
        single_type: One type in place of `types`.
        contamination: Share of anomalous steps in training and validation.
        coupling: Share of dimension 0's clean wave in every other dimension.
        trend_per_1000: Slow rise per 1000 steps of every dimension.
        trend_after: After a trend event "return" to the base along a labeled ramp, or
            stay shifted to the end, unlabeled ("shift").
        base: "sines"; "switching" between two waveforms; "am", modulated amplitude.
        periods: Periods to draw from, in steps.
        count: Events of each type in place of `ratio`.
        length: Length of every segment in steps in place of the drawn one.
        own_dimension: Type number i affects dimension i and no other.
        waves: Fixed `(shape, coef, offset)` per dimension in place of drawn ones.
    """

    T_train: int = 10_000
    T_val: int = 2_000
    T_test: int = 10_000
    dims: int = 5
    types: tuple[str, ...] = TYPES
    ratio: float = 0.05
    difficulty: str = "medium"
    single_type: str | None = None
    contamination: float = 0.0
    coupling: float = 0.0
    trend_per_1000: float = 0.0
    trend_after: str = "return"
    base: str = "sines"
    periods: tuple[int, ...] = (25, 40, 64)
    count: int | None = None
    length: int | None = None
    own_dimension: bool = False
    waves: tuple[tuple[str, float, float], ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Types of events in effect."""
        return self.types if self.single_type is None else (self.single_type,)


PRESETS: Mapping[str, Options] = {
    "tiny": Options(T_train=600, T_val=200, T_test=600, dims=2, periods=(25,), count=2),
    "small": Options(T_train=2000, T_val=500, T_test=2000),
    "default": Options(),
    "original400": Options(
        T_train=400,
        T_val=100,
        T_test=400,
        ratio=0.25,
        difficulty="original",
        periods=(25,),
        length=10,
        own_dimension=True,
        waves=(
            ("sine", 1.5, 0.0),
            ("cosine", 2.5, 0.0),
            ("sine", 1.5, 0.0),
            ("cosine", 2.5, 2.0),
            ("sine", 1.5, -2.0),
        ),
    ),
}


def options_of(preset: str, changes: Mapping[str, Any]) -> Options:
    """The options of a preset with changes, checked.

    Raises:
        ValueError: If the preset or an option is unknown or a value is out of range.
    """
    options = generated.chosen(PRESETS, preset, changes)
    _check(options)
    return options


def _check(options: Options) -> None:
    for name, choices in CHOICES.items():
        value = getattr(options, name)
        if value not in choices:
            raise ValueError(
                f"{name}={value!r} is unknown; the choices are {', '.join(choices)}"
            )
    for kind in options.kinds:
        if kind not in TYPES:
            raise ValueError(
                f"type {kind!r} is unknown; the choices are {', '.join(TYPES)}"
            )
    for name in ("ratio", "contamination", "coupling"):
        if not 0 <= getattr(options, name) < 1:
            value = getattr(options, name)
            raise ValueError(f"{name}={value!r} must be a share in [0, 1)")
    for name, least in (("dims", 1), ("T_val", 0), ("T_test", 1)):
        if getattr(options, name) < least:
            value = getattr(options, name)
            raise ValueError(f"{name}={value!r} must be at least {least}")
    if not options.periods or min(options.periods) < 4:
        raise ValueError(f"periods={options.periods!r} must all be at least 4 steps")
    if options.T_train < max(options.periods):
        raise ValueError(
            f"T_train={options.T_train} must hold the longest period, "
            f"{max(options.periods)} steps"
        )
    if options.own_dimension and options.dims < len(options.kinds):
        raise ValueError(
            f"dims={options.dims} is fewer than the {len(options.kinds)} types that "
            "each need their own"
        )
