"""When to use which: sentences made of the figures of this run and of nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.studies.telemetry_comparison import presets
from jaxtsad.evaluation import uncertainty
from jaxtsad.experiments.judge import Rows
from jaxtsad.types import Series

METRICS = {"auc_roc": "AUC-ROC", "auc_pr": "AUC-PR", "f1": "F1", "accuracy": "accuracy"}
UNRANKED = ("random", "all_positive", "all_negative")
"""Rows that rank nothing; what is no better than them is no better than chance."""

FEWEST = 3
CLOSE = 0.005
CONSTANT = 1e-8


class Table(NamedTuple):
    """A metric by row and channel.

    Attributes:
        key: Key of the metric.
        values: By row, its value by channel.
    """

    key: str
    values: dict[str, dict[str, float]]

    def mean(self, row: str, channels: Sequence[str]) -> float:
        """Mean over channels where it is defined."""
        known = [self.values[row].get(one, math.nan) for one in channels]
        known = [value for value in known if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan

    def best(self, among: Sequence[str], channels: Sequence[str]) -> tuple[str, float]:
        """The row with the largest mean over channels, and that mean."""
        means = {row: self.mean(row, channels) for row in among if row in self.values}
        known = {row: mean for row, mean in means.items() if not math.isnan(mean)}
        name = max(known, key=lambda row: known[row])
        return name, known[name]

    def against(self, row: str, other: str) -> uncertainty.Estimate:
        """Mean paired difference over channels, with its interval."""
        channels = sorted(set(self.values[row]) & set(self.values[other]))
        ours, theirs = (
            np.array([self.values[name][one] for one in channels])
            for name in (row, other)
        )
        return uncertainty.paired_bootstrap(ours, theirs)


def table(rows: Rows, key: str) -> Table:
    """Reads a metric of all channels from rows: means over seeds where there are any.

    Example:
        >>> row = {"detector": "pca", "entity": "a", "seed": 0, "metrics": {"f1": 0.5}}
        >>> table([row], "f1").values
        {'pca': {'a': 0.5}}
    """
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["entity"] in ("macro", "pooled"):
            continue
        own = values.setdefault(row["detector"], {})
        if row["entity"] not in own or row["seed"] == "mean":
            own[row["entity"]] = float(row["metrics"].get(key, math.nan))
    return Table(key, values)


def groups(series: Sequence[Series]) -> dict[str, list[str]]:
    """Channels by what may matter to a model: their events, their training part."""
    kinds = {one.name: {kind for _, _, kind in one.kinds} for one in series}
    middle = float(np.median([len(one.train) for one in series]))
    conditions: dict[str, Callable[[Series], bool]] = {
        "with contextual events only": lambda one: kinds[one.name] == {"contextual"},
        "with point events only": lambda one: kinds[one.name] == {"point"},
        "whose telemetry is constant in training": lambda one: bool(
            np.ptp(one.train[:, 0]) < CONSTANT
        ),
        "with less training data than most": lambda one: len(one.train) < middle,
        "of MSL": lambda one: one.metadata.get("spacecraft") == "MSL",
    }
    found = {
        name: [one.name for one in series if holds(one)]
        for name, holds in conditions.items()
    }
    return {
        name: channels
        for name, channels in found.items()
        if FEWEST <= len(channels) < len(series)
    }


def lines(
    rows: Rows,
    models: Sequence[str],
    series: Sequence[Series],
    facts: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """What the run says about when to use which model.

    Args:
        rows: Rows of the window level.
        models: Names of the rows that are not trivial.
        series: The channels.
        facts: By row, parameters and timings.
    """
    tables = {key: table(rows, key) for key in METRICS}
    trivial = [name for name in tables["f1"].values if name not in models]
    channels = [one.name for one in series]
    ranked = [
        name
        for name in trivial
        if name not in UNRANKED and not name.endswith(presets.UNTRAINED)
    ]
    said = []
    if ranked:
        said.append(_first(tables["auc_roc"], models, ranked, channels))
    said += _wins(tables, models, trivial, channels)
    if ranked:
        said += [
            _group(tables["auc_roc"], name, own, models, ranked)
            for name, own in groups(series).items()
        ]
    said += _cost(tables["auc_roc"], models, channels, facts)
    return said


def _first(
    found: Table, models: Sequence[str], trivial: Sequence[str], channels: Sequence[str]
) -> str:
    """The best model against the best trivial row, and what that allows to say."""
    model, own = found.best(models, channels)
    other, theirs = found.best(trivial, channels)
    difference = found.against(model, other)
    head = (
        f"Over {len(channels)} channels {model} ranks windows best of the models "
        f"(AUC-ROC {own:.3f}); the best trivial row, {other}, reaches {theirs:.3f}. "
    )
    if model + presets.UNTRAINED in found.values:
        without = found.mean(model + presets.UNTRAINED, channels)
        head += f"Without any training {model} reaches {without:.3f}. "
    interval = f"{difference.low:+.3f} to {difference.high:+.3f}"
    if difference.n < uncertainty.FEWEST_PAIRS:
        return head + "That is too few channels to tell them apart."
    if difference.low > 0:
        return head + (
            f"The difference of {difference.mean:+.3f} holds over channels (95 % "
            f"interval {interval}): use {model}."
        )
    if difference.high < 0:
        return head + (
            f"The difference of {difference.mean:+.3f} holds over channels (95 % "
            f"interval {interval}): use {other}, which needs no training."
        )
    return head + (
        f"The difference of {difference.mean:+.3f} could be chance (95 % interval "
        f"{interval}): start with {other}, and train {model} only where it is better "
        "on channels like yours."
    )


def _wins(
    tables: Mapping[str, Table],
    models: Sequence[str],
    trivial: Sequence[str],
    channels: Sequence[str],
) -> list[str]:
    """Where a trivial row beats every model."""
    lost = []
    for key, title in METRICS.items():
        model, own = tables[key].best(models, channels)
        other, theirs = tables[key].best(trivial, channels)
        if theirs >= own:
            lost.append(f"on {title} ({other} {theirs:.3f}, {model} {own:.3f})")
    if not lost:
        return []
    return [f"A trivial row wins {'; '.join(lost)}."]


def _group(
    found: Table,
    name: str,
    channels: Sequence[str],
    models: Sequence[str],
    trivial: Sequence[str],
) -> str:
    model, own = found.best(models, channels)
    other, theirs = found.best(trivial, channels)
    head = f"On the {len(channels)} channels {name}, "
    if own - theirs > CLOSE:
        verdict = f"{model} leads ({own:.3f} against {theirs:.3f} of {other})"
    elif theirs - own > CLOSE:
        verdict = f"{other} leads ({theirs:.3f} against {own:.3f} of {model})"
    else:
        verdict = f"{model} and {other} are level ({own:.3f} and {theirs:.3f})"
    return f"{head}{verdict}."


def _cost(
    found: Table,
    models: Sequence[str],
    channels: Sequence[str],
    facts: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """What each model costs for what it gives."""
    trained = [name for name in models if facts[name]["train_s"] > 0]
    if not trained:
        return []
    parts = [
        f"{name} {facts[name]['train_s']:,.0f} s for {facts[name]['members']} models "
        f"of at most {max(facts[name]['parameters'].values()):,} parameters, AUC-ROC "
        f"{found.mean(name, channels):.3f}"
        for name in sorted(trained, key=lambda name: float(facts[name]["train_s"]))
    ]
    return [f"Training took: {'; '.join(parts)}."]
