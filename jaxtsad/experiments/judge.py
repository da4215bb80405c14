"""Rows of a report from scores alone: all metrics, trivial rows and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtsad import types
from jaxtsad.evaluation import baselines, events, measure, thresholds, uncertainty
from jaxtsad.evaluation.alarms import rules, tail
from jaxtsad.evaluation.protocol import Protocol
from jaxtsad.evaluation.thresholds import transductive
from jaxtsad.reporting.run_directory import Scored

Rows = list[dict[str, Any]]


class Rule(NamedTuple):
    """How scores become flags.

    Attributes:
        kind: Kind of threshold.
        options: Its options.
        protocol: What it may look at.
        share: Assumed share of anomalies, used only by the paper protocol.
    """

    kind: str
    options: Mapping[str, Any]
    protocol: Protocol
    share: float = 0.01


class Judged(NamedTuple):
    """A scored part with its threshold and flags."""

    scored: Scored
    threshold: thresholds.Threshold
    flags: np.ndarray
    spread: float
    tail: tail.Tail | None = None

    @property
    def alarms(self) -> list[rules.Alarm]:
        """Events of the scores."""
        value = self.threshold.value
        made = rules.plain(value) if self.tail is None else self.tail.rules(value)
        return rules.find(made, self.scored.score)


def judge(scored: Sequence[Scored], rule: Rule) -> list[Judged]:
    """Fits each threshold on its own calibration scores and flags."""
    return [_judge(one, rule) for one in scored]


def _judge(one: Scored, rule: Rule) -> Judged:
    calibration = types.restored(one.calibration, one.role, one.entity)
    if rule.protocol.calibrates_on_test:
        threshold = transductive.transductive_quantile(
            one.calibration, one.score, 1 - rule.share
        )
    else:
        threshold = thresholds.fit(rule.kind, calibration, **rule.options)
    flags = threshold.flags(one.score)
    known = tail.fit(one.calibration)
    return Judged(one, threshold, flags, events.spread(calibration), known)


def rows(
    judged: Sequence[Judged],
    *,
    main: str,
    protocol: Protocol,
    validation: Mapping[str, str],
    level: str = "step",
) -> Rows:
    """All rows of a report: per entity and seed, means, trivial, macro and pooled.

    Args:
        judged: Every scored part.
        main: Name of the detector the experiment is about; the random row flags as
            large a share as it does.
        protocol: Named on every row.
        validation: By entity, `split` or `none`.
        level: What one score is of: a `step`, or a `window` or `sample`, which have no
            events to be judged by.
    """
    found: Rows = []
    scale = _Scale(level != "step", protocol.compat)
    entities: dict[str, list[Judged]] = {}
    for one in judged:
        entities.setdefault(one.scored.entity, []).append(one)
    labelled = {
        e: own for e, own in entities.items() if own[0].scored.label is not None
    }
    for own in labelled.values():
        found += _entity_rows(own, main, scale)
    if len(labelled) > 1:
        found += _macro_rows(found)
        found += _pooled_rows(judged, main, scale)
    # Without labels there is a threshold to report, and no metric.
    unlabelled = [one for one in judged if one.scored.label is None]
    found += [_row(one, {}) for one in unlabelled]
    for row in found:
        row["level"], row["protocol"] = level, protocol.name
        row.setdefault("validation", validation.get(row["entity"], ""))
    return found


class _Scale(NamedTuple):
    """Whether scores are of independent samples, and how events are adjusted."""

    samples: bool
    compat: bool

    def measure(
        self, label: np.ndarray, score: np.ndarray, flags: np.ndarray
    ) -> dict[str, float]:
        """All metrics that have a meaning."""
        if self.samples:
            return measure.measure_samples(label, score, flags)
        return measure.measure(label, score, flags, compat=self.compat)


def _entity_rows(own: Sequence[Judged], main: str, scale: _Scale) -> Rows:
    found: Rows = []
    for one in own:
        # Windows of another length or stride have labels of their own.
        metrics = scale.measure(_label(one), one.scored.score, one.flags)
        found.append(_row(one, metrics))
    found += _seed_means(found)
    ours = [one for one in own if one.scored.detector == main]
    share = float(np.mean([one.flags.mean() for one in ours]))
    return found + _trivial_rows(own[0].scored.entity, _label(ours[0]), share, scale)


def _row(one: Judged, metrics: Mapping[str, float]) -> dict[str, Any]:
    threshold = one.threshold
    return {
        "detector": one.scored.detector,
        "entity": one.scored.entity,
        "seed": one.scored.seed,
        "threshold": {
            "kind": threshold.kind,
            "value": threshold.value,
            "fitted_on": threshold.fitted_on,
            "options": dict(threshold.options),
        },
        "metrics": metrics,
    }


def _seed_means(found: Rows) -> Rows:
    """A mean row for every detector that has several seeds."""
    means: Rows = []
    for name in dict.fromkeys(row["detector"] for row in found):
        own = [row for row in found if row["detector"] == name]
        if len(own) < 2:
            continue
        estimates = {
            key: uncertainty.over_seeds(np.array([row["metrics"][key] for row in own]))
            for key in own[0]["metrics"]
        }
        means.append({"detector": name, "entity": own[0]["entity"], "seed": "mean"})
        means[-1] |= _estimated(estimates)
    return means


def _estimated(estimates: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "metrics": {key: one.mean for key, one in estimates.items()},
        "sd": {key: one.sd for key, one in estimates.items()},
        "interval": {key: [one.low, one.high] for key, one in estimates.items()},
    }


def _trivial_rows(entity: str, label: np.ndarray, share: float, scale: _Scale) -> Rows:
    """The random and the all-positive row on the same labels."""
    random = baselines.random_rows(label, share, samples=scale.samples)
    row = {"detector": "random", "entity": entity, "seed": "mean"} | _estimated(random)
    row["expected"] = {key: one.expected for key, one in random.items()}
    row["threshold"] = {"kind": "share", "value": share, "fitted_on": "nothing"}
    everything = {
        "detector": "all_positive",
        "entity": entity,
        "seed": 0,
        "metrics": baselines.all_positive(label, samples=scale.samples),
    }
    return [row, everything]


def _summarised(found: Rows) -> dict[tuple[str, str], dict[str, Any]]:
    """One row per detector and entity: the mean over seeds where there is one."""
    chosen: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found:
        key = (row["detector"], row["entity"])
        if key not in chosen or row["seed"] == "mean":
            chosen[key] = row
    return chosen


def _macro_rows(found: Rows) -> Rows:
    """Mean over entities with a bootstrap interval, every entity counting the same."""
    chosen = _summarised(found)
    macro: Rows = []
    for name in dict.fromkeys(detector for detector, _ in chosen):
        own = [row["metrics"] for key, row in chosen.items() if key[0] == name]
        estimates = {
            key: uncertainty.bootstrap(np.array([metrics[key] for metrics in own]))
            for key in own[0]
            if not key.endswith("threshold")
        }
        macro.append({"detector": name, "entity": "macro", "seed": "mean"})
        macro[-1] |= _estimated(estimates)
    return macro


def _pooled_rows(judged: Sequence[Judged], main: str, scale: _Scale) -> Rows:
    """All entities' steps as one series, scores in units of severity."""
    labelled = [one for one in judged if one.scored.label is not None]
    groups: dict[tuple[str, int], list[Judged]] = {}
    for one in labelled:
        groups.setdefault((one.scored.detector, one.scored.seed), []).append(one)
    found: Rows = []
    known, share = None, 0.0
    for (name, seed), own in groups.items():
        label = np.concatenate([_label(one) for one in own])
        score = np.concatenate(
            [(one.scored.score - one.threshold.value) / one.spread for one in own]
        )
        flags = np.concatenate([one.flags for one in own])
        if name == main:
            known, share = label, float(flags.mean())
        metrics = scale.measure(label, score, flags)
        found.append(
            {"detector": name, "entity": "pooled", "seed": seed, "metrics": metrics}
        )
    found += _seed_means(found)
    assert known is not None
    return found + _trivial_rows("pooled", known, share, scale)


def _label(one: Judged) -> np.ndarray:
    assert one.scored.label is not None
    return one.scored.label


HEADLINE = ("vus_pr", "auc_pr")


def verdicts(found: Rows, main: str) -> list[dict[str, Any]]:
    """What may be claimed of the main detector against every other row.

    Returns:
        One record per metric and other row: `metric`, `against`, `text`, the interval
        of the paired `difference` over entities and, for the headline metrics, a
        `sentence`.
    """
    chosen = _summarised(
        [
            row
            for row in found
            if row["entity"] not in ("macro", "pooled") and row["metrics"]
        ]
    )
    entities = [entity for detector, entity in chosen if detector == main]
    table: dict[str, dict[str, np.ndarray]] = {}
    for name in dict.fromkeys(detector for detector, _ in chosen):
        if all((name, entity) in chosen for entity in entities):
            own = [chosen[name, entity]["metrics"] for entity in entities]
            table[name] = {key: np.array([m[key] for m in own]) for key in own[0]}
    if main not in table or len(entities) < uncertainty.FEWEST_PAIRS:
        return []
    claims = uncertainty.verdict(table.pop(main), table)
    records = []
    for metric, against in claims.items():
        for name, claim in against.items():
            record: dict[str, Any] = {"metric": metric, "against": name}
            record |= {"text": claim.text, "difference": claim.difference._asdict()}
            if metric in HEADLINE:
                record["sentence"] = _sentence(main, metric, name, claim)
            records.append(record)
    return records


def _sentence(main: str, metric: str, name: str, claim: uncertainty.Verdict) -> str:
    text = claim.text
    if text == "not distinguishable":
        text = f"not distinguishable from {name}"
    difference = claim.difference
    return (
        f"{metric}: {main} is {text} (difference {difference.mean:+.3f}, 95 % interval "
        f"{difference.low:+.3f} to {difference.high:+.3f}, {difference.n} entities)"
    )
