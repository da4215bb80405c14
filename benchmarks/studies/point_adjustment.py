"""What point adjustment makes of random scores on public labels, beside published F1.

python -m benchmarks.studies.point_adjustment --data-root DIR

Only labels are read. An adjusted F1 near that of random scores says nothing of a
detector, however large it is; see `evaluation.metrics.chance`.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.studies import study
from benchmarks.studies.published import PUBLISHED, SOURCES, Claim
from benchmarks.studies.report import Report, Section, Table, number
from benchmarks.studies.study import Session, Study
from jaxtsad.datasets import places, psm, smap_msl, smd
from jaxtsad.evaluation import baselines, segments, uncertainty
from jaxtsad.evaluation.baselines import RandomEstimate
from jaxtsad.evaluation.metrics import chance, pa_k, point, point_adjusted

LEGEND = (
    "F1 counts every step. PA-F1 credits a whole event for one flag in it, PA%20 for "
    "flags in more than a fifth of its steps, and the area is taken over all such "
    "shares. Oracle PA-F1 is the best of all thresholds, chosen by the labels. Random "
    "scores are uniform; mean and standard deviation are over {seeds} draws."
)


METRICS = {
    "f1": "F1",
    "pa_f1": "PA-F1",
    "pa_k20_f1": "PA%20 F1",
    "pa_k_auc": "PA%K area",
    "oracle_pa_f1": "oracle PA-F1",
}
SEEDS = 5


class Measured(NamedTuple):
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


def measure(name: str, labels: Sequence[np.ndarray], seeds: int = SEEDS) -> Measured:
    """Measures random and all-positive flags on the labels of a data set.

    Args:
        name: One of `PUBLISHED`.
        labels: `[T]` 0/1 of each entity, in order.
        seeds: Number of draws of random scores.

    Raises:
        ValueError: If nothing is labelled.

    Example:
        >>> labels = np.repeat([0, 1, 0], [800, 150, 50])
        >>> found = measure("PSM", [labels])
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
        rows.append(_metrics(known, scores, scores > 1 - share))
    expected = chance.expected(known, share)
    expected["oracle_pa_f1"] = chance.best_expected_pa(known).f1
    random = {}
    for key in METRICS:
        one = uncertainty.over_seeds(np.array([row[key] for row in rows]))
        random[key] = RandomEstimate(one.mean, one.sd, one.low, one.high, expected[key])
    return Measured(
        name,
        len(labels),
        len(known),
        len(segments.segments(known)),
        float(known.mean()),
        share,
        seeds,
        random,
        _metrics(known, np.zeros(len(known)), np.ones(len(known), bool)),
        PUBLISHED[name].claims,
    )


def _metrics(
    labels: np.ndarray, scores: np.ndarray, flags: np.ndarray
) -> dict[str, float]:
    return {
        "f1": point.f1(labels, flags),
        "pa_f1": point_adjusted.pa_f1(labels, flags),
        "pa_k20_f1": pa_k.pa_k_f1(labels, flags, 20),
        "pa_k_auc": pa_k.pa_k_auc(labels, flags),
        "oracle_pa_f1": point_adjusted.best_pa_f1(labels, scores).value,
    }


def facts(one: Measured) -> str:
    """What the labels are, in a line."""
    return (
        f"{one.steps:,} steps of {one.entities} "
        f"{'entities' if one.entities > 1 else 'entity'}, {one.events} events, "
        f"{100 * one.labelled:.2f} % labelled"
    )


def verdict(one: Measured) -> str:
    """What the comparison says, in a sentence."""
    published = one.claims[0].pa_f1
    raw = [claim.f1 for claim in one.claims if not math.isnan(claim.f1)]
    low, high = number(min(raw)), number(max(raw))
    between = low if low == high else f"{low} to {high}"
    return (
        f"{one.name}: random scores get a PA-F1 of {number(one.random['pa_f1'].mean)} "
        f"where {number(published)} is published; without adjustment "
        f"{number(one.random['f1'].mean)} where the public code gets {between}."
    )


def table(one: Measured) -> Table:
    """All rows of one data set."""
    random = f"random, {100 * one.share:g} % flagged"
    seeds = [one.random[key] for key in METRICS]
    lines = [
        (random, *(f"{number(e.mean)} ± {number(e.sd)}" for e in seeds)),
        (f"{random}, expected", *(number(e.expected) for e in seeds)),
        ("every step flagged", *(number(one.all_positive[key]) for key in METRICS)),
    ]
    for claim in one.claims:
        values = {"f1": claim.f1, "pa_f1": claim.pa_f1}
        cells = (number(values.get(key)) for key in METRICS)
        lines.append((f"Anomaly Transformer, {claim.source}", *cells))
    return Table(("flags of", *METRICS.values()), lines, len(METRICS))


def report(found: Sequence[Measured], notes: Sequence[str]) -> Report:
    """All data sets, what they say, and what is not there."""
    legend = f"{LEGEND.format(seeds=found[0].seeds)} {SOURCES}"
    sections = [
        Section(one.name, (facts(one), verdict(one)), (table(one),)) for one in found
    ]
    title = "Point adjustment on random scores"
    tree = {"sets": [_tree(one) for one in found], "notes": list(notes)}
    return Report(title, (legend,), sections, notes, tree=tree)


def _tree(one: Measured) -> dict[str, Any]:
    random = {key: value._asdict() for key, value in one.random.items()}
    claims = [claim._asdict() for claim in one.claims]
    return {**one._asdict(), "random": random, "claims": claims}


def run(session: Session) -> Report:
    """Measures every data set whose labels are there."""
    labels, notes = glued(places.data_root(session.root))
    return report([measure(name, own) for name, own in labels.items()], notes)


STUDY = Study("point_adjustment", __doc__, run)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
