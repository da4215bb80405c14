"""What a study finds, and its files: Markdown, CSV, JSON and the terminal."""

from __future__ import annotations

import csv
import io
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table as Grid

from jaxtsad import files
from jaxtsad.evaluation.uncertainty import Estimate
from jaxtsad.reporting import spreadsheet
from jaxtsad.reporting.tables import formats

WIDEST = 8
"""Most detectors that stand beside each other in a table."""


class Row(NamedTuple):
    """One number.

    Attributes:
        group: What was tested: an entity, or the anomalous class.
        detector: Name of the row.
        seed: Seed of the split and the model.
        value: The metric.
        metric: Its key.
    """

    group: str
    detector: str
    seed: int
    value: float
    metric: str = "auc_roc"


class Table(NamedTuple):
    """Heads and lines of text; the last `numbers` columns stand to the right.

    Attributes:
        heads: What stands above the columns.
        lines: A text per column each.
        numbers: Number of columns of numbers.
        title: What it is called.
        lead: How to read it.
    """

    heads: Sequence[str]
    lines: Sequence[Sequence[str]]
    numbers: int = 0
    title: str = ""
    lead: str = ""


class Section(NamedTuple):
    """Tables of one data set.

    Attributes:
        title: Its name.
        texts: Paragraphs above the tables.
        tables: The tables.
    """

    title: str
    texts: Sequence[str] = ()
    tables: Sequence[Table] = ()


class Report(NamedTuple):
    """All that a study found.

    Attributes:
        title: Of the report.
        texts: What was run and how to read it.
        sections: One per data set.
        notes: What is said last.
        rows: Every number, for the CSV; mappings of one kind.
        tree: Every number, for the JSON.
        shown: How many tables of each section the terminal gets.
    """

    title: str
    texts: Sequence[str] = ()
    sections: Sequence[Section] = ()
    notes: Sequence[str] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    tree: Mapping[str, Any] = {}
    shown: int | None = None


def markdown(report: Report) -> str:
    """The report in Markdown."""
    pieces = [f"# {report.title}", *report.texts]
    for section in report.sections:
        pieces += [f"## {section.title}" if section.title else "", *section.texts]
        for table in section.tables:
            pieces += [f"### {table.title}" if table.title else "", table.lead]
            pieces.append(formats.piped(table.heads, table.lines, table.numbers))
    pieces += report.notes
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def table_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Every row as a line of comma-separated values, "n/a" where there is none."""
    fields = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fields, restval="n/a", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        values = {k: "n/a" if _missing(v) else v for k, v in row.items()}
        writer.writerow({k: spreadsheet.quoted(v) for k, v in values.items()})
    return stream.getvalue()


def write(
    report: Report, folder: pathlib.Path, name: str, about: Mapping[str, Any]
) -> None:
    """Writes `<name>.md`, `.json`, and `.csv` where there are rows.

    Args:
        report: What was found.
        folder: Where to.
        name: Of the files.
        about: What the JSON says first: command, versions, revision.

    Raises:
        ValueError: If the folder cannot be written.
    """
    files.write_json(folder / f"{name}.json", {**about, **report.tree})
    files.write_text(folder / f"{name}.md", markdown(report))
    if report.rows:
        files.write_text(folder / f"{name}.csv", table_csv(report.rows))


def show(report: Report, terminal: Console) -> None:
    """Prints the tables; what stands in brackets or behind "±" only where it fits."""
    for section in report.sections:
        for table in section.tables[: report.shown]:
            title = ": ".join(filter(None, (section.title, table.title)))
            needed = sum(
                3 + max(len(str(line[i])) for line in (table.heads, *table.lines))
                for i in range(len(table.heads))
            )
            grid = Grid(title=title, title_justify="left", box=box.SIMPLE_HEAD)
            for place, head in enumerate(table.heads):
                right = place >= len(table.heads) - table.numbers
                grid.add_column(head, justify="right" if right else "left")
            for line in table.lines:
                fits = needed <= terminal.width
                cells = line if fits else [line[0], *map(_short, line[1:])]
                grid.add_row(*cells)
            terminal.print(grid)
        for text in section.texts:
            terminal.print(text, highlight=False, markup=False)
    for note in report.notes:
        terminal.print(note, style="dim", highlight=False, markup=False)


def number(value: float | None, *, signed: bool = False) -> str:
    """Three digits, or nothing.

    Example:
        >>> number(0.12345), number(-0.5, signed=True), number(float("nan"))
        ('0.123', '-0.500', '')
    """
    if value is None or math.isnan(value):
        return ""
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def ranged(one: Estimate, *, signed: bool = False) -> str:
    """A mean with its interval, where there is one.

    Example:
        >>> ranged(Estimate(0.5, 0.1, 0.4, 0.6, 9))
        '0.500 (0.400 to 0.600)'
    """
    mean, low, high = (
        number(end, signed=signed) for end in (one.mean, one.low, one.high)
    )
    return f"{mean} ({low} to {high})" if mean and low else mean


def over_seeds(
    rows: Sequence[Row],
) -> dict[str, dict[str, tuple[float, float, int]]]:
    """Mean, standard deviation and count over seeds, by group and detector.

    Example:
        >>> rows = [Row("0", "pca", 0, 0.5), Row("0", "pca", 1, 0.7)]
        >>> mean, sd, count = over_seeds(rows)["0"]["pca"]
        >>> f"{mean:.2f} {sd:.2f} {count}"
        '0.60 0.14 2'
    """
    found: dict[str, dict[str, tuple[float, float, int]]] = {}
    for row in rows:
        found.setdefault(row.group, {}).setdefault(row.detector, (0.0, 0.0, 0))
    for group, own in found.items():
        for name in own:
            values = np.array(
                [r.value for r in rows if (r.group, r.detector) == (group, name)]
            )
            sd = values.std(ddof=1) if len(values) > 1 else 0.0
            own[name] = (float(values.mean()), float(sd), len(values))
    return found


def by_group(rows: Sequence[Row], title: str = "", lead: str = "") -> Table:
    """A line per group, then their mean; a column per detector.

    Where there are more detectors than fit beside each other, each has a line instead.

    Example:
        >>> by_group([Row("a", str(n), 0, 0.5) for n in range(9)]).lines[:2]
        [['0', '0.500'], ['1', '0.500']]
    """
    found = over_seeds(rows)
    names = list(dict.fromkeys(row.detector for row in rows))
    heads = ["", *names]
    lines = [
        [group, *(_spread(own.get(n)) for n in names)] for group, own in found.items()
    ]
    if len(found) > 1:
        means = [
            np.mean([own[n][0] for own in found.values() if n in own]) for n in names
        ]
        lines.append(["mean", *(f"{mean:.3f}" for mean in means)])
    if len(names) > WIDEST:
        turned = zip(heads, *lines, strict=True)
        heads, *lines = (list(line) for line in turned)
    return Table(heads, lines, len(heads) - 1, title, lead)


def _spread(cell: tuple[float, float, int] | None) -> str:
    if cell is None:
        return ""
    mean, sd, count = cell
    return f"{mean:.3f} ± {sd:.3f}" if count > 1 else f"{mean:.3f}"


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _short(cell: str) -> str:
    return cell.split(" ± ")[0].split(" (")[0]
