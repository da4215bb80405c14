"""Recurrent detectors compared on 28 channels of SMAP and MSL.

python -m benchmarks.studies.telemetry_comparison --data-root DIR

The channels are those with at least 100 anomalous windows. Every row is one model per
channel, trained in one program; what is finished in `--out` is not done again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies import published, report, study
from benchmarks.studies.report import Report, Row, Section, Table, number
from benchmarks.studies.study import Session, Study
from benchmarks.studies.telemetry_comparison import channels, presets, rows
from benchmarks.studies.telemetry_comparison.presets import Recipe
from jaxtsad.datasets import places, smap_msl
from jaxtsad.experiments.judge import Rows

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


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the comparison is asked for."""
    add = parser.add_argument
    add("--preset", default="strict", choices=tuple(presets.PRESETS))
    add(
        "--models",
        nargs="+",
        default=list(presets.COMPARED),
        metavar="MODEL",
        help="detectors by name ('knn neighbour=5' with options), or configs whose "
        "window, detector and training sections count "
        f"(default: {' '.join(presets.COMPARED)})",
    )
    add("--channels", nargs="+", help="instead of the published rule's")
    add("--seeds", type=int, nargs="+", default=[42])
    add("--epochs", type=int, help="at most this many")
    add("--baselines", nargs="+", default=list(presets.TRIVIAL), metavar="MODEL")


def run(session: Session) -> Report:
    """Makes every row that is not there yet, and judges all.

    Raises:
        ValueError: If a choice or the data is bad.
        Interrupted: On Ctrl-C, after saving a checkpoint.
    """
    asked = session.options
    preset = presets.PRESETS[asked.preset]
    recipes = chosen(asked)
    root = places.data_root(session.root)
    selection = channels.select(root, asked.channels)
    session.say(str(selection))
    series = channels.load(root, selection.names)
    first = smap_msl.label_table(root, rows="first") if preset.first_rows else None
    labels = channels.WindowLabels(series, first)
    made = [rows.make(one, series, labels, asked.seeds, session) for one in recipes]
    session.say("judging windows and steps")
    levels = [rows.judged(made, recipes, it, preset.protocol) for it in rows.LEVELS]
    facts = {one.row: own.facts for one, own in zip(recipes, made, strict=True)}
    notes = [
        str(selection),
        *_other_windows(recipes),
        *_other_options(asked.models),
        *(f"{name}: {note}" for name, own in facts.items() for note in own["notes"]),
    ]
    tree = {
        "preset": asked.preset,
        "leaks": list(preset.protocol.leaks),
        "channels": selection.names,
        "verified": selection.verified,
        "models": [one.row for one in recipes if not one.trivial],
        "seeds": list(asked.seeds),
        "window_rows": levels[0],
        "step_rows": levels[1],
        "facts": facts,
    }
    return tables(tree, notes)


def chosen(asked: argparse.Namespace) -> list[Recipe]:
    """The models, baselines, and the models untrained.

    Raises:
        ValueError: If a model is unknown or named twice.
    """
    found = [
        presets.recipe(asked.preset, model, epochs=asked.epochs)
        for model in asked.models
    ]
    names = [one.row for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"models: {twice[0]!r} is there twice")
    trivial = [
        presets.recipe(asked.preset, name, trivial=True)
        for name in asked.baselines
        if name not in names
    ]
    networks = [presets.untrained(one) for one in found]
    return found + trivial + [one for one in networks if one is not None]


def _other_windows(recipes: Sequence[Recipe]) -> list[str]:
    """What a reader must know of rows whose windows are not those of the others."""
    first = recipes[0].setup
    return [
        f"{one.row} is judged on its own windows, {one.setup.window} steps long, one "
        f"every {one.setup.stride}; compare it with {recipes[0].row} by steps"
        for one in recipes
        if (one.setup.window, one.setup.stride) != (first.window, first.stride)
    ]


def _other_options(models: Sequence[str]) -> list[str]:
    """Options that the command gave instead of the preset's."""
    pairs = [model.partition(" ") for model in models if not model.endswith(".toml")]
    return [f"{name}: {given}" for name, _, given in pairs if given]


def tables(tree: Mapping[str, Any], notes: Sequence[str]) -> Report:
    """Windows, steps, and the ranking of steps by channel."""
    everything = tree["channels"] == channels.PUBLISHED
    said = published.TELEMETRY_MACRO if everything else {}
    windows, steps = tree["window_rows"], tree["step_rows"]
    by_channel = [
        Row(one["entity"], one["detector"], one["seed"], one["metrics"]["auc_roc"])
        for one in steps
        if one["entity"] in tree["channels"]
        and (one["seed"] != "mean" or one["detector"] == "random")
    ]
    sections = [
        Section(
            "Windows",
            ("A window's score is the mean over its steps and columns.",),
            (macro_table(windows, WINDOW, said),),
        ),
        Section(
            "Steps",
            ("A step's score is the mean over the windows that cover it.",),
            (macro_table(steps, STEP, {}),),
        ),
        Section("Steps by channel, AUC-ROC", tables=(report.by_group(by_channel),)),
        Section(
            "Cost",
            ("Parameters of one model; seconds of training of all, on this machine.",),
            (cost_table(tree["facts"]),),
        ),
    ]
    preset, leaks = tree["preset"], tree["leaks"]
    texts = [
        f"{len(tree['channels'])} channels, {len(tree['models'])} models, "
        f"{len(tree['seeds'])} seeds, preset {preset}."
    ]
    if leaks:
        texts.append(f"These numbers leak: preset {preset}: {'; '.join(leaks)}.")
    flat = [
        {key: row[key] for key in ("detector", "entity", "seed", "level")}
        | dict(row["metrics"])
        for row in (*windows, *steps)
    ]
    title = f"Telemetry comparison, {preset}"
    return Report(title, texts, sections, notes, flat, tree)


def macro(found: Rows) -> dict[str, Mapping[str, float]]:
    """Mean metrics by row; one channel's own rows stand for the mean."""
    means: dict[str, Mapping[str, float]] = {}
    alone = not any(row["entity"] == "macro" for row in found)
    for row in found:
        if alone or row["entity"] == "macro":
            if row["detector"] not in means or row["seed"] == "mean":
                means[row["detector"]] = row["metrics"]
    return means


def macro_table(
    found: Rows, titles: Mapping[str, str], said: Mapping[str, Mapping[str, float]]
) -> Table:
    """Macro means of every row, published numbers below their model.

    Args:
        found: Rows of one level.
        titles: Columns by key.
        said: Published numbers by row.
    """
    lines = []
    for name, means in macro(found).items():
        lines.append((name, *(number(means.get(key)) for key in titles)))
        if name in said:
            cells = (number(said[name].get(key)) for key in titles)
            lines.append((f"{name}, published (as_run)", *cells))
    return Table(("mean of channels", *titles.values()), lines, len(titles))


def cost_table(facts: Mapping[str, Mapping[str, Any]]) -> Table:
    """Parameters by number of channels, models and seconds of every row.

    Example:
        >>> made = {"parameters": {"25": 10, "55": 20}, "members": 2, "train_s": 1.5}
        >>> cost_table({"vae": made}).lines
        [('vae', '10 (25 channels), 20 (55 channels)', '2', '1.5')]
    """
    lines = []
    for name, own in facts.items():
        sizes = [
            f"{count:,} ({wide} channels)" for wide, count in own["parameters"].items()
        ]
        seconds = f"{own['train_s']:.1f}"
        lines.append((name, ", ".join(sizes), str(own["members"]), seconds))
    return Table(("row", "parameters", "models", "training, s"), lines, 2)


STUDY = Study(
    "telemetry_comparison",
    __doc__,
    run,
    options,
    quick={"models": ["lstm_autoencoder"], "channels": ["P-1"], "epochs": 1},
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
