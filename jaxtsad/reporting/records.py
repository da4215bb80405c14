"""Every row of a report as a flat record, for other programs to read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from jaxtsad.reporting import columns as columns_
from jaxtsad.reporting import rows as rows_


def flat(rows: Iterable[rows_.Row]) -> list[dict[str, Any]]:
    """Every row (every seed too) as a flat record, values exact.

    Metrics are named by their keys, their spreads `<key>_sd`, `<key>_low` and
    `<key>_high`; nan is None. PA-F1 is "withheld" without a random row.
    """
    found = []
    for group in rows_.by_entity(rows).values():
        adjusted = rows_.may_show_adjusted(group)
        for row in group:
            found.append(_record(row, adjusted))
    return found


def _record(row: rows_.Row, adjusted: bool) -> dict[str, Any]:
    threshold = row.get("threshold") or {}
    record: dict[str, Any] = {
        name: row.get(name)
        for name in ("entity", "detector", "seed", "level", "protocol", "validation")
    }
    for name in ("kind", "value", "fitted_on"):
        record[f"threshold_{name}"] = threshold.get(name)
    ordered = [column.key for column in columns_.COLUMNS]
    keys = list(row.get("metrics") or {})
    keys.sort(key=lambda key: ordered.index(key) if key in ordered else len(ordered))
    for key in keys:
        hidden = key == "pa_f1" and not adjusted
        value = rows_.number(row, key)
        if hidden and not math.isnan(value):
            record[key] = columns_.WITHHELD
            continue
        record[key] = _finite(value)
        if key in (row.get("sd") or {}):
            record[f"{key}_sd"] = _finite(rows_.number(row, key, "sd"))
        bounds = rows_.interval(row, key)
        if bounds is not None:
            record[f"{key}_low"], record[f"{key}_high"] = map(_finite, bounds)
    return record


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
