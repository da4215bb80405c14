"""The channels of the comparison, chosen by the published rule, and window labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxtsad.datasets import labels, smap_msl
from jaxtsad.datasets.reading import spans
from jaxtsad.types import Series

PUBLISHED = (
    "A-7 A-8 A-9 D-1 D-12 D-15 D-16 D-2 D-3 D-4 D-7 D-9 E-1 E-12 E-2 E-3 E-4 E-8 "
    "F-2 F-8 M-1 M-2 P-1 P-2 P-3 P-7 T-1 T-2"
).split()
LEAST = 100


class Selection(NamedTuple):
    """Which channels are compared on, and why.

    Attributes:
        names: The channels, in plain string order.
        rule: Those that the published rule keeps.
        labelled: How many channels have labels.
        chosen: Whether the channels were named by hand instead.
    """

    names: list[str]
    rule: list[str]
    labelled: int
    chosen: bool

    @property
    def verified(self) -> bool:
        """Whether the rule keeps exactly the published channels."""
        return self.rule == PUBLISHED

    def __str__(self) -> str:
        told = (
            f"{len(self.rule)} of {self.labelled} labelled channels have at least "
            f"{LEAST} anomalous test windows of 10 steps, one every 5"
        )
        if self.verified:
            told += "; they are the 28 that were published"
        else:
            missing = len(set(PUBLISHED) - set(self.rule))
            extra = len(set(self.rule) - set(PUBLISHED))
            told += (
                f"; {missing} of the 28 that were published are not among them, "
                f"{extra} others are"
            )
        if self.chosen:
            told += f". Compared on {len(self.names)} named by hand"
        return told + "."


def select(
    root: str | os.PathLike[str], names: Sequence[str] | None = None
) -> Selection:
    """Chooses the channels by the rule, from test labels, or takes those named.

    Raises:
        FileNotFoundError: If there is no label table below `root`.
        ValueError: If a name has no labels, or the rule keeps no channel.
    """
    known = smap_msl.labels(root)
    rule = labels.with_anomalies(known, least=LEAST)
    if names:
        for name in names:
            if name not in known:
                raise ValueError(
                    f"channel {name!r} has no labels; the rule keeps {', '.join(rule)}"
                )
            if not 0 < known[name].mean() < 1:
                raise ValueError(
                    f"channel {name!r} has test steps of one class only, there is "
                    "nothing to rank"
                )
    elif not rule:
        raise ValueError(
            f"none of {len(known)} labelled channels has {LEAST} anomalous windows; "
            "name some with --channels"
        )
    return Selection(sorted(set(names or rule)), rule, len(known), bool(names))


def load(root: str | os.PathLike[str], names: Sequence[str]) -> list[Series]:
    """Loads channels in plain string order."""
    return smap_msl.load(root, list(names))


class WindowLabels:
    """Labels of test windows, by channel.

    Args:
        series: The channels.
        first: What the first rows of the label table say, by channel, for the labels
            that the published notebooks use; None for a label from each window's steps.
    """

    def __init__(
        self, series: Sequence[Series], first: Mapping[str, smap_msl.Labels] | None
    ) -> None:
        self._steps = {one.name: one.labels for one in series}
        self._first = first

    def __call__(self, name: str, length: int, stride: int) -> np.ndarray:
        """Labels `[N]` int8 of one channel's test windows, the tail left out."""
        steps = self._steps[name]
        assert steps is not None
        starts = np.arange(0, len(steps) - length + 1, stride)
        if self._first is None:
            return labels.window_labels(steps, starts, length)
        return by_number(self._first[name].spans, len(starts), stride)


def by_number(events: Sequence[spans.Span], count: int, stride: int) -> np.ndarray:
    """Labels `[count]` of windows by their numbers, as the published notebooks do.

    Window w is anomalous where `start // stride <= w <= last // stride` for an event,
    so the windows that only reach into an event from its left are missed.

    Example:
        >>> by_number([(12, 16, "point")], 5, 5)
        array([0, 0, 1, 1, 0], dtype=int8)
    """
    marked = np.zeros(count, np.int8)
    for start, stop, _ in events:
        marked[start // stride : (stop - 1) // stride + 1] = 1
    return marked
