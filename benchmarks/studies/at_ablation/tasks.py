"""One data set, chosen, cut in time and scaled for all variants alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.studies.at_ablation.variants import Preset
from jaxtsad import types
from jaxtsad.datasets import catalog, places
from jaxtsad.experiments import facts
from jaxtsad.pipeline import parts
from jaxtsad.pipeline.parts import Part
from jaxtsad.pipeline.setup import Setup
from jaxtsad.types import Series, Split


class Task(NamedTuple):
    """What every variant is trained and tested on.

    Attributes:
        name: Of the data set.
        series: Its recordings, chosen, with the columns that are kept.
        columns: Positions of those columns.
        setup: Windows, scaling and pooling.
        parts: Training parts, scaled together.
        tests: Test parts, scaled alike.
    """

    name: str
    series: tuple[Series, ...]
    columns: tuple[int, ...]
    setup: Setup
    parts: tuple[Part, ...]
    tests: tuple[Split, ...]

    @property
    def names(self) -> list[str]:
        """Names of the entities."""
        return [one.name for one in self.series]

    @property
    def labels(self) -> list[np.ndarray]:
        """Test labels `[T]` of each entity."""
        return [np.asarray(one.labels) for one in self.series]


def load(name: str, preset: Preset, root: str | None) -> Task:
    """Loads a data set and prepares it.

    Raises:
        ValueError: If it is unknown or nothing of it is labelled.
        FileNotFoundError: If it is not there.
    """
    everything = sorted(
        (
            one
            for one in catalog.load(name, places.data_root(root))
            if one.test is not None and one.labels is not None
        ),
        key=lambda one: one.name,
    )
    if not everything:
        raise ValueError(f"{name} has no recording with a labelled test part")
    series = _chosen(name, everything, preset)
    columns = _columns(series, preset.columns)
    series = [_narrowed(one, columns) for one in series]
    fit = sum(max(0, int(0.8 * len(one.train)) - preset.length) for one in series)
    stride = max(1, fit // preset.windows) if preset.windows else 1
    setup = Setup(
        "anomaly_transformer",
        window=preset.length,
        stride=min(stride, preset.length),
        score_stride=preset.score_stride,
        pooling="pooled",
        batch_size=preset.batch_size,
        scaler=preset.scaler,
    )
    prepared = parts.prepare(setup, [(one.name, one.train) for one in series])
    scaler = prepared[0].scaler
    tests = tuple(
        scaler.apply(types.cut_test(np.asarray(one.test), entity=one.name))
        for one in series
    )
    return Task(name, tuple(series), tuple(columns), setup, prepared, tests)


def described(task: Task) -> dict[str, object]:
    """What a report says of the data, and what tells one run's from another's."""
    return {
        "entities": task.names,
        "columns": list(task.columns),
        "steps": int(sum(len(one) for one in task.tests)),
        "labelled": float(np.concatenate(task.labels).mean()),
        "window": task.setup.window,
        "stride": task.setup.stride,
        "checksums": facts.data_checksums(task.series),
    }


def _chosen(name: str, series: Sequence[Series], preset: Preset) -> list[Series]:
    taken = {one.name for one in series[:: preset.every.get(name, 1)]}
    taken |= set(preset.also.get(name, ()))
    return [one for one in series if one.name in taken]


def _columns(series: Sequence[Series], most: int) -> list[int]:
    """The columns that vary most in training, in their order; all where 0."""
    train = np.concatenate([one.train for one in series])
    if not most:
        return list(range(train.shape[1]))
    spread = np.nanstd(train.astype(np.float64), axis=0)
    return sorted(int(i) for i in np.argsort(-spread, kind="stable")[:most])


def _narrowed(series: Series, columns: list[int]) -> Series:
    return dataclasses.replace(
        series,
        train=series.train[:, columns],
        test=np.asarray(series.test)[:, columns],
        channels=tuple(series.channels[i] for i in columns) if series.channels else (),
    )
