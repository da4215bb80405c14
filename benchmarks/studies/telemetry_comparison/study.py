"""The comparison from data to run directory, row after row."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.studies.telemetry_comparison import (
    advice,
    blocks,
    channels,
    figures,
    fleets,
    gathering,
    page,
    presets,
)
from benchmarks.studies.telemetry_comparison.presets import Choices, Recipe
from jaxtsad.datasets import places, smap_msl
from jaxtsad.experiments import records
from jaxtsad.experiments.judge import Judged
from jaxtsad.reporting.tables import formats

RESULTS, REPORT, TABLE = "results.json", "report.html", "table.csv"
SHOWN = {"f1": "F1", "accuracy": "accuracy", "auc_roc": "AUC-ROC", "auc_pr": "AUC-PR"}


def run(
    choices: Choices, folder: pathlib.Path, terminal: Console | None = None
) -> dict[str, Any]:
    """Makes every row that is not there yet, judges all and writes the report.

    Args:
        choices: What is compared.
        folder: Run directory; rows that it holds are not trained again.
        terminal: Where progress is shown; None for nowhere.

    Returns:
        What `results.json` holds.

    Raises:
        ValueError: If a choice or the data is bad, or the folder holds rows of
            another comparison.
        Interrupted: On Ctrl-C, after saving a checkpoint.
    """
    terminal = terminal or Console(quiet=True)
    recipes = _recipes(choices)
    root = places.data_root(choices.root)
    selection = channels.select(root, choices.channels)
    terminal.print(str(selection), highlight=False)
    series = channels.load(root, selection.names)
    first = None
    if presets.PRESETS[choices.preset].first_rows:
        first = smap_msl.label_table(root, first_rows=True)
    labels = channels.WindowLabels(series, first)
    made = [
        fleets.make(
            recipe,
            series,
            labels,
            seeds=choices.seeds,
            folder=folder / "rows" / recipe.row,
            terminal=terminal,
        )
        for recipe in recipes
    ]
    terminal.print("judging windows and steps")
    results, windows = gathering.gather(choices, recipes, made, series, selection)
    _write(folder, results, windows, recipes)
    _show(results, terminal)
    return results


def _recipes(choices: Choices) -> list[Recipe]:
    """The models, then what stands beside them without asking."""
    if not choices.models:
        raise ValueError("models must name at least one detector")
    found = [
        presets.recipe(
            choices.preset,
            model,
            epochs=choices.epochs,
            clip_test=choices.clip_test,
        )
        for model in choices.models
    ]
    names = [one.row for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"models: {twice[0]!r} is there twice")
    beside = [
        presets.recipe(choices.preset, name, trivial=True, clip_test=choices.clip_test)
        for name in choices.beside
        if name not in names
    ]
    networks = [presets.untrained(one) for one in found]
    return found + beside + [one for one in networks if one is not None]


def _write(
    folder: pathlib.Path,
    results: dict[str, Any],
    windows: Sequence[Judged],
    recipes: Sequence[Recipe],
) -> None:
    """Writes `results.json`, `table.csv` and `report.html`."""
    models = results["models"]
    beside = [one.row for one in recipes if one.trivial and not one.setup.untrained]
    rows = results["window_rows"]
    f1, area = (advice.table(rows, key) for key in ("f1", "auc_roc"))
    drawn = {
        "curves": figures.curve_figures(windows, models, beside),
        "confusions": figures.confusions(windows, models),
        "bars": figures.channel_bars(area, models, beside[0], "AUC-ROC")
        if beside
        else [],
    }
    records.write_json(folder / RESULTS, results)
    records.write_text(folder / TABLE, formats.csv([*rows, *results["step_rows"]]))
    text = page.html(results | {"tables": (f1, area)}, drawn)
    records.write_text(folder / REPORT, text)


def _show(results: dict[str, Any], terminal: Console) -> None:
    """Prints the macro table of windows, published numbers below each model."""
    means = blocks.macro(results["window_rows"], results["order"])
    grid = Table(title="Windows, mean of channels", title_justify="left")
    grid.add_column("row")
    for title in SHOWN.values():
        grid.add_column(title, justify="right")
    for name in results["order"]:
        style = "" if name in results["models"] else "dim"
        values = (f"{means[name][key]:.3f}" for key in SHOWN)
        grid.add_row(name, *values, style=style)
        if name in results["published"]:
            said = results["published"][name]["macro"]
            numbers = (f"{said[key]:.3f}" if key in said else "" for key in SHOWN)
            grid.add_row(f"{name}, published (as_run)", *numbers, style="dim")
    terminal.print(grid)
    for leak in results["leaks"]:
        terminal.print(f"[bold red]leaks:[/] {leak}")
    for line in (*results["advice"], *results["notes"][1:]):
        terminal.print(line, highlight=False)
