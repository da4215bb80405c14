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
BASELINES = (
    "random all_positive zscore zscore_smoothed untrained pca knn iforest ar".split()
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
        >>> row = {"detector": "pca", "entity": "a", "seed": 0}
        >>> [kept["seed"] for kept in to_read([row, {**row, "seed": "mean"}])]
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

    Point adjustment makes noise look good, so they need the random row to compare with.
    """
    return any(
        row["detector"] == RANDOM and not math.isnan(number(row, "pa_f1"))
        for row in rows
    )


def is_baseline(detector: str, main: str | None = None) -> bool:
    """Whether a detector is a baseline, smoothed or not.

    Args:
        detector: Name in a row.
        main: The detector that a run is about, which is no baseline there.

    Example:
        >>> is_baseline("pca_smoothed"), is_baseline("pca", main="pca")
        (True, False)
    """
    base = detector.removesuffix("_smoothed")
    return base in BASELINES and main not in (detector, base)


def find(rows: Iterable[Row], **wanted: object) -> Row | None:
    """The first row whose fields are as wanted, or None.

    Example:
        >>> find([{"detector": "pca", "seed": 0}], detector="pca", seed=0)
        {'detector': 'pca', 'seed': 0}
    """
    fields = wanted.items()
    return next((r for r in rows if all(r.get(k) == v for k, v in fields)), None)
