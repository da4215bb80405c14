"""A variant of the Anomaly Transformer, chosen on half of the channels.

python -m benchmarks.studies.at_improved --data-root DIR --datasets msl smap smd

A few networks are trained once. Their errors are then turned into scores in many ways;
what helps on every other channel is kept and compared, on the channels that had no
say, with trivial rows, the untrained network and the same recipe without a network.
"""

from __future__ import annotations

import argparse
import pathlib
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.studies.at_improved import judging, networks, page, recipes
from benchmarks.studies.at_improved.recipes import INPUT, Evidence, Recipe, Trial
from jaxtsad.datasets import catalog, places
from jaxtsad.evaluation.metrics import vus
from jaxtsad.experiments import console, facts, records
from jaxtsad.types import Series

NAME = "at_improved"
START = Recipe("plain")
AXES: dict[str, Sequence[object]] = {
    "network": [one.name for one in networks.NETWORKS if one.trained],
    "columns": ("all", "varying", "measured", "groups", "no_commands"),
    "mix": ("none", "mean", "max"),
    "squash": ("none", "log", "root", "cap"),
    "scale": (False, True),
    "floor": (0.1, 1.0, 10.0),
    "width": (1, 50, 100, 150, 200),
    "passes": (1, 2),
    "discrepancy": (False, True),
}
ROUNDS = 2


def series(name: str, root: str | None) -> list[Series]:
    """The labelled recordings of a data set in order of name.

    Raises:
        ValueError: If there are fewer than two.
    """
    found = [
        one
        for one in catalog.load(name, places.data_root(root))
        if one.test is not None and one.labels is not None
    ]
    if len(found) < 2:
        raise ValueError(f"{name} has {len(found)} labelled recordings, expected two")
    return sorted(found, key=lambda one: one.name)


def choose(found: Sequence[Evidence]) -> list[Trial]:
    """Searches recipes on the tuning channels, every other one of a data set."""

    def measure(recipe: Recipe) -> float:
        values = [
            vus.vus(one.labels, recipes.score(one, recipe)).pr for one in found[::2]
        ]
        return float(np.mean(values))

    return recipes.search(START, AXES, measure, ROUNDS)


def rows(found: Sequence[Sequence[Evidence]], chosen: Recipe) -> dict[str, Any]:
    """Rows of the chosen recipe and its kin on the entities, seeds averaged."""
    kin = {
        "improved": chosen,
        "improved_untrained": chosen._replace(network=networks.UNTRAINED),
        "recipe_without_network": chosen._replace(network=INPUT),
        "error_smoothed": Recipe(chosen.network),
        "error": Recipe(chosen.network, width=1),
    }
    made = {}
    for name, recipe in kin.items():
        own = [
            judging.measured(
                [one.labels for one in entities],
                [recipes.score(one, recipe) for one in entities],
            )
            for entities in found
        ]
        made[name] = {
            key: np.mean([one[key] for one in own], axis=0).tolist() for key in own[0]
        }
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the experiment; bad input is one line and exit code 2."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.studies.{NAME}")
    parser.add_argument("--data-root", help="folder of the data sets")
    parser.add_argument("--datasets", nargs="+", default=["msl", "smap", "smd"])
    parser.add_argument("--epochs", type=int, default=networks.Size().epochs)
    parser.add_argument("--seeds", type=int, default=1, help="networks of each kind")
    parser.add_argument("--out", help=f"folder; default runs/{NAME}")
    options = parser.parse_args(arguments)
    folder = pathlib.Path(options.out or f"runs/{NAME}")
    terminal = Console()
    try:
        if options.seeds < 1:
            raise ValueError(f"--seeds {options.seeds} must be at least 1")
        made = run(options, folder, terminal)
        said = ["--datasets", *options.datasets, "--epochs", str(options.epochs)]
        said += ["--seeds", str(options.seeds)]
        command = f"python -m benchmarks.studies.{NAME} --data-root DIR"
        made["command"] = f"{command} {shlex.join(said)}"
        records.write_json(folder / f"{NAME}.json", made)
        records.write_text(folder / f"{NAME}.md", page.markdown(made))
    except (ValueError, OSError) as error:
        return console.refused(error)
    terminal.print(page.verdict(made), highlight=False)
    terminal.print(f"The tables are in {folder}")
    return 0


def run(
    options: argparse.Namespace, folder: pathlib.Path, terminal: Console
) -> dict[str, Any]:
    """Trains, chooses and judges; networks' errors are kept in `folder`."""
    size = networks.Size(epochs=options.epochs)
    everything = {name: series(name, options.data_root) for name in options.datasets}
    evidence: dict[str, list[list[Evidence]]] = {}
    setups = {}
    for name, own in everything.items():
        setups[name], parts = networks.prepared(own, size)
        evidence[name] = []
        for seed in range(options.seeds):
            errors = {}
            for one in networks.NETWORKS:
                terminal.print(f"{name}: {one.name}, seed {seed}")
                errors[one.name] = networks.kept(
                    folder / name / f"{one.name}_{seed}.npz",
                    *(one, own, setups[name], parts, size, seed),
                )
            found = networks.evidence(name, own, parts, errors)
            evidence[name].append(found)
    sets: dict[str, Any] = {}
    for name, own in everything.items():
        terminal.print(f"{name}: choosing")
        trials = choose(evidence[name][0])
        chosen = max(trials, key=lambda one: one.value).recipe
        judged = own[1::2]
        labels = [np.asarray(one.labels) for one in judged]
        made = rows([found[1::2] for found in evidence[name]], chosen)
        for other in judging.BESIDE:
            terminal.print(f"{name}: {other}")
            scores = judging.trivial(other, judged, setups[name])
            made[other] = judging.measured(labels, scores)
        made["random"] = judging.random(labels)
        made["all_positive"] = judging.all_positive(labels)
        sets[name] = {
            "tuning": [one.name for one in own[::2]],
            "held_out": [one.name for one in judged],
            "recipe": chosen._asdict(),
            "trials": [
                {**one._asdict(), "recipe": one.recipe._asdict()} for one in trials
            ],
            "rows": made,
        }
    return {
        "schema": 1,
        "versions": facts.versions(),
        "device": facts.device(),
        "git": facts.revision(),
        "size": size._asdict(),
        "networks": [one._asdict() for one in networks.NETWORKS],
        "sets": sets,
    }


if __name__ == "__main__":
    sys.exit(main())
