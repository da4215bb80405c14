"""The tables: means by half and data set, paired differences, seconds, every series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.studies import report
from benchmarks.studies.report import Section, Table, number
from benchmarks.studies.tsb_ad.protocol import TITLES, Case
from benchmarks.studies.tsb_ad.rows import Row, part
from jaxtsad.evaluation import uncertainty

LEGEND = (
    "Mean VUS-PR with 250 thresholds and buffers up to the period of the first "
    "channel. A detector sees one series at a time, unscaled and without labels: the "
    "first `train_points` rows are fitted on, all rows are scored and count. Odd and "
    "even are 0-based places within a data set, in the order of the benchmark's list. "
    "Closed forms are fitted with `validation=0.0`, on all training rows, but where "
    "the row says otherwise. Intervals are 95 %, by bootstrap over series."
)
SHOWN = 5
"""Published rows that are shown, besides the Anomaly Transformer's."""
ALWAYS = "AnomalyTransformer"


def section(
    group: str,
    cases: Sequence[Case],
    rows: Sequence[Row],
    published: Sequence[Row],
    main: str,
) -> Section:
    """All tables of one data set, or of the three of TSB-AD-M.

    Args:
        group: Of `protocol.DATA`.
        cases: The series.
        rows: The rows made here.
        published: What others reached on the same series, the best first.
        main: The row that the others are compared with.
    """
    best = [row for i, row in enumerate(published) if i < SHOWN or row.name == ALWAYS]
    texts = (
        f"{len(cases)} series, {sum(len(c.labels) for c in cases):,} rows, "
        f"{sum(int(c.labels.sum()) for c in cases):,} of them anomalous.",
    )
    tables = [means(cases, [*rows, *best]), differences(cases, [*rows, *best], main)]
    return Section(TITLES[group], texts, [*tables, seconds(rows), each(cases, rows)])


def means(cases: Sequence[Case], rows: Sequence[Row]) -> Table:
    """Mean VUS-PR of every row: in all, by half, by data set."""
    heads, masks = _masks(cases)
    lines = [
        (_title(row), *(number(row.vus_pr[mask].mean()) for mask in masks))
        for row in rows
    ]
    return Table(("mean VUS-PR", *heads), lines, len(heads))


def differences(cases: Sequence[Case], rows: Sequence[Row], main: str) -> Table:
    """The main row less every other: mean and interval over the same series."""
    heads, masks = _masks(cases)
    first = next(row for row in rows if row.name == main)
    lines = []
    for row in rows:
        if row is not first:
            cells = (
                report.ranged(
                    uncertainty.paired_bootstrap(first.vus_pr[m], row.vus_pr[m]),
                    signed=True,
                )
                for m in masks
            )
            lines.append((_title(row), *cells))
    title = f"{main} less the others"
    return Table(("less", *heads), lines, len(heads), title)


def seconds(rows: Sequence[Row]) -> Table:
    """Seconds per series to fit and to score, as they were run."""
    heads = ("seconds per series", "fit, median", "most", "score, median", "most")
    lines = [
        (
            row.name,
            *(
                f"{function(spent):.2f}"
                for spent in (row.fit_seconds, row.score_seconds)
                for function in (np.median, np.max)
            ),
        )
        for row in rows
    ]
    lead = "Compilation included, as the series were met, one after the other."
    return Table(heads, lines, 4, "Seconds", lead)


def each(cases: Sequence[Case], rows: Sequence[Row]) -> Table:
    """VUS-PR of every series."""
    heads = ("series", "half", *(row.name for row in rows))
    lines = [
        (
            part(case),
            case.half,
            *(number(r.vus_pr[i]) for r in rows),
        )
        for i, case in enumerate(cases)
    ]
    return Table(heads, lines, len(rows), "Every series")


def tidy(cases: Sequence[Case], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Every number, a line each."""
    return [
        {
            "data": case.group,
            "dataset": case.dataset,
            "series": case.name,
            "half": case.half,
            "detector": row.name,
            "vus_pr": float(row.vus_pr[i]),
            "fit_seconds": float(row.fit_seconds[i]),
            "score_seconds": float(row.score_seconds[i]),
        }
        for row in rows
        for i, case in enumerate(cases)
    ]


def _masks(cases: Sequence[Case]) -> tuple[list[str], list[np.ndarray]]:
    """Columns of a table: all series, each half, each data set, where they differ."""
    masks = {"all": np.ones(len(cases), bool)}
    for values in ([c.half for c in cases], [c.dataset for c in cases]):
        names = sorted(set(values), reverse=values[0] in ("odd", "even"))
        if len(names) > 1:
            masks |= {name: np.array([v == name for v in values]) for name in names}
    return list(masks), list(masks.values())


def _title(row: Row) -> str:
    return f"{row.name} (published)" if row.published else row.name
