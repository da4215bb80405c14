"""Regenerates what people read of a run directory from what was recorded in it."""

from __future__ import annotations

import contextlib
import os
import pathlib

from jaxtsad.reporting import html, reading, tables


def write(path: str | pathlib.Path) -> list[pathlib.Path]:
    """Writes `report.html`, `table.md`, `table.csv` and `table.json` of a run.

    Everything comes from `report.json`, `scores.npz`, `events.csv`, `metrics.jsonl` and
    `inspection.npz`; nothing is trained or scored. Each file is written beside its
    place and renamed, so a reader sees the old one or the new one.

    Args:
        path: The run directory.

    Returns:
        The files written.

    Raises:
        ValueError: If a file of the run is missing or is not what it should be.
    """
    run = reading.read(path)
    try:
        contents = {
            "report.html": html.page(run),
            "table.md": tables.markdown(run.rows),
            "table.csv": tables.csv(run.rows),
            "table.json": tables.json(run.rows),
        }
    finally:
        run.close()
    written = []
    for name, text in contents.items():
        target = run.path / name
        replace(target, text)
        written.append(target)
    return written


def replace(target: pathlib.Path, text: str) -> None:
    """Writes a text file beside its place and renames it there.

    Args:
        target: Where the file goes.
        text: Its content.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        beside.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
