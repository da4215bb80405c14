"""The tables of the comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies import published
from benchmarks.studies.report import Report, Section, Table, number
from benchmarks.studies.telemetry_comparison import advice
from jaxtsad.experiments.judge import Rows
from jaxtsad.reporting.html import Safe

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

COSTS = (
    "row",
    "windows",
    "parameters",
    "models",
    "epochs",
    "compiling, s",
    "training, s",
    "trained windows/s",
    "scored windows/s",
    "peak memory, MiB",
)


def report(
    results: Mapping[str, Any],
    curves: Sequence[Safe] = (),
    bars: Sequence[Safe] = (),
) -> Report:
    """All tables.

    Args:
        results: Every number, see `comparison.gather`.
        curves: Pictures of windows.
        bars: Pictures by channel.
    """
    names, models = results["order"], results["models"]
    said = {name: own["macro"] for name, own in results["published"].items()}
    rows, steps = results["window_rows"], results["step_rows"]
    windows = Section(
        "Windows",
        (
            "A window's score is the mean over its steps and columns. Curves are "
            "averaged over channels.",
            *results["advice"][:1],
        ),
        (macro_table(rows, names, WINDOW, said),),
        curves,
    )
    uses = Section(
        "When to use which",
        (
            "Drawn from the figures of this run; AUC-ROC of windows unless it is said "
            "otherwise.",
            *results["advice"][1:],
        ),
    )
    how = (
        "The table above flags by its own rule; these are macro means of windows under "
        "others, none of which has seen test data."
    )
    sections = [
        windows,
        uses,
        Section("By channel", tables=(by_channel(rows, models),), pictures=bars),
        Section(
            "Steps",
            ("A step's score is the mean over the windows that cover it.",),
            (macro_table(steps, names, STEP, {}),),
        ),
        Section(
            "Thresholds",
            (how,),
            (thresholds(results["thresholds"]), clipping(results["clipping"])),
        ),
        Section("Cost", tables=(costs(results["facts"]),)),
    ]
    preset, leaks = results["preset"], results["leaks"]
    texts = [
        f"{len(results['channels'])} channels, {len(models)} models, "
        f"{len(results['seeds'])} seeds, preset {preset}."
    ]
    if leaks:
        texts.append(f"These numbers leak: preset {preset}: {'; '.join(leaks)}.")
    flat = [
        {key: row[key] for key in ("detector", "entity", "seed", "level")}
        | dict(row["metrics"])
        for row in (*rows, *steps)
    ]
    title = f"Telemetry comparison, {preset}"
    return Report(title, texts, sections, results["notes"], flat, results)


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


def macro_table(
    rows: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    titles: Mapping[str, str],
    said: Mapping[str, Mapping[str, float]],
) -> Table:
    """Macro means of every row, published numbers below their model.

    Args:
        rows: Rows of one level.
        names: Rows to show, in order.
        titles: Columns by key.
        said: Published numbers by row.
    """
    means = macro(rows, names)
    lines = []
    for name in names:
        if name in means:
            lines.append((name, *(number(means[name].get(key)) for key in titles)))
        if name in said:
            cells = (number(said[name].get(key)) for key in titles)
            lines.append((f"{name}, published (as_run)", *cells))
    return Table(("mean of channels", *titles.values()), lines, len(titles))


def by_channel(rows: Rows, models: Sequence[str]) -> Table:
    """F1 and AUC-ROC by channel, published ones beside ours, and of `zscore`."""
    f1, area = (advice.table(rows, key).values for key in ("f1", "auc_roc"))
    other = area.get("zscore", {})
    heads = ["channel"]
    for name in models:
        heads += [f"{name} F1", f"{name} AUC-ROC"]
        heads += ["published"] * bool(published.telemetry_channels(name))
    lines = []
    for channel in f1[models[0]]:
        line = [channel]
        for name in models:
            line += [number(own[name].get(channel, math.nan)) for own in (f1, area)]
            said = published.telemetry_channels(name)
            if said:
                own = said.get(channel)
                line.append(f"{own['f1']:.3f} / {own['auc_roc']:.3f}" if own else "")
        lines.append((*line, number(other.get(channel, math.nan))))
    return Table((*heads, "zscore AUC-ROC"), lines, len(heads))


def costs(facts: Mapping[str, Mapping[str, Any]]) -> Table:
    """Parameters, seconds, windows per second and peak memory by row."""
    lines = []
    for name, own in facts.items():
        sizes = ", ".join(f"{n:,} (C={c})" for c, n in own["parameters"].items())
        epochs = own["epochs"]
        line = (
            name,
            f"{own['window']} / {own['stride']}",
            sizes,
            str(own["members"]),
            f"{min(epochs)} to {max(epochs)}" if epochs else "",
            f"{own['compile_s']:,.1f}",
            f"{own['train_s']:,.1f}",
            _speed(own["train_windows_per_s"]),
            _speed(own["score_windows_per_s"]),
            f"{own['peak_memory_bytes'] / 2**20:,.0f}",
        )
        lines.append(line)
    return Table(COSTS, lines, len(COSTS) - 3)


def thresholds(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """What other thresholds would have given each model, on windows."""
    keys = ("flagged", "precision", "recall", "f1", "accuracy")
    lines = [
        (name, one["threshold"], *(number(one["metrics"].get(key)) for key in keys))
        for name, entries in found.items()
        for one in entries
    ]
    return Table(("row", "threshold", *keys), lines, len(keys))


def clipping(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    """What clipping test values does to the ranking."""
    places = [
        (which, key)
        for which in ("clipped", "unclipped")
        for key in ("auc_roc", "auc_pr")
    ]
    lines = [
        (name, *(number(one[which][key]) for which, key in places))
        for name, one in found.items()
    ]
    heads = [
        f"{key}, test {which}"
        for which in ("clipped", "not clipped")
        for key in ("AUC-ROC", "AUC-PR")
    ]
    return Table(("row", *heads), lines, len(heads), "Clipping the test part")


def _speed(value: float) -> str:
    return f"{value:,.0f}" if value else ""
