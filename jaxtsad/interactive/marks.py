"""What a person marked in a page, as known anomalies that `fit` takes."""

from __future__ import annotations

import csv
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

KINDS = ("anomaly", "normal", "investigate")


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Marks of a file that the page saved, JSON or CSV.

    Returns:
        Of each `start`, `stop` (exclusive), `mark` and `note`.

    Raises:
        ValueError: If it holds something else, in one line.
    """
    text = pathlib.Path(path).read_text(encoding="utf-8-sig")
    try:
        if text.lstrip().startswith("{"):
            given = json.loads(text)["marks"]
        else:
            given = list(csv.DictReader(text.splitlines()))
        return [_mark(one) for one in given]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{str(path)!r} holds no marks of a page: {' '.join(str(error).split())}"
        ) from None


def _mark(given: Mapping[str, Any]) -> dict[str, Any]:
    start, stop = int(given["start"]), int(given["stop"])
    if not 0 <= start < stop:
        raise ValueError(f"an event from {start} to {stop}")
    mark = str(given.get("mark") or "")
    if mark not in ("", *KINDS):
        raise ValueError(f"mark={mark!r} is none of {', '.join(KINDS)}")
    return {"start": start, "stop": stop, "mark": mark, "note": str(given.get("note"))}


def known(path: str | os.PathLike[str]) -> list[tuple[int, int]]:
    """Events `[(start, stop), ...]` that were marked as anomalies, for `fit(X, y=...)`.

    Raises:
        ValueError: As `read`.
    """
    marks = read(path)
    return [(one["start"], one["stop"]) for one in marks if one["mark"] == "anomaly"]
