"""What the generators return: parts with all their labels, and the way to `Series`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxtsad import types

CODES: Mapping[str, int] = {
    "normal": 0,
    "global": 1,
    "contextual": 2,
    "shapelet": 3,
    "seasonal": 4,
    "trend": 5,
    "command": 6,
    "frozen": 7,
    "level": 8,
}


class Event(NamedTuple):
    """One injected anomaly.

    Attributes:
        start: First labeled step.
        stop: One past the last labeled step.
        kind: Name of its kind.
        dims: The dimensions it changes.
    """

    start: int
    stop: int
    kind: str
    dims: tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """One part of a generated recording and the truth about it.

    Attributes:
        values: `[T, C]` float32, what a detector sees.
        clean: `[T, C]` float32, the same with its noise but without any event.
        labels: `[T]` int8, 1 where any dimension is anomalous.
        dimension_labels: `[T, C]` int8, 1 where this dimension is.
        codes: `[T]` int8, the type of the event (see `CODES`), 0 for normal.
        events: The events, ordered in time and disjoint.
    """

    values: np.ndarray
    clean: np.ndarray
    labels: np.ndarray
    dimension_labels: np.ndarray
    codes: np.ndarray
    events: tuple[Event, ...] = ()


Options = TypeVar("Options")


def chosen(
    presets: Mapping[str, Options], preset: str, changes: Mapping[str, Any]
) -> Options:
    """The options of a preset with changes, lists as tuples.

    Args:
        presets: Dataclasses by name.
        preset: Which of them.
        changes: Fields by name.

    Raises:
        ValueError: If the preset or an option is unknown.
    """
    if preset not in presets:
        raise ValueError(f"{preset=} is unknown; the choices are {', '.join(presets)}")
    options: Any = presets[preset]
    known = [field.name for field in dataclasses.fields(options)]
    for name in changes:
        if name not in known:
            raise ValueError(
                f"unknown option {name!r}; the choices are {', '.join(known)}"
            )
    lists = {name: tuple(v) for name, v in changes.items() if isinstance(v, list)}
    changed: Options = dataclasses.replace(options, **{**changes, **lists})
    return changed


def part_of(
    values: np.ndarray,
    clean: np.ndarray,
    events: Sequence[Event],
    codes: Mapping[str, int] = CODES,
) -> Part:
    """A part whose labels are exactly the spans of its events.

    Args:
        values: `[T, C]`.
        clean: `[T, C]`.
        events: Disjoint events.
        codes: Type code of each kind.
    """
    steps, dims = values.shape
    types_of = np.zeros(steps, np.int8)
    by_dimension = np.zeros((steps, dims), np.int8)
    for event in events:
        types_of[event.start : event.stop] = codes[event.kind]
        by_dimension[event.start : event.stop, list(event.dims)] = 1
    return Part(
        values=values.astype(np.float32),
        clean=clean.astype(np.float32),
        labels=by_dimension.max(axis=1, initial=0),
        dimension_labels=by_dimension,
        codes=types_of,
        events=tuple(sorted(events)),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Generated:
    """A generated recording of one entity.

    Attributes:
        name: Name of the entity.
        train: Training part; anomalies only where contamination was asked for.
        validation: Validation part that follows it in time; may have 0 steps.
        test: Test part with the events.
        channels: Names of the C channels.
        metadata: Seed, options and drawn parameters; plain values, fit for JSON.
    """

    name: str
    train: Part
    validation: Part
    test: Part
    channels: tuple[str, ...]
    metadata: Mapping[str, Any]

    def series(self) -> types.Series:
        """The recording as a `Series`; validation is the end of its training part.

        Labels of a contaminated training part travel in the metadata as
        "train_labels", where no detector looks by itself.
        """
        extra: dict[str, Any] = {}
        train_labels = np.concatenate([self.train.labels, self.validation.labels])
        if train_labels.any():
            extra["train_labels"] = train_labels
        return types.Series(
            name=self.name,
            train=np.concatenate([self.train.values, self.validation.values]),
            test=self.test.values,
            labels=self.test.labels,
            channels=self.channels,
            kinds=tuple((e.start, e.stop, e.kind) for e in self.test.events),
            metadata={**self.metadata, **extra},
        )
