"""The report of `at_improved`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.studies.at_improved import judging
from benchmarks.studies.at_improved.networks import NETWORKS
from benchmarks.studies.at_improved.recipes import INPUT, Recipe
from benchmarks.studies.report import Report, Section, Table, number, ranged
from jaxtsad.evaluation import uncertainty
from jaxtsad.evaluation.uncertainty import Estimate

Made = Mapping[str, Any]
WORDS = {
    "improved": "the variant: the recipe on the trained network's errors",
    "improved_untrained": "its own untrained network, by the same recipe",
    "recipe_without_network": "the same recipe on the inputs, without any network",
    "error": "its error as it is",
    "error_smoothed": "its error as it is, averaged over 100 steps",
    "zscore_smoothed": "squared z-score averaged in time",
    "pca": "windowed PCA",
    "knn": "5th nearest window",
    "zscore": "squared z-score",
    "random": "random scores",
    "all_positive": "every step the same score",
}
SQUASHED = {"log": "log(1 + x)", "cap": "cut at 25", "root": "the root"}
COLUMNS = {
    "all": "all columns alike",
    "varying": "columns that vary in training",
    "measured": "measured columns that vary in training",
    "groups": "means of measured, command and constant columns",
    "no_commands": "means of measured and of constant columns",
}
GOAL = ("zscore_smoothed", "pca", "knn", "improved_untrained")
LEFT_OUT = "improved"


def report(made: Made) -> Report:
    """All tables, and whether the goal is met."""
    judged = Section(
        "On channels never used for choosing",
        (
            verdict(made),
            "Means over held-out entities, networks' seeds averaged first; 95 % "
            "bootstrap intervals over entities in brackets. The last column is the "
            "paired difference of the variant's VUS-PR from the row's.",
        ),
        [_rows(made, name) for name in (*made["sets"], "all")],
    )
    tried = Section(
        "What was tried",
        (
            "Mean VUS-PR over the tuning channels of each data set, best first. From "
            "`start` on one part of the recipe is changed at a time, and the best so "
            f"far is gone on from. Networks: {_networks()}; `{INPUT}`: none.",
        ),
        [_tried(name, own) for name, own in made["sets"].items()],
    )
    title = "A better Anomaly Transformer, chosen on half of the channels"
    return Report(title, (lead(made),), (judged, tried), tree=made, shown=0)


def lead(made: Made) -> str:
    """What was done, in a paragraph."""
    said = [
        "The channels of each data set are halved, every other one in order of name. "
        "Networks are trained without labels on the training parts of all channels of "
        "a data set together, each scaled by its own fit part; how their errors become "
        "a score is chosen by VUS-PR on the tuning half, for each data set apart."
    ]
    for name, own in made["sets"].items():
        recipe = Recipe(**own["recipe"])
        counts = f"{len(own['tuning'])} to choose, {len(own['held_out'])} to judge"
        words = f"network `{recipe.network}`, {described(recipe)}"
        said.append(f"{name.upper()} ({counts}): {words}.")
    return " ".join(said)


def described(recipe: Recipe) -> str:
    """A recipe in words.

    Example:
        >>> described(Recipe("plain", squash="log", passes=2))
        'squared errors, log(1 + x), all columns alike, averaged over 100 steps twice'
    """
    said = ["squared errors"]
    if recipe.mix != "none" and recipe.network != INPUT:
        said = [f"{recipe.mix} of squared errors and squared z-scores"]
    if recipe.scale:
        said.append(f"each column over its held-out mean plus {recipe.floor:g}")
    if recipe.squash in SQUASHED:
        said.append(SQUASHED[recipe.squash])
    said.append(COLUMNS[recipe.columns])
    if recipe.discrepancy:
        said.append("weighted by low discrepancy")
    if recipe.width > 1:
        twice = " twice" if recipe.passes == 2 else ""
        said.append(f"averaged over {recipe.width} steps{twice}")
    return ", ".join(said)


def verdict(made: Made) -> str:
    """In a paragraph, whether the goal is met."""
    said = []
    for name in (*made["sets"], "all"):
        rows = _values(made, name)
        better: list[str] = []
        not_told: list[str] = []
        for other in GOAL:
            apart = difference(rows, other)
            enough = apart.n >= uncertainty.FEWEST_PAIRS and apart.low > 0
            (better if enough else not_told).append(other)
        line = f"{name.upper()}: better than {', '.join(better) or 'none'}"
        if not_told:
            line += f"; not shown to be better than {', '.join(not_told)}"
        said.append(f"{line}.")
    return (
        "The goal was a VUS-PR above each of "
        f"{', '.join(GOAL)} with a paired interval over held-out entities that leaves "
        f"out 0. {' '.join(said)}"
    )


def difference(rows: Mapping[str, judging.Values], other: str) -> Estimate:
    """VUS-PR of the variant less another row's, with an interval over entities."""
    ours, theirs = (np.asarray(rows[row]["vus_pr"]) for row in (LEFT_OUT, other))
    return uncertainty.paired_bootstrap(ours, theirs)


def _values(made: Made, name: str) -> dict[str, judging.Values]:
    if name != "all":
        return dict(made["sets"][name]["rows"])
    sets = [own["rows"] for own in made["sets"].values()]
    return {
        row: {key: [v for one in sets for v in one[row][key]] for key in own}
        for row, own in sets[0].items()
    }


def _rows(made: Made, name: str) -> Table:
    values = _values(made, name)
    heads = ("row", "AUC-ROC", "AUC-PR", "VUS-PR", "variant's VUS-PR less the row's")
    lines = []
    for row, own in values.items():
        cells = [uncertainty.bootstrap(np.asarray(own[k])) for k in judging.METRICS]
        apart = ""
        if row != LEFT_OUT:
            apart = ranged(difference(values, row), signed=True)
        said = f"{row}: {WORDS[row]}"
        lines.append((said, number(cells[0].mean), *map(ranged, cells[1:]), apart))
    return Table(heads, lines, title=name.upper())


def _tried(name: str, own: Made) -> Table:
    """Every trial, best first."""
    lines = []
    for one in sorted(own["trials"], key=lambda one: -one["value"]):
        recipe = Recipe(**one["recipe"])
        said = (one["changed"], recipe.network, described(recipe))
        lines.append((*said, number(one["value"])))
    title = f"{name.upper()}, tuning channels"
    return Table(("changed", "network", "recipe", "VUS-PR"), lines, title=title)


def _networks() -> str:
    return "; ".join(f"`{one.name}`: {one.words}" for one in NETWORKS)
