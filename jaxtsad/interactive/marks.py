"""What a person marked in a page, as known anomalies that `fit` takes."""

from __future__ import annotations

import csv
import io
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

KINDS = ("anomaly", "normal", "investigate")
QUOTED = ("=", "+", "-", "@", "\t", "\r", "'")
"""How a text begins that is saved with a quote before it, as in `spreadsheet`."""


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Marks of a file that the page saved, JSON or CSV.

    Returns:
        Of each `entity` (None of one recording), `start`, `stop` (exclusive), `mark`
        and `note`.

    Raises:
        ValueError: If it holds something else, in one line.
    """
    text = pathlib.Path(path).read_text(encoding="utf-8-sig")
    try:
        if text.lstrip().startswith("{"):
            given = json.loads(text)["marks"]
        else:
            given = list(csv.DictReader(io.StringIO(text, newline="")))
        return [_mark(one) for one in given]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{str(path)!r} holds no marks of a page: {' '.join(str(error).split())}"
        ) from None


def _mark(given: Mapping[str, Any]) -> dict[str, Any]:
    start, stop = int(given["start"]), int(given["stop"])
    if not 0 <= start < stop:
        raise ValueError(f"an event from {start} to {stop}")
    mark = _text(given.get("mark"))
    if mark not in ("", *KINDS):
        raise ValueError(f"mark={mark!r} is none of {', '.join(KINDS)}")
    entity = given.get("entity")
    return {
        "entity": None if entity is None else _text(entity),
        "start": start,
        "stop": stop,
        "mark": mark,
        "note": _text(given.get("note")),
    }


def _text(given: Any) -> str:
    """Text of a cell, without the quote that keeps it from being a formula."""
    text = "" if given is None else str(given)
    return text[1:] if text[:1] == "'" and text[1:2] in QUOTED else text


def known(path: str | os.PathLike[str]) -> list[tuple[int, int]]:
    """Events `[(start, stop), ...]` that were marked as anomalies, for `fit(X, y=...)`.

    Raises:
        ValueError: As `read`, or if they are of several entities.
    """
    marks = [one for one in read(path) if one["mark"] == "anomaly"]
    names = sorted({str(one["entity"]) for one in marks})
    if len(names) > 1:
        raise ValueError(f"{str(path)!r} has marks of several entities: {names[:6]}")
    return [(one["start"], one["stop"]) for one in marks]


def by_entity(path: str | os.PathLike[str]) -> dict[str, list[tuple[int, int]]]:
    """The same by entity, for `fit(X, y=...)` of several.

    Raises:
        ValueError: As `read`, or if a mark names no entity.
    """
    each: dict[str, list[tuple[int, int]]] = {}
    for one in read(path):
        if one["entity"] is None:
            raise ValueError(f"{str(path)!r} names no entity of its marks")
        if one["mark"] == "anomaly":
            each.setdefault(one["entity"], []).append((one["start"], one["stop"]))
    return each
