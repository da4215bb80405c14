"""A results table on the terminal, through rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxtsad.reporting import layout
from jaxtsad.reporting import rows as rows_

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# What gives way last on a narrow terminal; PA-F1 without its neighbours would mislead.
KEPT_FIRST = (
    "vus_pr",
    "auc_pr",
    "f1",
    "event_f1",
    "auc_roc",
    "affiliation_precision",
    "affiliation_recall",
    "range_f1",
    "pa_k_auc",
    "pa_f1",
    "oracle_f1",
    "delay",
    "alarms_per_1000",
    "windows_per_s",
    "accuracy",
    "pa_k20_f1",
)


FEWEST = 8
GAP = 3


def show(table: layout.Table, target: Console | None = None) -> None:
    """Prints a table: one section per entity, best values bold, trivial rows dim.

    Spreads are left out where there would be room for a few columns only.

    Args:
        table: The written rows.
        target: A rich console; None prints to standard output.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    target = target or Console()
    lines = [line for _, group in table.groups for line in group]
    room = target.width - max((len(_name(line)) for line in lines), default=0) - GAP
    spread = True
    places = _fitting(table, room, spread)
    if len(places) < min(FEWEST, len(table.columns)):
        spread = False
        places = _fitting(table, room, spread)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    grid.add_column("detector", no_wrap=True)
    for place in places:
        grid.add_column(table.columns[place].title, justify="right", no_wrap=True)
    for entity, group in table.groups:
        grid.add_row(Text(entity, style="bold underline"))
        for order, line in enumerate(group):
            cells = [_text(line.cells[place], spread) for place in places]
            trivial = rows_.is_trivial(str(line.row["detector"]))
            last = order == len(group) - 1
            style = "dim" if trivial else ""
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


def _text(cell: layout.Cell, spread: bool) -> Text:
    from rich.text import Text

    # An interval is too wide for a terminal; a standard deviation is not.
    shown = spread and not cell.spread.startswith("[")
    words = f"{cell.text} {cell.spread}".strip() if shown else cell.text
    style = "bold" if cell.best else "bright_black" if cell.grey else ""
    return Text(words, style=style)


def _fitting(table: layout.Table, room: int, spread: bool) -> list[int]:
    """Places of the columns there is room for, the most telling ones first."""
    keys = [column.key for column in table.columns]
    kept = []
    for key in KEPT_FIRST:
        if key not in keys:
            continue
        place = keys.index(key)
        cells = [line.cells[place] for _, lines in table.groups for line in lines]
        widest = max((len(_text(cell, spread)) for cell in cells), default=0)
        room -= max(widest, len(table.columns[place].title)) + GAP
        if room < 0:
            break
        kept.append(place)
    return sorted(kept)
