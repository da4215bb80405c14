"""Rows of a report: reading their numbers, choosing and grouping them.

A row is what `report.json` holds: a mapping with `detector`, `entity` (or "macro",
"pooled"), `seed` (or "mean"), `level`, `threshold`, `validation`, `protocol`, `metrics`
and optionally `sd` and `interval`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]

RANDOM = "random"
SUMMARIES = ("macro", "pooled")
TRIVIAL = (
    RANDOM,
    "all_positive",
    "zscore",
    "zscore_smoothed",
    "untrained",
    "pca",
    "knn",
    "iforest",
    "ar",
)


def number(row: Row, key: str, part: str = "metrics") -> float:
    """A metric of a row as a float, nan where it is absent or null."""
    value = (row.get(part) or {}).get(key)
    return math.nan if value is None else float(value)


def interval(row: Row, key: str) -> tuple[float, float] | None:
    """The interval of a metric, or None where there is none."""
    bounds = (row.get("interval") or {}).get(key)
    if bounds is None or any(bound is None for bound in bounds):
        return None
    low, high = bounds
    return float(low), float(high)


def to_read(rows: Iterable[Row]) -> list[Row]:
    """The mean over seeds where there is one, each seed's row where there is none.

    Example:
        >>> one = {"detector": "pca", "entity": "a", "seed": 0}
        >>> [row["seed"] for row in to_read([one, {**one, "seed": "mean"}])]
        ['mean']
    """
    rows = list(rows)
    averaged = {_member(row) for row in rows if row["seed"] == "mean"}
    return [
        row for row in rows if row["seed"] == "mean" or _member(row) not in averaged
    ]


def _member(row: Row) -> tuple[object, ...]:
    return row["detector"], row["entity"], row.get("level")


def by_entity(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Groups rows by entity and level: the same labels; macro and pooled come last."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        place = (str(row["entity"]), str(row.get("level", "step")))
        groups.setdefault(place, []).append(row)
    return dict(sorted(groups.items(), key=lambda group: group[0][0] in SUMMARIES))


def may_show_adjusted(rows: Sequence[Row]) -> bool:
    """Whether point-adjusted numbers of rows on the same labels may be shown.

    Point adjustment makes noise look good, so they may only beside the random row.
    """
    return any(
        row["detector"] == RANDOM and not math.isnan(number(row, "pa_f1"))
        for row in rows
    )


def is_trivial(detector: str, main: str | None = None) -> bool:
    """Whether a detector is a trivial one, or the smoothed twin of one.

    Args:
        detector: Name in a row.
        main: The detector that a run is about, which is not trivial there.

    Example:
        >>> is_trivial("pca_smoothed"), is_trivial("pca", main="pca"), is_trivial("x")
        (True, False, False)
    """
    base = detector.removesuffix("_smoothed")
    return base in TRIVIAL and main not in (detector, base)


def find(rows: Iterable[Row], **wanted: object) -> Row | None:
    """The first row whose fields are as wanted, or None.

    Example:
        >>> find([{"detector": "pca", "seed": 0}], detector="pca", seed=0)
        {'detector': 'pca', 'seed': 0}
    """
    for row in rows:
        if all(row.get(key) == value for key, value in wanted.items()):
            return row
    return None
