"""Writes generated telemetry as the public SMAP/MSL archive is laid out."""

from __future__ import annotations

import csv
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad.datasets.synthetic import generated

HEADER = ("chan_id", "spacecraft", "anomaly_sequences", "class", "num_values")
DOUBLED = 1


def rows(
    channels: Sequence[generated.Generated], doubled: bool
) -> list[tuple[str, str, str, str, int]]:
    """Rows of the label table; ends are inclusive as in the public one.

    A channel without events has no row, as T-10 has none there.

    Args:
        channels: The channels.
        doubled: Gives the second channel two rows whose spans overlap, as P-2 has in
            the public table; their union is the truth.
    """
    table = []
    for number, channel in enumerate(channels):
        events = list(channel.test.events)
        if doubled and number == DOUBLED and events:
            first, *others = events
            part = max(1, (first.stop - first.start) // 5)
            table.append(
                _row(channel, [first._replace(stop=first.stop - part), *others])
            )
            table.append(_row(channel, [first._replace(start=first.start + part)]))
        elif events:
            table.append(_row(channel, events))
    return table


def _row(
    channel: generated.Generated, events: Sequence[generated.Event]
) -> tuple[str, str, str, str, int]:
    spans = [[event.start, event.stop - 1] for event in events]
    kinds = ", ".join(event.kind for event in events)
    craft = str(channel.metadata["spacecraft"])
    return channel.name, craft, str(spans), f"[{kinds}]", len(channel.test.values)


def write(
    root: str | os.PathLike[str],
    channels: Sequence[generated.Generated],
    doubled: bool,
) -> pathlib.Path:
    """Writes arrays, label table and metadata below `root` and returns it."""
    folder = pathlib.Path(root)
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for channel in channels:
        np.save(folder / "train" / f"{channel.name}.npy", channel.train.values)
        np.save(folder / "test" / f"{channel.name}.npy", channel.test.values)
    with open(folder / "labeled_anomalies.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows(channels, doubled))
    facts: dict[str, Any] = {channel.name: channel.metadata for channel in channels}
    text = json.dumps(facts, indent=1, sort_keys=True)
    (folder / "generated.json").write_text(text + "\n")
    return folder
