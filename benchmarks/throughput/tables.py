"""Rows as a table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.throughput.options import Row
from benchmarks.throughput.timing import rate

if TYPE_CHECKING:
    from rich.console import Console

ENDINGS = {
    "_windows_per_s": " windows/s",
    "_per_s": "/s",
    "_bytes": " MiB",
    "_s": " s",
}
MEBIBYTE = 2**20
NARROWEST = 20


def show(rows: Sequence[Row], console: Console | None = None) -> None:
    """Prints one table per suite; columns are what the rows hold beside lists."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = console or Console()
    for suite in dict.fromkeys(row["suite"] for row in rows):
        of_suite = [row for row in rows if row["suite"] == suite]
        columns = columns_of(of_suite)
        grid = Table(title=suite, box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
        grid.add_column("case", min_width=NARROWEST)
        for name in columns:
            words = title(name).replace(" ", "\n")
            grid.add_column(words, justify="right", no_wrap=True)
        for row in of_suite:
            cells = [written(name, row.get(name)) for name in columns]
            grid.add_row(row["case"], *cells)
        console.print(grid)


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Keys to show, in the order in which rows bring them."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return [
        key
        for key in keys
        if key not in ("suite", "case")
        and not any(isinstance(row.get(key), dict | list) for row in rows)
    ]


def title(name: str) -> str:
    """A key as a heading, its unit in words.

    Example:
        >>> title("train_windows_per_s"), title("peak_memory_bytes")
        ('train windows/s', 'peak memory MiB')
    """
    for ending, unit in ENDINGS.items():
        if name.endswith(ending):
            return name.removesuffix(ending).replace("_", " ") + unit
    return name.replace("_", " ")


def written(name: str, value: Any) -> str:
    """A value as a cell.

    Example:
        >>> written("growth_bytes", 3 * 2**20), written("ratio", 1.5)
        ('3.00', '1.50')
    """
    if value is None:
        return "-"
    if name.endswith("_bytes"):
        return rate(value / MEBIBYTE)
    if isinstance(value, float):
        return rate(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
