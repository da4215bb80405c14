"""NASA's SMAP and MSL telemetry: 82 channels with labeled spacecraft anomalies.

Hundman, Constantinou, Laporte, Colwell, Soderstrom: "Detecting Spacecraft Anomalies
Using LSTMs and Nonparametric Dynamic Thresholding", KDD 2018. Column 0 of a channel is
its telemetry value, the others are 0/1 commands. What is easily read wrongly:

* sequences in `labeled_anomalies.csv` include their last step;
* P-2 has two rows, which are united to one event, steps 5300 to 6575;
* T-10 has data but no row: its labels are None, and it is loaded on request only;
* the publishers scaled the values by the minimum and maximum of the test part.
"""

from __future__ import annotations

import ast
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxtsad.datasets.reading import archives, frames, spans
from jaxtsad.datasets.reading.spans import Span
from jaxtsad.types import Series

COLUMNS = ("chan_id", "spacecraft", "anomaly_sequences", "class", "num_values")
UNLABELED: Mapping[str, str] = {"T-10": "MSL"}
"""Spacecraft of the published channels that have no row in the label table."""

DROPPED_BY_PAPERS = ("P-2", "T-10")
"""Channels that the glued arrays of papers lack."""


class Labels(NamedTuple):
    """What the label table says of one channel.

    Attributes:
        spacecraft: "SMAP" or "MSL".
        steps: Length of the test part.
        spans: Events `(start, stop, kind)`, stop exclusive, sorted and disjoint; the
            kind is "point" or "contextual".
    """

    spacecraft: str
    steps: int
    spans: tuple[Span, ...]


def label_table(
    root: str | os.PathLike[str], *, rows: Literal["united", "first", "last"] = "united"
) -> dict[str, Labels]:
    """Reads `labeled_anomalies.csv`, one entry per channel, in the order of the file.

    Args:
        root: See `load`; the arrays need not be there.
        rows: Of a channel that has several: all of them united, or the first or the
            last alone, as some publications have it.

    Raises:
        FileNotFoundError: If there is no label table.
        ValueError: If it is malformed.
    """
    path = _places(root, "labeled_anomalies.csv")
    table = frames.frame(path, header=True)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(f"{path} lacks the columns {missing}, expected {COLUMNS}")
    channels: dict[str, Labels] = {}
    for row in table.to_dict("records"):
        name = str(row["chan_id"])
        try:
            labels = _labels(row)
            if name in channels:
                united = _united(channels[name], labels)
                choice = {"united": united, "first": channels[name], "last": labels}
                labels = choice[rows]
        except (ValueError, TypeError, SyntaxError) as error:
            raise ValueError(f"{path}, channel {name!r}: {error}") from error
        channels[name] = labels
    return channels


def labels(
    root: str | os.PathLike[str], spacecraft: str | None = None
) -> dict[str, np.ndarray]:
    """Test labels `[T]` int8 of every labeled channel, without loading arrays.

    Args:
        root: See `load`.
        spacecraft: "SMAP" or "MSL"; None: both.
    """
    return {
        name: spans.mark(row.spans, row.steps)
        for name, row in label_table(root).items()
        if spacecraft in (None, row.spacecraft)
    }


def load(
    root: str | os.PathLike[str],
    channels: Sequence[str] | None = None,
    spacecraft: str | None = None,
    *,
    unlabeled: bool = False,
) -> list[Series]:
    """Loads telemetry channels, one `Series` each.

    Args:
        root: The data root with a folder `smap_msl`, or such a folder itself. It holds
            `labeled_anomalies.csv` and either `data.zip`, `data/{train,test}/*.npy`,
            `data/data/{train,test}/*.npy` or `{train,test}/*.npy`.
        channels: Names such as "P-1", returned in this order; None: all, in plain
            string order, which is also the order in which papers glue them.
        spacecraft: "SMAP" or "MSL"; None: both.
        unlabeled: Includes channels without labels where `channels` is None.

    Returns:
        Series with float64 values and the event kinds "point" and "contextual".

    Raises:
        FileNotFoundError: If there is no such archive.
        ValueError: If a name is unknown, or a file is corrupt or disagrees with the
            label table.
    """
    table = label_table(root)
    archive = archives.Archive(_places(root, "data", "data/data", "", "data.zip"))
    crafts = {name: UNLABELED.get(name, "unknown") for name in archive.names}
    crafts |= {name: table[name].spacecraft for name in crafts if name in table}
    if spacecraft is not None:
        if spacecraft not in crafts.values():
            choices = sorted(set(crafts.values()))
            raise ValueError(f"{spacecraft=} is not there; the choices are {choices}")
        crafts = {name: craft for name, craft in crafts.items() if craft == spacecraft}
    if channels is None:
        channels = [name for name in crafts if unlabeled or name in table]
    unknown = sorted(set(channels) - set(crafts))
    if unknown:
        raise ValueError(
            f"no channel {unknown}; the choices are {frames.listed(crafts)}"
        )
    return [_series(archive, name, crafts[name], table.get(name)) for name in channels]


def entities(root: str | os.PathLike[str], spacecraft: str | None = None) -> list[str]:
    """Names of the labeled channels of a spacecraft or both, ordered as by `load`."""
    table = label_table(root)
    archive = archives.Archive(_places(root, "data", "data/data", "", "data.zip"))
    known = [name for name in archive.names if name in table]
    return [n for n in known if spacecraft in (None, table[n].spacecraft)]


def _labels(row: Mapping[Any, Any]) -> Labels:
    steps = int(row["num_values"])
    sequences = ast.literal_eval(row["anomaly_sequences"])
    classes = [kind.strip() for kind in row["class"].strip("[] ").split(",")]
    if len(classes) != len(sequences):
        raise ValueError(f"{len(sequences)} sequences but {len(classes)} classes")
    for first, last in sequences:
        if not 0 <= first <= last < steps:
            raise ValueError(f"[{first}, {last}] lies outside 0 to {steps - 1}")
    events = [
        (first, last + 1, kind)
        for (first, last), kind in zip(sequences, classes, strict=True)
    ]
    return Labels(str(row["spacecraft"]), steps, spans.merged(events))


def _united(first: Labels, other: Labels) -> Labels:
    if first[:2] != other[:2]:
        raise ValueError(f"rows disagree: {first[:2]} and {other[:2]}")
    return first._replace(spans=spans.merged(first.spans + other.spans))


def _series(
    archive: archives.Archive, name: str, craft: str, row: Labels | None
) -> Series:
    train, test = archive.read("train", name), archive.read("test", name)
    if train.shape[1] != test.shape[1]:
        raise ValueError(
            f"channel {name!r} has {train.shape[1]} columns in train and "
            f"{test.shape[1]} in test"
        )
    if row is not None and row.steps != len(test):
        raise ValueError(
            f"channel {name!r} has {len(test)} test steps, the label table says "
            f"{row.steps}"
        )
    commands = tuple(f"command_{number}" for number in range(1, train.shape[1]))
    return Series(
        name=name,
        train=train,
        test=test,
        labels=None if row is None else spans.mark(row.spans, row.steps),
        channels=("telemetry", *commands),
        kinds=() if row is None else row.spans,
        metadata={"spacecraft": craft},
    )


def _places(root: str | os.PathLike[str], *names: str) -> pathlib.Path:
    folders = (pathlib.Path(root) / "smap_msl", pathlib.Path(root))
    for folder in folders:
        for name in names:
            place = folder / name
            if place.is_file() or (place / "train").is_dir():
                return place
    raise FileNotFoundError(
        f"no SMAP/MSL data below {root}: expected smap_msl/labeled_anomalies.csv and "
        "smap_msl/data.zip or smap_msl/data/{train,test}/*.npy"
    )
