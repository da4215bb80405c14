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


def show(table: layout.Table, target: Console | None = None) -> None:
    """Prints a table: one section per entity, best values bold, trivial rows dim.

    Args:
        table: The written rows.
        target: A rich console; None prints to standard output.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    target = target or Console()
    names = [_names(entity, line) for entity, lines in table.groups for line in lines]
    fixed = [max(map(len, texts), default=0) + 2 for texts in zip(*names, strict=True)]
    places = _fitting(table, target.width - sum(fixed) - 2)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for title in ("entity", "detector"):
        grid.add_column(title, overflow="fold")
    for place in places:
        grid.add_column(table.columns[place].title, justify="right", no_wrap=True)
    for entity, lines in table.groups:
        for order, line in enumerate(lines):
            left = _names(entity, line)
            cells = [Text(left[0] if order == 0 else ""), Text(left[1])]
            cells += [_text(line.cells[place]) for place in places]
            trivial = line.row["detector"] in rows_.TRIVIAL
            last = order == len(lines) - 1
            grid.add_row(*cells, style="dim" if trivial else "", end_section=last)
    target.print(grid)
    left_out = len(table.columns) - len(places)
    notes = list(table.notes)
    if left_out:
        notes.append(f"{left_out} more columns on a wider terminal and in the files")
    for note in notes:
        target.print(Text(note, style="dim"))


def _names(entity: str, line: layout.Line) -> tuple[str, str]:
    return entity, ", ".join([str(line.row["detector"]), *layout.tags(line.row)])


def _text(cell: layout.Cell) -> Text:
    from rich.text import Text

    # An interval is too wide for a terminal; a standard deviation is not.
    deviation = cell.spread.partition("[")[0]
    words = f"{cell.text} {deviation}".strip()
    return Text(
        words, style="bold" if cell.best else "bright_black" if cell.grey else ""
    )


def _fitting(table: layout.Table, room: int) -> list[int]:
    keys = [column.key for column in table.columns]
    kept = []
    for key in KEPT_FIRST:
        if key not in keys:
            continue
        place = keys.index(key)
        cells = [line.cells[place] for _, lines in table.groups for line in lines]
        widths = [len(_text(cell)) for cell in cells] + [
            len(table.columns[place].title)
        ]
        room -= max(widths) + 2
        if room < 0:
            break
        kept.append(place)
    return sorted(kept)
