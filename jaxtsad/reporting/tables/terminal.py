"""A results table on the terminal, through rich."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jaxtsad.reporting.tables import layout
from jaxtsad.reporting.tables import rows as rows_
from jaxtsad.reporting.tables.rows import Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# The last ones are left out first; PA-F1 without its neighbors would mislead.
PRIORITY = (
    "vus_pr auc_pr f1 event_f1 auc_roc affiliation_precision affiliation_recall "
    "range_f1 pa_k_auc pa_f1 oracle_f1 delay alarms_per_1000 windows_per_s accuracy "
    "pa_k20_f1"
).split()
FEWEST = 8
GAP = 3


def show(rows: Iterable[Row], target: Console | None = None) -> None:
    """Prints a table: one section per entity, best values bold, baselines dim.

    Deviations are left out where only a few columns would fit.

    Args:
        rows: Rows as in `report.json`.
        target: A rich console; None prints to standard output.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    target = target or Console()
    table = layout.build(rows)
    lines = [line for _, group in table.groups for line in group]
    names = max((len(_name(line)) for line in lines), default=0)
    width = target.width - names - GAP
    deviations = True
    places = _fitting(table, width, deviations)
    if len(places) < min(FEWEST, len(table.columns)):
        deviations = False
        places = _fitting(table, width, deviations)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    grid.add_column("detector", no_wrap=True)
    for place in places:
        grid.add_column(table.columns[place].title, justify="right", no_wrap=True)
    for entity, group in table.groups:
        grid.add_row(Text(entity, style="bold underline"))
        for order, line in enumerate(group):
            cells = [_text(line.cells[place], deviations) for place in places]
            baseline = rows_.is_baseline(str(line.row["detector"]))
            last = order == len(group) - 1
            style = "dim" if baseline else ""
            grid.add_row(Text(_name(line)), *cells, style=style, end_section=last)
    target.print(grid)
    notes = list(table.notes)
    left_out = len(table.columns) - len(places)
    if left_out:
        notes.append(f"{left_out} more columns on a wider terminal and in the files")
    for note in notes:
        target.print(Text(note, style="dim"))


def _name(line: layout.Line) -> str:
    short = {"protocol: paper": "paper", "validation: none": "no validation"}
    tags = ", ".join(short.get(tag, tag) for tag in line.tags)
    name = str(line.row["detector"])
    return f"{name} ({tags})" if tags else name


def _text(cell: layout.Cell, deviation: bool) -> Text:
    from rich.text import Text

    # An interval is too wide for a terminal; a standard deviation is not.
    shown = deviation and not cell.uncertainty.startswith("[")
    text = f"{cell.text} {cell.uncertainty}".strip() if shown else cell.text
    style = "bold" if cell.best else "bright_black" if cell.gray else ""
    return Text(text, style=style)


def _fitting(table: layout.Table, width: int, deviations: bool) -> list[int]:
    """Places of the columns that fit, the most telling ones first."""
    keys = [column.key for column in table.columns]
    chosen = []
    for key in PRIORITY:
        if key not in keys:
            continue
        place = keys.index(key)
        cells = [line.cells[place] for _, lines in table.groups for line in lines]
        widest = max((len(_text(cell, deviations)) for cell in cells), default=0)
        width -= max(widest, len(table.columns[place].title)) + GAP
        if width < 0:
            break
        chosen.append(place)
    return sorted(chosen)
