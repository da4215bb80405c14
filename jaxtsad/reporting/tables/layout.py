"""What a results table says: its columns, cells, groups, best values and notes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from jaxtsad.reporting.tables import rows as rows_
from jaxtsad.reporting.tables.rows import Row

HONEST = "strict"


class Column(NamedTuple):
    """One metric as a column.

    Attributes:
        key: Key of the metric in a row.
        title: Heading.
        digits: Digits after the point.
        better: 1 if higher is better, -1 if lower is, 0 if it is not to be compared.
        help: What the number says, in a few words.
        gray: Shown, but not to be judged by.
    """

    key: str
    title: str
    digits: int
    better: int
    help: str
    gray: bool = False


COLUMNS = (
    Column("vus_pr", "VUS-PR", 3, 1, "volume under the PR surface; the main metric"),
    Column("auc_pr", "AUC-PR", 3, 1, "average precision; chance is the prevalence"),
    Column("auc_roc", "AUC-ROC", 3, 1, "area under the ROC curve; chance is .5"),
    Column("oracle_f1", "oracle F1", 3, 0, "best F1 of any threshold, seen by labels"),
    Column("f1", "F1", 3, 1, "point-wise F1 at the fitted threshold"),
    Column("event_f1", "event F1", 3, 1, "event recall with point-wise precision"),
    Column("affiliation_precision", "aff. P", 3, 1, "affiliation precision"),
    Column("affiliation_recall", "aff. R", 3, 1, "affiliation recall; noise gets ~1"),
    Column("range_f1", "range F1", 3, 1, "range-based F1"),
    Column("pa_k_auc", "PA%K", 3, 1, "mean F1 under PA%K over K"),
    Column("pa_k20_f1", "PA%20", 3, 1, "F1 under PA%K at K = 20"),
    Column("pa_f1", "PA-F1", 3, 0, "point-adjusted F1; compare it with random", True),
    Column("accuracy", "accuracy", 3, 1, "share of steps flagged as labeled"),
    Column("delay", "delay", 1, -1, "mean steps from an event's start to its alarm"),
    Column("alarms_per_1000", "alarms", 2, -1, "false alarms per 1000 normal steps"),
    Column("windows_per_s", "windows/s", 0, 1, "windows scored per second"),
)
WITHHELD = "withheld"
WITHHELD_NOTE = "PA-F1 is withheld where no random row has the same labels"


class Cell(NamedTuple):
    """A written value: its text, its uncertainty and whether it is the group's best."""

    text: str
    uncertainty: str = ""
    best: bool = False
    gray: bool = False


class Line(NamedTuple):
    """A row with its cells, one per column, and the tags that follow its name."""

    row: Row
    cells: tuple[Cell, ...]
    tags: tuple[str, ...]


class Table(NamedTuple):
    """Written rows in groups of the same labels.

    Attributes:
        columns: The columns.
        groups: Entity (with the level where it is not "step") and its lines.
        notes: What a reader must know of the table.
    """

    columns: tuple[Column, ...]
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    notes: tuple[str, ...]


def value_text(value: float, digits: int) -> str:
    """A number with fixed digits and thousands separated, "n/a" for nan.

    Example:
        >>> value_text(0.5, 3), value_text(48210.5, 0), value_text(float("nan"), 3)
        ('0.500', '48,210', 'n/a')
    """
    if math.isnan(value):
        return "n/a"
    return f"{value:,.{digits}f}"


def uncertainty_text(row: Row, column: Column) -> str:
    """The uncertainty of a metric: `± sd` over seeds, `[low, high]` over entities.

    The macro row shows the interval, every other row the standard deviation; each
    shows the other one where its own is unknown.

    Example:
        >>> row = {"entity": "a", "sd": {"f1": 0.01}, "interval": {"f1": [0.4, 0.6]}}
        >>> f1 = next(column for column in COLUMNS if column.key == "f1")
        >>> uncertainty_text(row, f1), uncertainty_text({**row, "entity": "macro"}, f1)
        ('± 0.010', '[0.400, 0.600]')
    """
    sd, bounds = rows_.number(row, column.key, "sd"), rows_.interval(row, column.key)
    deviation = "" if math.isnan(sd) else f"± {value_text(sd, column.digits)}"
    if bounds is None:
        return deviation
    low, high = (value_text(bound, column.digits) for bound in bounds)
    interval = f"[{low}, {high}]"
    if row.get("entity") == rows_.SUMMARIES[0]:
        return interval
    return deviation or interval


def build(rows: Iterable[Row]) -> Table:
    """Writes the rows that a person reads: means over seeds where there are any.

    The best value of a column within a group is marked, never that of an oracle or of
    a point-adjusted column. PA-F1 is withheld in groups without a random row.

    Args:
        rows: Rows as in `report.json`.
    """
    chosen = rows_.to_read(rows)
    keys = {key for row in chosen for key in row.get("metrics") or {}}
    columns = [column for column in COLUMNS if column.key in keys]
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
        if any(cell.text == WITHHELD for line in lines for cell in line.cells):
            notes = [WITHHELD_NOTE]
    return Table(tuple(columns), tuple(groups), tuple(notes))


def _cell(row: Row, column: Column, adjusted: bool) -> Cell:
    value = rows_.number(row, column.key)
    if column.key == "pa_f1" and not adjusted and not math.isnan(value):
        return Cell(WITHHELD, gray=True)
    text = value_text(value, column.digits)
    return Cell(text, uncertainty_text(row, column), gray=column.gray)


def _marked(lines: list[Line], columns: list[Column]) -> list[Line]:
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


def _tags(row: Row, group: list[Row]) -> tuple[str, ...]:
    tags = []
    if row.get("protocol") not in (None, HONEST):
        tags.append(f"protocol: {row['protocol']}")
    if row.get("validation") == "none":
        tags.append("validation: none")
    if sum(other["detector"] == row["detector"] for other in group) > 1:
        tags.append(f"seed {row['seed']}")
    return tuple(tags)
