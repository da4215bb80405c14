"""Options, presets and kinds of anomalies of the telemetry generator."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtsad.datasets.synthetic import generated


class Layout(NamedTuple):
    """How one spacecraft's channels look.

    Attributes:
        spacecraft: Name in the label table.
        columns: Number of columns C, telemetry first.
        active: Commands in use.
        T_test: Usual steps of the test part.
        length: Median length of an anomaly in steps.
        spans: Probabilities of 1, 2 and 3 anomalies in a channel.
    """

    spacecraft: str
    columns: int
    active: int
    T_test: int
    length: float
    spans: tuple[float, float, float]


LAYOUTS: Mapping[str, Layout] = {
    "smap": Layout("SMAP", 25, 6, 8000, 161, (45 / 55, 6 / 55, 4 / 55)),
    "msl": Layout("MSL", 55, 12, 2300, 121, (19 / 27, 7 / 27, 1 / 27)),
}
POINT = ("spike", "level_shift", "dropout", "noise_burst")
COMMAND = (
    "response_missing",
    "response_unprompted",
    "response_inverted",
    "response_delayed",
)
CONTEXTUAL = ("frozen", *COMMAND, "period_changed", "trend")
KINDS = POINT + CONTEXTUAL
CODES: Mapping[str, int] = {
    "spike": 1,
    "noise_burst": 3,
    "period_changed": 4,
    "trend": 5,
    **dict.fromkeys(COMMAND, 6),
    "frozen": 7,
    "level_shift": 8,
    "dropout": 8,
}
LETTERS: Mapping[str, str] = {
    "smooth": "S",
    "staircase": "T",
    "binary": "B",
    "spiky": "P",
    "drift": "D",
}
ARCHETYPES = tuple(LETTERS)
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "smooth": KINDS,
    "staircase": ("spike", "level_shift", "dropout", "frozen", *COMMAND),
    "binary": ("spike", "level_shift", "dropout", "frozen"),
    "spiky": ("spike", "level_shift", "dropout", *COMMAND),
    "drift": (*POINT, "frozen", "trend"),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """What the telemetry generator can be told.

    Attributes:
        n_channels: Number of channels; from 8 on one has two rows in the label table.
        kind: "smap" (25 columns) or "msl" (55).
        T_train: Steps of the training part.
        T_test: Steps of the test part; None for 8000 (smap) or 2300 (msl).
        archetypes: Archetypes, taken in turn; empty for drawn ones.
        anomalies: Whether the test part has any.
        events: Anomalies per channel as `(kind, start, length)` in place of drawn ones;
            command kinds move on to the next pulse.
        lengths: Least and most steps of an anomaly, per channel.
        label_slack: Labels begin early and end late by up to this share of the length.
        noise: Factor on the noise; 0 turns it off.
        resolution: Least step of the recorder in scaled units; 0 for none.
        command_periods: Steps between the pulses of a command, to draw from.
        pulse: Shortest and longest pulse in steps.
        dwell: Shortest and longest stay in a mode in steps.
    """

    n_channels: int = 8
    kind: str = "smap"
    T_train: int = 2880
    T_test: int | None = None
    archetypes: tuple[str, ...] = ()
    anomalies: bool = True
    events: tuple[tuple[tuple[str, int, int], ...], ...] = ()
    lengths: tuple[tuple[int, int], ...] = ()
    label_slack: float = 0.0
    noise: float = 1.0
    resolution: float = 0.0
    command_periods: tuple[int, ...] = (90, 180, 360, 720)
    pulse: tuple[int, int] = (1, 30)
    dwell: tuple[int, int] = (200, 1500)

    @property
    def steps(self) -> tuple[int, int]:
        """Steps of the training and the test part."""
        usual = LAYOUTS[self.kind].T_test
        return self.T_train, usual if self.T_test is None else self.T_test


_LONG, _SHORT = (600, 1500), (10, 130)
PRESETS: Mapping[str, Options] = {
    "smap": Options(),
    "msl": Options(kind="msl", T_train=2000),
    "tiny": Options(n_channels=2, T_train=600, T_test=800, dwell=(100, 300)),
    "loose": Options(label_slack=0.3),
    "lstm28": Options(
        n_channels=12,
        lengths=tuple(_LONG if i in (0, 2, 5, 7, 10) else _SHORT for i in range(12)),
    ),
    "demo": Options(
        n_channels=2,
        T_train=2400,
        T_test=2400,
        archetypes=("smooth", "spiky"),
        events=(
            (
                ("spike", 700, 60),
                ("level_shift", 1200, 80),
                ("response_missing", 1700, 100),
                ("frozen", 2150, 100),
            ),
            (
                ("level_shift", 800, 60),
                ("response_inverted", 1300, 100),
                ("dropout", 1900, 80),
            ),
        ),
        resolution=2.0**-10,
        command_periods=(180, 360),
        pulse=(20, 30),
        dwell=(60, 150),
    ),
}


def options_of(preset: str, changes: Mapping[str, Any]) -> Options:
    """The options of a preset with changes, checked.

    Raises:
        ValueError: If the preset or an option is unknown or a value is out of range.
    """
    options = generated.chosen(PRESETS, preset, changes)
    if options.kind not in LAYOUTS:
        raise ValueError(
            f"kind={options.kind!r} is unknown; the choices are {', '.join(LAYOUTS)}"
        )
    for archetype in options.archetypes:
        if archetype not in ARCHETYPES:
            raise ValueError(
                f"{archetype=} is unknown; the choices are {', '.join(ARCHETYPES)}"
            )
    for kind in (kind for channel in options.events for kind, _, _ in channel):
        if kind not in KINDS:
            raise ValueError(
                f"event {kind=} is unknown; the choices are {', '.join(KINDS)}"
            )
    if options.n_channels < 1:
        raise ValueError(f"n_channels={options.n_channels} must be at least 1")
    for name, value in zip(("T_train", "T_test"), options.steps, strict=True):
        if value < 100:
            raise ValueError(f"{name}={value} must be at least 100 steps")
    if not 0 <= options.label_slack < 1:
        raise ValueError(f"label_slack={options.label_slack} must be a share in [0, 1)")
    for name in ("pulse", "dwell"):
        low, high = getattr(options, name)
        if not 1 <= low <= high:
            raise ValueError(f"{name}={(low, high)} must be 1 <= shortest <= longest")
    return options
