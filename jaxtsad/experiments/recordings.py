"""The entities of a config, series or samples, in groups that share a program."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtsad import blocks
from jaxtsad.datasets import catalog, gluing, places, smap_msl
from jaxtsad.experiments import sample_tasks
from jaxtsad.experiments.config import Config
from jaxtsad.experiments.sample_tasks import SampleTask
from jaxtsad.types import Series


class Group(NamedTuple):
    """Entities with steps or samples of one shape: one compiled program."""

    name: str
    series: tuple[Series, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return channel_names(self.series[0])

    @property
    def known(self) -> list[np.ndarray | None]:
        """Known anomalies of each entity, which only samples have."""
        return [getattr(one, "known", None) for one in self.series]


def channel_names(series: Series) -> tuple[str, ...]:
    """Names of channels or columns, by position where a recording has none."""
    if series.channels or isinstance(series, SampleTask):
        return series.channels
    return tuple(f"channel_{i}" for i in range(series.train.shape[1]))


def entities(config: Config) -> list[str] | None:
    """Names of a config's entities in order; None where only reading can tell."""
    data = config.data
    if data.entities or config.kind == "samples" or data.pooling == "glued":
        return list(data.entities) or None
    if data.options or data.dataset == "demo":
        return None
    return catalog.entities(data.dataset, places.data_root(data.root or None))


def load(config: Config) -> list[Series]:
    """Loads the recordings of a config, with the channels it keeps, or its samples.

    Raises:
        ValueError: If the data set, an entity or a channel is unknown.
    """
    if config.kind == "samples":
        return [*sample_tasks.load(config)]
    data = config.data
    root = data.root or None
    series = catalog.load(
        data.dataset,
        root if data.dataset == "demo" else places.data_root(root),
        entities=list(data.entities) or None,
        **data.options,
    )
    if not series:
        raise ValueError(f"data.dataset={data.dataset!r} gave no recording")
    if data.channels:
        series = [_selected(one, data.channels) for one in series]
    if data.pooling == "glued":
        unlabelled = [one.name for one in series if one.labels is None]
        drop = [*unlabelled, *smap_msl.DROPPED_BY_PAPERS]
        series = [gluing.glue(series, drop=drop)]
    return series


def is_on_disk(series: Sequence[Series]) -> bool:
    """Whether values of a recording are too many to be held in memory."""
    parts = [part for one in series for part in (one.train, getattr(one, "test", None))]
    return any(isinstance(part, blocks.DiskArray) for part in parts)


def groups(series: Sequence[Series]) -> list[Group]:
    """Recordings by their number of channels; samples have one shape."""
    if any(isinstance(one, SampleTask) for one in series):
        return [Group("samples", tuple(series))]
    counts = sorted({one.train.shape[1] for one in series})
    return [
        Group(
            f"channels_{count}",
            tuple(one for one in series if one.train.shape[1] == count),
        )
        for count in counts
    ]


def _selected(series: Series, wanted: Sequence[str]) -> Series:
    index = []
    for name in wanted:
        if name in series.channels:
            index.append(series.channels.index(name))
        elif name.isdecimal() and int(name) < series.train.shape[1]:
            index.append(int(name))
        else:
            raise ValueError(
                f"data.channels: {name!r} is no channel of {series.name!r}; the "
                f"choices are {', '.join(series.channels[:12])} or positions below "
                f"{series.train.shape[1]}"
            )

    def kept(values: Any) -> Any:
        return blocks.by_blocks(lambda rows: rows[:, index], values)

    return dataclasses.replace(
        series,
        train=kept(series.train),
        test=None if series.test is None else kept(series.test),
        channels=tuple(series.channels[i] for i in index) if series.channels else (),
    )
