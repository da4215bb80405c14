"""Metrics of one score: areas, and F1 under three thresholds."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxtsad import types
from jaxtsad.evaluation import baselines, thresholds
from jaxtsad.evaluation.metrics import point, point_adjusted, vus
from jaxtsad.evaluation.thresholds import Threshold
from jaxtsad.evaluation.thresholds.dynamic import transductive_dynamic

AREAS = ("auc_roc", "auc_pr", "vus_pr", "oracle_f1")
RULES = ("quantile", "pot", "dynamic")
FLAGGED = ("f1", "pa_f1")
GLUED = "glued"
REDRAWN = ("auc_roc", "auc_pr")
DRAWS = 200
SHARE = 0.01
"""Share of the steps that random scores flag."""


def rows(
    scores: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    fitted: Mapping[str, Threshold],
    names: Sequence[str],
    *,
    intervals: bool = False,
    **about: Any,
) -> list[dict[str, Any]]:
    """Measures one model's score on every entity, and its areas on all end to end.

    Args:
        scores: `[T]` of each entity, higher is more anomalous and none below 0.
        labels: `[T]` 0/1 of each entity.
        fitted: Thresholds by rule (see `fitted`).
        names: Of the entities.
        intervals: Adds to the row of `GLUED` the intervals that `redrawn` gives.
        **about: What else each row says.

    Returns:
        A row per entity and one of `GLUED`. The dynamic threshold looks at the test
        scores and is named transductive elsewhere; here it is the key `dynamic`.
    """
    found = []
    for name, score, label in zip(names, scores, labels, strict=True):
        flags = {kind: one.flags(score) for kind, one in fitted.items()}
        flags["dynamic"] = transductive_dynamic(score).flags
        found.append({**about, "entity": name, "metrics": measure(score, label, flags)})
    whole = np.concatenate(labels), np.concatenate(scores).astype(np.float64)
    areas = {"auc_roc": point.auc_roc(*whole), "auc_pr": point.auc_pr(*whole)}
    last = {**about, "entity": GLUED, "metrics": areas}
    if intervals:
        last["intervals"] = redrawn(scores, labels)
    return [*found, last]


def fitted(calibration: types.Scores) -> dict[str, Threshold]:
    """Thresholds; POT's only where the scores suffice: what was trained is measured."""
    found = {"quantile": thresholds.fit("quantile", calibration)}
    with contextlib.suppress(ValueError):
        found["pot"] = thresholds.fit("pot", calibration)
    return found


def redrawn(
    scores: Sequence[np.ndarray], labels: Sequence[np.ndarray], *, draws: int = DRAWS
) -> dict[str, tuple[float, float]]:
    """95 % intervals of the areas end to end, entities redrawn with replacement.

    Draws in which nothing or everything is labelled are left out.

    Example:
        >>> label = np.repeat([0, 1, 0], [40, 10, 50])
        >>> redrawn([label * 1.0] * 3, [label] * 3)
        {'auc_roc': (1.0, 1.0), 'auc_pr': (1.0, 1.0)}
    """
    values = np.concatenate(scores).astype(np.float64)
    order = np.argsort(-values, kind="stable")
    known = np.concatenate(labels)[order].astype(bool)
    owner = np.repeat(np.arange(len(labels)), [len(one) for one in labels])[order]
    last = np.flatnonzero(np.diff(values[order], append=-np.inf))
    generator = np.random.default_rng(0)
    areas = []
    for _ in range(draws):
        drawn = generator.integers(len(labels), size=len(labels))
        weight = np.bincount(drawn, minlength=len(labels))[owner]
        hits, alarms = (np.cumsum(weight * own)[last] for own in (known, ~known))
        if hits[-1] and alarms[-1]:
            recall, false = hits / hits[-1], alarms / alarms[-1]
            roc = np.trapezoid(np.r_[0, recall], np.r_[0, false])
            precision = hits / np.maximum(hits + alarms, 1)
            areas.append((roc, np.sum(np.diff(recall, prepend=0) * precision)))
    if not areas:
        return dict.fromkeys(REDRAWN, (float("nan"), float("nan")))
    ends = np.quantile(areas, [0.025, 0.975], axis=0).T.tolist()
    return {name: (low, high) for name, (low, high) in zip(REDRAWN, ends, strict=True)}


def measure(
    score: np.ndarray, label: np.ndarray, flags: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Areas of a score, and `rule/metric` of each rule's flags.

    Example:
        >>> label = np.repeat([0, 1, 0], [40, 10, 50])
        >>> found = measure(label * 1.0, label, {"quantile": label})
        >>> found["auc_pr"], found["quantile/f1"]
        (1.0, 1.0)
    """
    values = np.asarray(score, np.float64)
    found = {
        "auc_roc": point.auc_roc(label, values),
        "auc_pr": point.auc_pr(label, values),
        "vus_pr": vus.vus(label, values).pr,
        "oracle_f1": point.oracle_f1(label, values).value,
    }
    for rule, own in flags.items():
        found[f"{rule}/f1"] = point.f1(label, own)
        found[f"{rule}/pa_f1"] = point_adjusted.pa_f1(label, own)
    return found


def noise(
    names: Sequence[str], labels: Sequence[np.ndarray], seeds: int = 5
) -> dict[str, list[dict[str, Any]]]:
    """Rows of random scores that flag 1 % of the steps, and of flagging all of them."""
    found: dict[str, list[dict[str, Any]]] = {"random": [], "all_positive": []}
    for name, label in zip(names, labels, strict=True):
        for seed in range(seeds):
            score = baselines.random_scores(len(label), seed)
            found["random"].append(_row(name, label, seed, score, score > 1 - SHARE))
        every = np.zeros(len(label)), np.ones(len(label))
        found["all_positive"].append(_row(name, label, 0, *every))
    return found


def _row(
    name: str, label: np.ndarray, seed: int, score: np.ndarray, flags: np.ndarray
) -> dict[str, Any]:
    own = measure(score, label, {"quantile": flags.astype(np.int8)})
    about = {"score": "own", "fold": "mean", "seed": seed}
    return {**about, "entity": name, "metrics": own}
