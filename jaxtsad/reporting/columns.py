"""The columns of a results table: their order, names and how a value is written."""

from __future__ import annotations

import math
from typing import NamedTuple

from jaxtsad.reporting import rows as rows_


class Column(NamedTuple):
    """One metric as a column.

    Attributes:
        key: Key of the metric in a row.
        title: Heading.
        digits: Digits after the point.
        better: 1 if higher is better, -1 if lower is, 0 if it is not to be compared.
        help: What the number says, in a few words.
        grey: Shown, but not to be judged by.
    """

    key: str
    title: str
    digits: int
    better: int
    help: str
    grey: bool = False


COLUMNS = (
    Column("vus_pr", "VUS-PR", 3, 1, "volume under the PR surface; the main metric"),
    Column("auc_pr", "AUC-PR", 3, 1, "average precision; chance is the prevalence"),
    Column("auc_roc", "AUC-ROC", 3, 1, "area under the ROC curve; chance is .5"),
    Column("oracle_f1", "oracle F1", 3, 0, "best F1 of any threshold, seen by labels"),
    Column("f1", "F1", 3, 1, "point-wise F1 at the fitted threshold"),
    Column("event_f1", "event F1", 3, 1, "event recall with point-wise precision"),
    Column("affiliation_precision", "aff. P", 3, 1, "affiliation precision"),
    Column("affiliation_recall", "aff. R", 3, 1, "affiliation recall; noise gets ~1"),
    Column("range_f1", "range F1", 3, 1, "range-based F1"),
    Column("pa_k_auc", "PA%K", 3, 1, "mean F1 under PA%K over K"),
    Column("pa_k20_f1", "PA%20", 3, 1, "F1 under PA%K at K = 20"),
    Column("pa_f1", "PA-F1", 3, 0, "point-adjusted F1; read it beside random", True),
    Column("accuracy", "accuracy", 3, 1, "share of steps flagged as labelled"),
    Column("delay", "delay", 1, -1, "mean steps from an event's start to its alarm"),
    Column("alarms_per_1000", "alarms", 2, -1, "false alarms per 1000 normal steps"),
    Column("windows_per_s", "windows/s", 0, 1, "windows scored per second"),
)
WITHHELD = "withheld"
NOTE = "PA-F1 is withheld where no random row stands on the same labels"


def present(rows: list[rows_.Row]) -> list[Column]:
    """The columns for which any row has an entry, in their order."""
    keys = {key for row in rows for key in row.get("metrics") or {}}
    return [column for column in COLUMNS if column.key in keys]


def value_text(value: float, digits: int) -> str:
    """A number with fixed digits and thousands separated, "n/a" for nan.

    Example:
        >>> value_text(0.5, 3), value_text(48210.5, 0), value_text(float("nan"), 3)
        ('0.500', '48,210', 'n/a')
    """
    if math.isnan(value):
        return "n/a"
    return f"{value:,.{digits}f}"


def spread_text(row: rows_.Row, column: Column) -> str:
    """The spread of a metric: `± sd` over seeds, `[low, high]` over entities.

    The macro row shows the interval, every other row the standard deviation; each
    shows the other one where its own is unknown.

    Example:
        >>> row = {"entity": "a", "sd": {"f1": 0.01}, "interval": {"f1": [0.4, 0.6]}}
        >>> f1 = next(column for column in COLUMNS if column.key == "f1")
        >>> spread_text(row, f1), spread_text({**row, "entity": "macro"}, f1)
        ('± 0.010', '[0.400, 0.600]')
    """
    sd, bounds = rows_.number(row, column.key, "sd"), rows_.interval(row, column.key)
    deviation = "" if math.isnan(sd) else f"± {value_text(sd, column.digits)}"
    if bounds is None:
        return deviation
    low, high = (value_text(bound, column.digits) for bound in bounds)
    between = f"[{low}, {high}]"
    if row.get("entity") == rows_.SUMMARIES[0]:
        return between
    return deviation or between
