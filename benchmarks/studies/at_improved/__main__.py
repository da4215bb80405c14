"""A variant of the Anomaly Transformer, chosen on half of the channels.

python -m benchmarks.studies.at_improved --data-root DIR --datasets msl smap smd

A few networks are trained once. Their errors are then turned into scores in many ways;
what helps on every other channel is kept and compared, on the channels that had no
say, with trivial rows, the untrained network and the same recipe without a network.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.studies import study
from benchmarks.studies.at_improved import judging, networks, page, recipes
from benchmarks.studies.at_improved.recipes import INPUT, Evidence, Recipe, Trial
from benchmarks.studies.report import Report
from benchmarks.studies.study import Session, Study
from jaxtsad.datasets import catalog, places
from jaxtsad.evaluation.metrics import vus
from jaxtsad.experiments import facts
from jaxtsad.types import Series

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


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    parser.add_argument("--datasets", nargs="+", default=["msl", "smap", "smd"])
    parser.add_argument("--epochs", type=int, default=networks.Size().epochs)
    parser.add_argument("--seeds", type=int, default=1, help="networks of each kind")


def run(session: Session) -> Report:
    """Trains, chooses and judges; networks' errors are kept."""
    asked = session.options
    if asked.seeds < 1:
        raise ValueError(f"--seeds {asked.seeds} must be at least 1")
    size = networks.Size(epochs=asked.epochs)
    everything = {name: series(name, session.root) for name in asked.datasets}
    sets: dict[str, Any] = {}
    for name, own in everything.items():
        about = {"size": size._asdict(), "seeds": asked.seeds}
        about["data"] = facts.data_checksums(own)
        make = functools.partial(of_set, session, name, own, size)
        sets[name] = session.cache(__name__, name).tree("judged", about, make)
    return page.report(
        {
            "size": size._asdict(),
            "networks": [one._asdict() for one in networks.NETWORKS],
            "sets": sets,
        }
    )


def of_set(
    session: Session, name: str, own: Sequence[Series], size: networks.Size
) -> dict[str, Any]:
    """Trains, chooses and judges on one data set."""
    setup, parts = networks.prepared(own, size)
    evidence: list[list[Evidence]] = []
    for seed in range(session.options.seeds):
        errors = {}
        for one in networks.NETWORKS:
            session.say(f"{name}: {one.name}, seed {seed}")
            errors[one.name] = networks.kept(
                session.cache(networks.__name__, name),
                *(one, own, setup, parts, size, seed),
            )
        evidence.append(networks.evidence(name, own, parts, errors))
    session.say(f"{name}: choosing")
    trials = choose(evidence[0])
    chosen = max(trials, key=lambda one: one.value).recipe
    judged = own[1::2]
    labels = [np.asarray(one.labels) for one in judged]
    made = rows([found[1::2] for found in evidence], chosen)
    for other in judging.BASELINES:
        session.say(f"{name}: {other}")
        scores = judging.trivial(other, judged, setup)
        made[other] = judging.measured(labels, scores)
    made["random"] = judging.random(labels)
    made["all_positive"] = judging.all_positive(labels)
    return {
        "tuning": [one.name for one in own[::2]],
        "held_out": [one.name for one in judged],
        "recipe": chosen._asdict(),
        "trials": [{**one._asdict(), "recipe": one.recipe._asdict()} for one in trials],
        "rows": made,
    }


STUDY = Study(
    "at_improved",
    __doc__,
    run,
    options,
    quick={"datasets": ["smap"], "epochs": 1},
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
