"""Random and all-positive flags on the labels of a data set, by every metric."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.studies.published import PUBLISHED, Claim
from jaxtsad.datasets import psm, smap_msl, smd
from jaxtsad.evaluation import baselines, segments, uncertainty
from jaxtsad.evaluation.baselines import RandomEstimate
from jaxtsad.evaluation.metrics import chance, pa_k, point, point_adjusted

METRICS = {
    "f1": "F1",
    "pa_f1": "PA-F1",
    "pa_k20_f1": "PA%20 F1",
    "pa_k_auc": "PA%K area",
    "oracle_pa_f1": "oracle PA-F1",
}
SEEDS = 5


class Study(NamedTuple):
    """What noise gets on one data set's labels.

    Attributes:
        name: Name of the data set.
        entities: Number of entities whose labels were found.
        steps: Their test steps T.
        events: Number of labelled events.
        labelled: Share of labelled steps.
        share: Share of steps that random scores flag.
        seeds: Number of draws of random scores.
        random: Metrics of random scores over seeds, with what is expected of them.
        all_positive: Metrics of flagging every step.
        claims: What was reported.
    """

    name: str
    entities: int
    steps: int
    events: int
    labelled: float
    share: float
    seeds: int
    random: dict[str, RandomEstimate]
    all_positive: dict[str, float]
    claims: tuple[Claim, ...]


def glued(
    root: str | os.PathLike[str],
) -> tuple[dict[str, list[np.ndarray]], list[str]]:
    """Test labels by data set, entities in the order in which papers glue them.

    SMAP is without P-2 and MSL without T-10, as in the arrays that papers use.

    Args:
        root: The data root.

    Returns:
        By data set, labels `[T]` of each entity; and notes on what is not there.

    Raises:
        ValueError: If a label file is malformed, or none is there.
    """
    readers: dict[str, Callable[[], Mapping[str, np.ndarray]]] = {
        "SMAP": lambda: smap_msl.labels(root, "SMAP"),
        "MSL": lambda: smap_msl.labels(root, "MSL"),
        "SMD": lambda: smd.labels(root),
        "PSM": lambda: {"psm": psm.labels(root)},
    }
    found: dict[str, list[np.ndarray]] = {}
    notes = []
    for name, read in readers.items():
        try:
            labels = read()
        except FileNotFoundError:
            labels = {}
        kept = [e for e in sorted(labels) if e not in smap_msl.DROPPED_BY_PAPERS]
        if not kept:
            notes.append(f"{name}: no labels below {os.fspath(root)}, left out")
            continue
        found[name] = [labels[entity] for entity in kept]
        expected = PUBLISHED[name].entities
        if len(kept) != expected:
            notes.append(
                f"{name}: labels of {len(kept)} entities; the published numbers are "
                f"about {expected}"
            )
    if not found:
        raise ValueError(f"no labels of {', '.join(readers)} below {os.fspath(root)}")
    return found, notes


def study(name: str, labels: Sequence[np.ndarray], seeds: int = SEEDS) -> Study:
    """Measures random and all-positive flags on the labels of a data set.

    Args:
        name: One of `PUBLISHED`.
        labels: `[T]` 0/1 of each entity, in order.
        seeds: Number of draws of random scores.

    Raises:
        ValueError: If nothing is labelled.

    Example:
        >>> labels = np.repeat([0, 1, 0], [800, 150, 50])
        >>> found = study("PSM", [labels])
        >>> found.random["f1"].mean < 0.1 < 0.7 < found.random["pa_f1"].mean
        True
    """
    known = np.concatenate(labels)
    if not known.any():
        raise ValueError(f"{name}: nothing is labelled in {len(known)} steps")
    share = PUBLISHED[name].share
    rows = []
    for seed in range(seeds):
        scores = baselines.random_scores(len(known), seed)
        rows.append(_measure(known, scores, scores > 1 - share))
    expected = chance.expected(known, share)
    expected["oracle_pa_f1"] = chance.best_expected_pa(known).f1
    random = {}
    for key in METRICS:
        one = uncertainty.over_seeds(np.array([row[key] for row in rows]))
        random[key] = RandomEstimate(one.mean, one.sd, one.low, one.high, expected[key])
    return Study(
        name,
        len(labels),
        len(known),
        len(segments.segments(known)),
        float(known.mean()),
        share,
        seeds,
        random,
        _measure(known, np.zeros(len(known)), np.ones(len(known), bool)),
        PUBLISHED[name].claims,
    )


def _measure(
    labels: np.ndarray, scores: np.ndarray, flags: np.ndarray
) -> dict[str, float]:
    return {
        "f1": point.f1(labels, flags),
        "pa_f1": point_adjusted.pa_f1(labels, flags),
        "pa_k20_f1": pa_k.pa_k_f1(labels, flags, 20),
        "pa_k_auc": pa_k.pa_k_auc(labels, flags),
        "oracle_pa_f1": point_adjusted.best_pa_f1(labels, scores).value,
    }
