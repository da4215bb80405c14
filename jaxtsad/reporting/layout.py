"""What a results table says: its cells, its groups, its best values and its notes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from jaxtsad.reporting import columns as columns_
from jaxtsad.reporting import rows as rows_

HONEST = "strict"


class Cell(NamedTuple):
    """A written value: its text, its spread and whether it is the group's best."""

    text: str
    spread: str = ""
    best: bool = False
    grey: bool = False


class Line(NamedTuple):
    """A row with its cells, one per column, and what it must say beside its name."""

    row: rows_.Row
    cells: tuple[Cell, ...]
    tags: tuple[str, ...]


class Table(NamedTuple):
    """Written rows in groups of the same labels.

    Attributes:
        columns: The columns.
        groups: Entity (with the level where it is not "step") and its lines.
        notes: What a reader must know of the table.
    """

    columns: tuple[columns_.Column, ...]
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    notes: tuple[str, ...]


def build(rows: Iterable[rows_.Row]) -> Table:
    """Writes the rows that a person reads: means over seeds where there are any.

    The best value of a column within a group is marked, never that of an oracle or of
    a point-adjusted column. PA-F1 is withheld in groups without a random row.

    Args:
        rows: Rows as in `report.json`.
    """
    chosen = rows_.to_read(rows)
    columns = columns_.present(chosen)
    groups, notes = [], []
    for (entity, level), group in rows_.by_entity(chosen).items():
        adjusted = rows_.may_show_adjusted(group)
        lines = [
            Line(
                row,
                tuple(_cell(row, column, adjusted) for column in columns),
                _tags(row, group),
            )
            for row in group
        ]
        name = entity if level == "step" else f"{entity} ({level}s)"
        groups.append((name, tuple(_marked(lines, columns))))
        if any(cell.text == columns_.WITHHELD for line in lines for cell in line.cells):
            notes = [columns_.NOTE]
    return Table(tuple(columns), tuple(groups), tuple(notes))


def _cell(row: rows_.Row, column: columns_.Column, adjusted: bool) -> Cell:
    value = rows_.number(row, column.key)
    if column.key == "pa_f1" and not adjusted and not math.isnan(value):
        return Cell(columns_.WITHHELD, grey=True)
    text = columns_.value_text(value, column.digits)
    return Cell(text, columns_.spread_text(row, column), grey=column.grey)


def _marked(lines: list[Line], columns: list[columns_.Column]) -> list[Line]:
    cells = [list(line.cells) for line in lines]
    for place, column in enumerate(columns):
        values = [rows_.number(line.row, column.key) * column.better for line in lines]
        known = [value for value in values if not math.isnan(value)]
        if not column.better or len(known) < 2:
            continue
        best = lines[values.index(max(known))].cells[place].text
        for row in cells:
            # Values that read the same are equally good to a reader.
            row[place] = row[place]._replace(best=row[place].text == best)
    return [
        line._replace(cells=tuple(row)) for line, row in zip(lines, cells, strict=True)
    ]


def _tags(row: rows_.Row, group: list[rows_.Row]) -> tuple[str, ...]:
    found = []
    if row.get("protocol") not in (None, HONEST):
        found.append(f"protocol: {row['protocol']}")
    if row.get("validation") == "none":
        found.append("validation: none")
    if sum(other["detector"] == row["detector"] for other in group) > 1:
        found.append(f"seed {row['seed']}")
    return tuple(found)
