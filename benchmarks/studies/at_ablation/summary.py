"""Means over seeds and entities, with intervals, of what the ablation measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.studies.at_ablation import measures
from benchmarks.studies.report import number
from jaxtsad.evaluation import uncertainty
from jaxtsad.evaluation.uncertainty import Estimate

Row = Mapping[str, Any]


def table(
    rows: Iterable[Row], metric: str, entities: Sequence[str], **wanted: Any
) -> np.ndarray:
    """One metric `[S, E]` by seed and entity, nan where there is none."""
    wanted = {"fold": "mean", **wanted}
    chosen = [r for r in rows if all(r.get(k) == v for k, v in wanted.items())]
    seeds = sorted({row["seed"] for row in chosen}) or [0]
    found = np.full((len(seeds), len(entities)), np.nan)
    for row in chosen:
        if row["entity"] in entities:
            value = row["metrics"].get(metric)
            place = seeds.index(row["seed"]), list(entities).index(row["entity"])
            found[place] = np.nan if value is None else value
    return found


def macro(
    rows: Iterable[Row], metric: str, entities: Sequence[str], **wanted: Any
) -> Estimate:
    """Mean over entities with a bootstrap interval, seeds averaged first."""
    return uncertainty.bootstrap(table(rows, metric, entities, **wanted))


def glued(rows: Iterable[Row], metric: str, **wanted: Any) -> Estimate:
    """Mean over seeds of all entities end to end, and the mean interval, if known."""
    rows = list(rows)
    values = table(rows, metric, [measures.GLUED], **wanted)
    one = uncertainty.over_seeds(values[:, 0])
    wanted = {"fold": "mean", "entity": measures.GLUED, **wanted}
    ends = [
        row["intervals"][metric]
        for row in rows
        if all(row.get(k) == v for k, v in wanted.items()) and "intervals" in row
    ]
    low, high = np.asarray(ends or [(np.nan, np.nan)], np.float64).mean(axis=0)
    return one._replace(low=float(low), high=float(high))


def against(
    rows: Iterable[Row],
    others: Iterable[Row],
    metric: str,
    entities: Sequence[str],
    score: str,
    other: str,
) -> Estimate:
    """Paired difference over entities, with its interval."""
    return uncertainty.paired_bootstrap(
        table(rows, metric, entities, score=score),
        table(others, metric, entities, score=other),
    )


def ranged(one: Estimate, signed: bool = False) -> str:
    """A mean with its interval.

    Example:
        >>> ranged(Estimate(0.5, 0.1, 0.4, 0.6, 9))
        '0.500 (0.400 to 0.600)'
    """
    mean = number(one.mean, signed=signed)
    if not mean or np.isnan(one.low):
        return mean
    low, high = (number(end, signed=signed) for end in (one.low, one.high))
    return f"{mean} ({low} to {high})"
