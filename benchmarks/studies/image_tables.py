"""Tables of image experiments: AUC by group and detector, mean and sd over seeds."""

from __future__ import annotations

import csv
import io
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from jaxtsad import files
from jaxtsad.reporting.tables import formats

WIDEST = 8
"""Most detectors that stand beside each other in a table."""


class Row(NamedTuple):
    """One result.

    Attributes:
        group: What was tested, such as the anomalous class.
        detector: Name of the row.
        seed: Seed of the split and the model.
        auc: Area under the ROC curve of single samples.
    """

    group: str
    detector: str
    seed: int
    auc: float


def cells(rows: Sequence[Row]) -> dict[str, dict[str, tuple[float, float, int]]]:
    """Mean, standard deviation and count over seeds, by group and detector.

    Example:
        >>> rows = [Row("0", "pca", 0, 0.5), Row("0", "pca", 1, 0.7)]
        >>> mean, sd, count = cells(rows)["0"]["pca"]
        >>> f"{mean:.2f} {sd:.2f} {count}"
        '0.60 0.14 2'
    """
    found: dict[str, dict[str, tuple[float, float, int]]] = {}
    for group in dict.fromkeys(row.group for row in rows):
        own = [row for row in rows if row.group == group]
        found[group] = {}
        for name in dict.fromkeys(row.detector for row in own):
            values = np.array([row.auc for row in own if row.detector == name])
            sd = values.std(ddof=1) if len(values) > 1 else 0.0
            found[group][name] = (float(values.mean()), float(sd), len(values))
    return found


def lines(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Heading and text of a table: a line per group, then their mean.

    Where there are more detectors than fit beside each other, each has a line instead.

    Example:
        >>> lines([Row("a", str(n), 0, 0.5) for n in range(9)])[1][:2]
        [['0', '0.500'], ['1', '0.500']]
    """
    by_group = cells(rows)
    names = list(dict.fromkeys(row.detector for row in rows))
    body = [
        [group, *(_text(found.get(name)) for name in names)]
        for group, found in by_group.items()
    ]
    if len(by_group) > 1:
        means = [
            f"{np.mean([found[n][0] for found in by_group.values() if n in found]):.3f}"
            for n in names
        ]
        body.append(["mean", *means])
    if len(names) > WIDEST:
        turned = zip(["", *names], *body, strict=True)
        first, *rest = (list(line) for line in turned)
        return first, rest
    return ["", *names], body


def markdown(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> str:
    """The table in Markdown."""
    text = formats.piped(*lines(rows))
    said = "".join(f"\n- {note}" for note in notes)
    return f"# {title}\n\n{text}\n{said}\n"


def write(
    folder: pathlib.Path,
    name: str,
    title: str,
    rows: Sequence[Row],
    notes: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Writes `<name>.md`, `.csv` and `.json` to a folder.

    Raises:
        ValueError: If the folder cannot be written.
    """
    files.write_text(folder / f"{name}.md", markdown(title, rows, notes))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Row._fields)
    writer.writerows(rows)
    files.write_text(folder / f"{name}.csv", stream.getvalue())
    tree: dict[str, Any] = {
        "title": title,
        "notes": list(notes),
        "facts": dict(facts or {}),
    }
    tree["rows"] = [row._asdict() for row in rows]
    files.write_json(folder / f"{name}.json", tree)


def show(title: str, rows: Sequence[Row], terminal: Console) -> None:
    """Prints the table."""
    heading, body = lines(rows)
    table = Table(*heading, title=title)
    for line in body:
        table.add_row(*line)
    terminal.print(table)


def _text(cell: tuple[float, float, int] | None) -> str:
    if cell is None:
        return ""
    mean, sd, count = cell
    return f"{mean:.3f} ± {sd:.3f}" if count > 1 else f"{mean:.3f}"
