"""Results tables: rows of a report as Markdown, CSV, JSON, HTML or on the console."""

from __future__ import annotations

import csv as csv_
import html as html_
import io
import json as json_
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from jaxtsad.reporting import layout, records
from jaxtsad.reporting import rows as rows_

if TYPE_CHECKING:
    from rich.console import Console


def markdown(rows: Iterable[rows_.Row]) -> str:
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
            names = [
                entity,
                str(line.row["detector"]),
                ", ".join(line.tags),
            ]
            texts = [_escape_markdown(name) for name in names]
            lines.append(texts + [_markdown_cell(cell) for cell in line.cells])
    text = piped(heads, lines, len(table.columns))
    return text + "\n" + "".join(f"\n{note}.\n" for note in table.notes)


def piped(
    heads: Sequence[str], lines: Iterable[Sequence[str]], numbers: int = 0
) -> str:
    """A Markdown table of texts as they are.

    Args:
        heads: What stands above the columns.
        lines: A text per column each.
        numbers: How many columns, the last ones, stand to the right.

    Example:
        >>> print(piped(["detector", "F1"], [["pca", "0.250"]], 1))
        | detector | F1 |
        | --- | ---: |
        | pca | 0.250 |
    """
    rule = ["---"] * (len(heads) - numbers) + ["---:"] * numbers
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *lines))


def _markdown_cell(cell: layout.Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    text = f"<sub>{text}</sub>" if cell.grey else text
    return f"{text} {cell.spread}".strip()


def _escape_markdown(text: str) -> str:
    text = html_.escape(" ".join(text.split()), quote=False)
    for letter in "\\`*|[]":
        text = text.replace(letter, f"\\{letter}")
    return text


def csv(rows: Iterable[rows_.Row]) -> str:
    """Every row as a line of comma-separated values, "n/a" where there is none."""
    lines = records.flat(rows)
    fields = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO()
    writer = csv_.writer(text, lineterminator="\n")
    writer.writerow(fields)
    for line in lines:
        values = [line.get(name) for name in fields]
        writer.writerow(["n/a" if value is None else value for value in values])
    return text.getvalue()


def json(rows: Iterable[rows_.Row]) -> str:
    """Every row as a JSON list of flat records, null where there is no value."""
    return json_.dumps(records.flat(rows), indent=1, allow_nan=False) + "\n"


def html(rows: Iterable[rows_.Row], main: str | None = None) -> str:
    """The table as an HTML `<table>` without styles; trivial rows have a class.

    Args:
        rows: Rows as in `report.json`.
        main: Name of the detector the table is about.
    """
    table = layout.build(rows)
    heads = "".join(
        f'<th scope="col" title="{html_.escape(column.help)}">{column.title}'
        f"{('', ' ↑', ' ↓')[column.better]}</th>"
        for column in table.columns
    )
    text = [
        f'<table class="results"><thead><tr><th scope="col">detector</th>{heads}'
        "</tr></thead>"
    ]
    for entity, group in table.groups:
        text.append(
            f'<tbody><tr class="group"><th colspan="{len(table.columns) + 1}" '
            f'scope="rowgroup"><span>{html_.escape(entity)}</span></th></tr>'
        )
        text.extend(_html_line(line, main) for line in group)
        text.append("</tbody>")
    text.append("</table>")
    notes = "".join(f'<p class="note">{note}.</p>' for note in table.notes)
    return "".join(text) + notes


def _html_line(line: layout.Line, main: str | None) -> str:
    name = str(line.row["detector"])
    kind = "trivial" if rows_.is_trivial(name, main) else "main"
    marks = "".join(map(_html_tag, line.tags))
    cells = "".join(_html_cell(cell) for cell in line.cells)
    return (
        f'<tr class="{kind}"><th scope="row">{html_.escape(name)}{marks}</th>{cells}'
        "</tr>"
    )


def _html_tag(tag: str) -> str:
    kind = "tag leak" if tag.startswith("protocol") else "tag"
    return f' <span class="{kind}">{html_.escape(tag)}</span>'


def _html_cell(cell: layout.Cell) -> str:
    text = f"<b>{cell.text}</b>" if cell.best else cell.text
    spread = f"<small>{cell.spread}</small>" if cell.spread else ""
    kind = ' class="grey"' if cell.grey else ""
    return f"<td{kind}>{text}{spread}</td>"


def console(rows: Iterable[rows_.Row], target: Console | None = None) -> None:
    """Prints the table with rich, as many columns as the terminal has room for.

    Args:
        rows: Rows as in `report.json`.
        target: A rich console; None prints to standard output.
    """
    from jaxtsad.reporting import terminal

    terminal.show(layout.build(rows), target)
