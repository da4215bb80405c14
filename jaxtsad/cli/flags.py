"""Flags by which a recording of one's own is read."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

NAMES = (
    "time_column",
    "time_format",
    "label_column",
    "entity_column",
    "channels",
    "drop",
    "key",
    "separator",
    "decimal",
    "header",
    "missing",
    "duplicates",
    "resample",
    "max_gap",
)
"""Options of `datasets.reading.tabular.Options`, each of them a flag."""


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the flags to a command."""
    group = parser.add_argument_group("how the file is read (found out where not said)")

    def flag(name: str, text: str, **more: object) -> None:
        group.add_argument(f"--{name}", help=text, **more)  # type: ignore[arg-type]

    flag("time-column", "column of time stamps, not a channel")
    flag("time-format", "of text, like %%d.%%m.%%Y %%H:%%M; of numbers s, ms, us or ns")
    flag("label-column", "column of labels, 0 or 1, not a channel")
    flag("entity-column", "column that names the machine of each row: one model each")
    several = {"action": "append", "default": [], "metavar": "NAMES"}
    flag("channels", "columns to keep, with commas between; repeatable", **several)
    flag("drop", "columns to leave out, with commas between; repeatable", **several)
    flag("key", "array of an npz file")
    flag("separator", "comma, semicolon, tab, pipe, space or a sign")
    flag("decimal", "decimal sign", choices=(".", ","))
    flag("header", "whether the first line names the columns", choices=("yes", "no"))
    several["metavar"] = "VALUES"
    flag("missing", "stands for a missing value, like -999,Bad; repeatable", **several)
    flag(
        "duplicates",
        "what becomes of equal time stamps",
        choices=("mean", "first", "error"),
    )
    flag("resample", "width of even steps, like 1min", metavar="TIME")
    flag("max-gap", "longest time that a window may span, like 5min", metavar="TIME")


def joined(arguments: Sequence[str]) -> list[str]:
    """Arguments in which a value that begins with a minus belongs to its flag.

    Example:
        >>> joined(["--missing", "-999,-1", "--out", "m"])
        ['--missing=-999,-1', '--out', 'm']
    """
    made: list[str] = []
    for word in arguments:
        if made and made[-1] == "--missing":
            made[-1] += f"={word}"
        else:
            made.append(word)
    return made
