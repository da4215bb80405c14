"""Results tables: rows of a report as Markdown, CSV, JSON and HTML."""

from __future__ import annotations

import csv as csv_
import html as html_
import io
import json as json_
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from jaxtsad.reporting import spreadsheet
from jaxtsad.reporting.html import Safe, element, join
from jaxtsad.reporting.tables import layout
from jaxtsad.reporting.tables import rows as rows_
from jaxtsad.reporting.tables.rows import Row


def markdown(rows: Iterable[Row]) -> str:
    """The table in Markdown.

    Example:
        >>> row = {"detector": "pca", "entity": "pump", "seed": 0}
        >>> print(markdown([{**row, "metrics": {"vus_pr": 0.25, "f1": None}}]))
        | entity | detector | notes | VUS-PR | F1 |
        | --- | --- | --- | ---: | ---: |
        | pump | pca |  | 0.250 | n/a |
        <BLANKLINE>
    """
    table = layout.build(rows)
    heads = ["entity", "detector", "notes", *(column.title for column in table.columns)]
    lines = []
    for entity, group in table.groups:
        for line in group:
            names = entity, str(line.row["detector"]), ", ".join(line.tags)
            texts = [_escape_markdown(name) for name in names]
            lines.append(texts + [_markdown_cell(cell) for cell in line.cells])
    text = piped(heads, lines, len(table.columns))
    return text + "\n" + "".join(f"\n{note}.\n" for note in table.notes)


_BAR = re.compile(r"(?<!\\)\|")


def piped(
    heads: Sequence[str], lines: Iterable[Sequence[str]], numbers: int = 0
) -> str:
    """A Markdown table of texts as they are, but for bars, which are escaped.

    Args:
        heads: Names of the columns.
        lines: A text per column each.
        numbers: How many columns, the last ones, are aligned to the right.

    Example:
        >>> print(piped(["detector", "F1"], [["pca", "0.250"]], 1))
        | detector | F1 |
        | --- | ---: |
        | pca | 0.250 |
    """
    rule = ["---"] * (len(heads) - numbers) + ["---:"] * numbers
    rows = ([_BAR.sub(r"\|", text) for text in line] for line in (heads, rule, *lines))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _markdown_cell(cell: layout.Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    text = f"<sub>{text}</sub>" if cell.gray else text
    return f"{text} {cell.uncertainty}".strip()


def _escape_markdown(text: str) -> str:
    text = html_.escape(" ".join(text.split()), quote=False)
    for letter in "\\`*|[]":
        text = text.replace(letter, f"\\{letter}")
    return text


def csv(rows: Iterable[Row]) -> str:
    """Every row as a line of comma-separated values, "n/a" where there is none."""
    lines = records(rows)
    fields = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO()
    writer = csv_.writer(text, lineterminator="\n")
    writer.writerow(fields)
    for line in lines:
        values = [line.get(name) for name in fields]
        cells = ["n/a" if value is None else value for value in values]
        writer.writerow([spreadsheet.quoted(cell) for cell in cells])
    return text.getvalue()


def json(rows: Iterable[Row]) -> str:
    """Every row as a JSON list of flat records, null where there is no value."""
    return json_.dumps(records(rows), indent=1, allow_nan=False) + "\n"


def html(rows: Iterable[Row], main: str | None = None) -> Safe:
    """The table as an HTML `<table>` without styles; baselines' rows have a class.

    Args:
        rows: Rows as in `report.json`.
        main: Name of the detector the table is about.
    """
    table = layout.build(rows)
    heads = [
        element(
            "th",
            column.title + ("", " ↑", " ↓")[column.better],
            scope="col",
            title=column.help,
        )
        for column in table.columns
    ]
    head = element("tr", element("th", "detector", scope="col"), *heads)
    bodies = []
    for entity, group in table.groups:
        title = element(
            "th",
            element("span", entity),
            colspan=str(len(heads) + 1),
            scope="rowgroup",
        )
        lines = [_html_line(line, main) for line in group]
        bodies.append(element("tbody", element("tr", title, class_="group"), *lines))
    notes = [element("p", f"{note}.", class_="note") for note in table.notes]
    whole = element("table", element("thead", head), *bodies, class_="results")
    return join([whole, *notes])


def _html_line(line: layout.Line, main: str | None) -> Safe:
    name = str(line.row["detector"])
    tags = [
        piece
        for tag in line.tags
        for piece in (" ", element("span", tag, class_=_tag_class(tag)))
    ]
    head = element("th", name, *tags, scope="row")
    kind = "baseline" if rows_.is_baseline(name, main) else "main"
    return element("tr", head, *map(_html_cell, line.cells), class_=kind)


def _tag_class(tag: str) -> str:
    return "tag leak" if tag.startswith("protocol") else "tag"


def _html_cell(cell: layout.Cell) -> Safe:
    shown = element("b", cell.text) if cell.best else cell.text
    small = [element("small", cell.uncertainty)] * bool(cell.uncertainty)
    return element("td", shown, *small, class_="gray" if cell.gray else None)


def records(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Every row (every seed too) as a flat record, values exact.

    Metrics are named by their keys, their uncertainty `<key>_sd`, `<key>_low` and
    `<key>_high`; nan is None. PA-F1 is "withheld" without a random row.
    """
    return [
        _record(row, rows_.may_show_adjusted(group))
        for group in rows_.by_entity(rows).values()
        for row in group
    ]


def _record(row: Row, adjusted: bool) -> dict[str, Any]:
    threshold = row.get("threshold") or {}
    record: dict[str, Any] = {
        name: row.get(name)
        for name in ("entity", "detector", "seed", "level", "protocol", "validation")
    }
    for name in ("kind", "value", "fitted_on"):
        record[f"threshold_{name}"] = threshold.get(name)
    ordered = [column.key for column in layout.COLUMNS]
    keys = list(row.get("metrics") or {})
    keys.sort(key=lambda key: ordered.index(key) if key in ordered else len(ordered))
    for key in keys:
        hidden = key == "pa_f1" and not adjusted
        value = rows_.number(row, key)
        if hidden and not math.isnan(value):
            record[key] = layout.WITHHELD
            continue
        record[key] = _finite(value)
        if key in (row.get("sd") or {}):
            record[f"{key}_sd"] = _finite(rows_.number(row, key, "sd"))
        bounds = rows_.interval(row, key)
        if bounds is not None:
            record[f"{key}_low"], record[f"{key}_high"] = map(_finite, bounds)
    return record


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
