"""The tables of the comparison's report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies import published
from benchmarks.studies.telemetry_comparison.advice import Table
from jaxtsad.reporting import html
from jaxtsad.reporting.html import Number, Safe
from jaxtsad.reporting.pages import headline
from jaxtsad.reporting.tables import layout

WINDOW = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "accuracy": "accuracy",
    "auc_roc": "AUC-ROC",
    "auc_pr": "AUC-PR",
}
STEP = {
    "auc_pr": "AUC-PR",
    "vus_pr": "VUS-PR",
    "auc_roc": "AUC-ROC",
    "f1": "F1",
    "event_f1": "event F1",
    "affiliation_precision": "aff. P",
    "affiliation_recall": "aff. R",
    "range_f1": "range F1",
}

# Flagging more or less makes these as good as one likes; no value is the best.
ONE_SIDED = ("precision", "recall", "affiliation_precision", "affiliation_recall")


def macro(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], entity: str = "macro"
) -> dict[str, Mapping[str, float]]:
    """Mean metrics by row: of the macro rows, or the pooled ones.

    Where there is one channel only, its own rows stand for the mean.
    """
    found: dict[str, Mapping[str, float]] = {}
    alone = not any(row["entity"] == "macro" for row in rows)
    for row in rows:
        wanted = (alone and entity == "macro") or row["entity"] == entity
        if row["detector"] in names and wanted:
            if row["detector"] not in found or row["seed"] == "mean":
                found[row["detector"]] = row["metrics"]
    return found


def table(
    rows: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    models: Sequence[str],
    titles: Mapping[str, str],
    *,
    beside: Mapping[str, Mapping[str, float]] | None = None,
) -> Safe:
    """Macro means of every row, models first; the best model of a column is bold.

    Args:
        rows: Rows of one level.
        names: Rows to show, in order.
        models: Those of them that are not trivial.
        titles: Columns by key.
        beside: Published numbers, shown below their model.
    """
    means = macro(rows, names)
    best = {key: math.nan for key in titles}
    for key in set(titles) - set(ONE_SIDED):
        values = [_value(means[name], key) for name in names if name in means]
        best[key] = max((v for v in values if not math.isnan(v)), default=math.nan)
    lines = []
    for name in names:
        if name not in means:
            continue
        cells = [_cell(_value(means[name], key), best[key]) for key in titles]
        lines.append(_line(name, cells, trivial=name not in models))
        said = (beside or {}).get(name)
        if said:
            numbers = [_number(said.get(key, math.nan)) for key in titles]
            lines.append(_line(f"{name}, published (as_run)", numbers, trivial=True))
    heads = [html.element("th", title, scope="col") for title in titles.values()]
    head = html.element("tr", html.element("th", "mean of channels"), *heads)
    inner = html.element(
        "table",
        html.element("thead", head),
        html.element("tbody", *lines),
        class_="results",
    )
    return html.element("div", inner, class_="scroll")


def by_channel(f1: Table, area: Table, models: Sequence[str], beside: str) -> Safe:
    """F1 and AUC-ROC of each model by channel, the published numbers beside ours."""
    heads: list[str] = ["channel"]
    for name in models:
        heads += [f"{name} F1", f"{name} AUC-ROC"]
        if published.telemetry_channels(name):
            heads.append("published")
    heads.append(f"{beside} AUC-ROC")
    lines = []
    for channel in f1.values[models[0]]:
        line: list[object] = [channel]
        for name in models:
            for found in (f1, area):
                value = found.values[name].get(channel, math.nan)
                line.append(Number(layout.value_text(value, 3)))
            said = published.telemetry_channels(name)
            if said:
                own = said.get(channel)
                text = f"{own['f1']:.3f} / {own['auc_roc']:.3f}" if own else ""
                line.append(Number(text))
        other = area.values[beside].get(channel, math.nan)
        line.append(Number(layout.value_text(other, 3)))
        lines.append(line)
    return html.table(heads, lines)


def costs(facts: Mapping[str, Mapping[str, Any]]) -> Safe:
    """Parameters, seconds, windows per second and peak memory by row."""
    heads = [
        "row",
        "windows",
        "parameters",
        "models",
        "epochs",
        "compiling",
        "training",
        "trained windows/s",
        "scored windows/s",
        "peak memory, MiB",
    ]
    lines = []
    for name, own in facts.items():
        sizes = ", ".join(f"{n:,} (C={c})" for c, n in own["parameters"].items())
        epochs = own["epochs"]
        ran = f"{min(epochs)} to {max(epochs)}" if epochs else ""
        lines.append(
            [
                name,
                f"{own['window']} / {own['stride']}",
                sizes,
                Number(own["members"]),
                Number(ran),
                Number(headline.duration(own["compile_s"])),
                Number(headline.duration(own["train_s"]) if own["train_s"] else ""),
                Number(_speed(own["train_windows_per_s"])),
                Number(_speed(own["score_windows_per_s"])),
                Number(f"{own['peak_memory_bytes'] / 2**20:,.0f}"),
            ]
        )
    return html.table(heads, lines)


def thresholds(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Safe:
    """What other thresholds would have given each model, on windows."""
    keys = ("flagged", "precision", "recall", "f1", "accuracy")
    lines = []
    for name, entries in found.items():
        for entry in entries:
            values = [_number(_value(entry["metrics"], key)) for key in keys]
            lines.append([name, entry["threshold"], *values])
    if not lines:
        return Safe("")
    return html.table(["row", "threshold", *keys], lines)


def clipping(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Safe:
    """What clipping test values does to the ranking."""
    lines = [
        [
            name,
            *(
                _number(one[which][key])
                for which in ("clipped", "unclipped")
                for key in ("auc_roc", "auc_pr")
            ),
        ]
        for name, one in found.items()
    ]
    if not lines:
        return Safe("")
    heads = [
        f"{key}, test {which}"
        for which in ("clipped", "not clipped")
        for key in ("AUC-ROC", "AUC-PR")
    ]
    title = html.element("h3", "Clipping the test part")
    return html.join([title, html.table(["row", *heads], lines)])


def _line(name: str, cells: Sequence[object], *, trivial: bool) -> Safe:
    data = (html.element("td", cell) for cell in cells)
    return html.element(
        "tr",
        html.element("th", name, scope="row"),
        *data,
        class_="trivial" if trivial else "main",
    )


def _cell(value: float, best: float) -> Safe:
    text = layout.value_text(value, 3)
    bold = not math.isnan(value) and text == layout.value_text(best, 3)
    return html.element("b", text) if bold else html.text(text)


def _value(metrics: Mapping[str, Any], key: str) -> float:
    value = metrics.get(key)
    return math.nan if value is None else float(value)


def _number(value: float) -> Number:
    return Number("" if math.isnan(value) else f"{value:.3f}")


def _speed(value: float) -> str:
    return f"{value:,.0f}" if value else ""
