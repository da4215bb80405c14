"""Generated recordings with known anomalies, in place of and beside the public ones.

`make_neurips_ts` makes periodic series with the five types of anomaly of Lai et al.,
"Revisiting Time Series Outlier Detection" (NeurIPS 2021). `make_telemetry` makes
spacecraft-like telemetry whose commands it answers to, in the layout of SMAP and MSL
(Hundman et al., KDD 2018). Both are reproducible: every section, series and dimension
has a random stream of its own.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from jaxtsad import types
from jaxtsad.datasets.synthetic import (
    compose,
    generated,
    layout,
    recorder,
    taxonomy_options,
    telemetry_options,
)

Event = generated.Event
Generated = generated.Generated
Part = generated.Part
TaxonomyOptions = taxonomy_options.Options
TelemetryOptions = telemetry_options.Options
TYPE_CODES = {**generated.CODES, **telemetry_options.CODES}
TELEMETRY_KINDS = telemetry_options.KINDS

DEMO_SEED = 6


def make_neurips_ts(
    seed: int = 0, preset: str = "default", *, series: int = 0, **options: Any
) -> Generated:
    """Generates a periodic recording with anomalies of known type.

    Args:
        seed: Seed of the data, at least 0.
        preset: "tiny", "small", "default" or "original400", the sizes and strengths of
            the original's demonstration without its overlaps and unlabeled shifts.
        series: Number of the recording under this seed.
        **options: Changes to the preset, see `TaxonomyOptions`: `T_train`, `T_val`,
            `T_test` (steps), `dims`, `types`, `ratio`, `difficulty`, ...

    Returns:
        Train, validation and test parts with values `[T, C]` and all their labels.

    Raises:
        ValueError: If an option is unknown or out of range, or the test part is too
            short for the events asked for.

    Example:
        >>> made = make_neurips_ts(0, "tiny", single_type="seasonal")
        >>> made.test.values.shape, [event.kind for event in made.test.events]
        ((600, 2), ['seasonal', 'seasonal'])
        >>> made.series().train.shape
        (800, 2)
    """
    _check_seed(seed)
    checked = taxonomy_options.options_of(preset, options)
    return compose.compose(checked, seed, series, f"{preset}-{series}")


@dataclasses.dataclass(frozen=True, eq=False)
class Telemetry:
    """Generated channels of one spacecraft.

    Attributes:
        channels: The channels; column 0 is telemetry, the others are commands.
        options: What they were made with.
    """

    channels: tuple[Generated, ...]
    options: TelemetryOptions

    def series(self) -> list[types.Series]:
        """The channels as `Series`, in order."""
        return [channel.series() for channel in self.channels]


def make_telemetry(seed: int = 0, preset: str = "smap", **options: Any) -> Telemetry:
    """Generates spacecraft-like telemetry that answers to recorded commands.

    Column 0 lies in about [-.9, .9], scaled by the training part alone (the public
    files are scaled by their test parts); the other columns are 0/1 commands.

    Args:
        seed: Seed of the data, at least 0.
        preset: "smap", "msl", "tiny", "loose" (labels begin early and end late),
            "lstm28" (12 channels, 5 of which have 100 anomalous windows of 10 steps) or
            "demo", the bundled recording under seed `DEMO_SEED`.
        **options: Changes to the preset, see `TelemetryOptions`.

    Raises:
        ValueError: If an option is unknown or out of range.

    Example:
        >>> made = make_telemetry(0, "tiny", archetypes=("smooth", "spiky"))
        >>> [(each.name, each.test.values.shape) for each in made.channels]
        [('S-1', (800, 25)), ('P-1', (800, 25))]
    """
    _check_seed(seed)
    checked = telemetry_options.options_of(preset, options)
    return Telemetry(tuple(recorder.channels(checked, seed)), checked)


def write_telemetry(root: str | os.PathLike[str], telemetry: Telemetry) -> pathlib.Path:
    """Writes channels as the public SMAP/MSL archive is laid out.

    Files are `train/<id>.npy`, `test/<id>.npy` (float32), `labeled_anomalies.csv` with
    the public header, inclusive ends and the kinds of the events as classes, and
    `generated.json`. From 8 channels on, the second has two rows in the table whose
    union is the truth.

    Args:
        root: Folder to write to; made where absent.
        telemetry: The channels.
    """
    doubled = telemetry.options.n_channels >= 8
    return layout.write(root, telemetry.channels, doubled)


def write_demo(root: str | os.PathLike[str]) -> pathlib.Path:
    """Writes the recording that travels with the package in `data/demo`.

    Two channels of 2400 training and 2400 test steps with seven events of six kinds.
    The same files come out on every machine: telemetry is recorded in steps of 1/1024.
    In the repository, `write_demo("data/demo")` writes it anew.

    Args:
        root: Folder to write to; made where absent.
    """
    return write_telemetry(root, make_telemetry(DEMO_SEED, "demo"))


def load(
    root: str | os.PathLike[str] | None = None,
    entities: Sequence[str] | None = None,
    *,
    kind: str = "taxonomy",
    preset: str | None = None,
    seed: int = 0,
    count: int = 1,
    **options: Any,
) -> list[types.Series]:
    """Generates recordings through the entry point that every data set has.

    Args:
        root: Not used; nothing is read.
        entities: Names to keep, in this order; None for all.
        kind: "taxonomy" (`make_neurips_ts`) or "telemetry" (`make_telemetry`).
        preset: Preset of the generator; None for "small" or "smap".
        seed: Seed of the data.
        count: Recordings to make; telemetry has its own `n_channels`.
        **options: Changes to the preset.

    Raises:
        ValueError: If the kind or an entity is unknown.

    Example:
        >>> [series] = load(preset="tiny")
        >>> series.name, series.test.shape
        ('tiny-0', (600, 2))
    """
    del root
    if kind == "taxonomy":
        preset = preset or "small"
        made = [
            make_neurips_ts(seed, preset, series=number, **options).series()
            for number in range(count)
        ]
    elif kind == "telemetry":
        made = make_telemetry(seed, preset or "smap", **options).series()
    else:
        raise ValueError(f"{kind=} is unknown; the choices are taxonomy, telemetry")
    known = {series.name: series for series in made}
    for entity in entities or ():
        if entity not in known:
            raise ValueError(
                f"{entity=} is unknown; the choices are {', '.join(known)}"
            )
    return made if entities is None else [known[entity] for entity in entities]


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise ValueError(f"{seed=} must be at least 0")
