"""From scores to rows: thresholds, metrics of windows and steps, means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.studies.telemetry_comparison.fleets import Made
from benchmarks.studies.telemetry_comparison.presets import QUANTILE, Recipe
from jaxtsad import types
from jaxtsad.evaluation import events, measure, thresholds
from jaxtsad.evaluation.protocol import Protocol
from jaxtsad.evaluation.thresholds import Threshold
from jaxtsad.experiments import judge
from jaxtsad.experiments.judge import Judged, Rows
from jaxtsad.reporting.run_directory import Scored

NOTHING = "all_negative"
MOST = 0.5
CLAIMED = ("auc_roc", "auc_pr", "f1")
RULES: Mapping[str, tuple[str, str, Mapping[str, float]]] = {
    "quantile .70 of fit": ("fit", "quantile", {"q": 0.7}),
    "quantile .95 of validation": ("validation", "quantile", {"q": 0.95}),
    "quantile .99 of validation": ("validation", "quantile", {"q": 0.99}),
    "MAD of validation": ("validation", "mad", {}),
    "IQR of validation": ("validation", "iqr", {}),
    "POT of fit": ("fit", "pot", {}),
}


def judged(made: Sequence[Made], recipes: Sequence[Recipe], part: str) -> list[Judged]:
    """Thresholds and flags of every row by its own rule.

    Args:
        made: The rows.
        recipes: How they were made.
        part: `windows` or `steps`.
    """
    return [
        _judge(one, recipe.calibrated)
        for row, recipe in zip(made, recipes, strict=True)
        for one in getattr(row, part)
    ]


def _judge(one: Scored, calibrated: str) -> Judged:
    calibration = types.restored(one.calibration, one.role, one.entity)
    if calibrated == "test":
        value = float(np.quantile(one.score, QUANTILE))
        threshold = Threshold("transductive_quantile", value, "test", {"q": QUANTILE})
    else:
        threshold = thresholds.fit("quantile", calibration, q=QUANTILE)
    flags = threshold.flags(one.score)
    return Judged(one, threshold, flags, events.spread(calibration))


def window_rows(found: Sequence[Judged], main: str, protocol: Protocol) -> Rows:
    """Rows of windows, those of flagging nothing among them; no events are judged."""
    nothing = [_nothing(one) for one in found if one.scored.detector == main]
    return judge.rows(
        [*found, *{one.scored.entity: one for one in nothing}.values()],
        main=main,
        protocol=protocol,
        validation={},
        level="window",
    )


def step_rows(found: Sequence[Judged], main: str, protocol: Protocol) -> Rows:
    """Rows of steps, events and all."""
    return judge.rows(found, main=main, protocol=protocol, validation={})


def _nothing(one: Judged) -> Judged:
    """One and the same score for all windows, none of them flagged."""
    zeros = np.zeros(len(one.scored.score))
    return Judged(
        one.scored._replace(detector=NOTHING, seed=0, score=zeros),
        Threshold("none", 0.0, "nothing"),
        np.zeros(len(zeros), np.int8),
        1.0,
    )


def claims(rows: Rows, models: Sequence[str]) -> list[dict[str, Any]]:
    """What may be claimed of each model against every other row, on what is ranked."""
    return [
        {"detector": name} | claim
        for name in models
        for claim in judge.verdicts(rows, name)
        if claim["metric"] in CLAIMED
    ]


def liberal(found: Sequence[Judged]) -> list[str]:
    """Rows that flag most of what there is, which F1 does not mind."""
    said = []
    for name in dict.fromkeys(one.scored.detector for one in found):
        shares = [one.flags.mean() for one in found if one.scored.detector == name]
        if (share := float(np.mean(shares))) > MOST:
            said.append(
                f"{name} flags {share:.0%} of the windows at its threshold, so its F1 "
                "is near that of flagging everything"
            )
    return said


def by_threshold(made: Made) -> list[dict[str, Any]]:
    """What other thresholds would have given on windows: macro means over channels."""
    table = []
    for name, (role, kind, options) in RULES.items():
        scored = made.windows if role == "fit" else made.validation
        found = []
        for one in scored:
            calibration = types.restored(one.calibration, one.role, one.entity)
            try:
                threshold = thresholds.fit(kind, calibration, **options)
            except ValueError:
                continue
            assert one.label is not None
            flags = threshold.flags(one.score)
            own = measure.measure_samples(one.label, one.score, flags)
            found.append(own | {"flagged": float(flags.mean())})
        if found:
            macro = measure.macro(found)
            table.append({"threshold": name, "models": len(found), "metrics": macro})
    return table


def clipping(made: Made, clip_test: bool) -> dict[str, dict[str, float]]:
    """Macro AUC-ROC and AUC-PR with test values clipped and not."""
    both = (made.windows, made.other_clip)
    clipped, unclipped = both if clip_test else both[::-1]
    return {"clipped": _ranking(clipped), "unclipped": _ranking(unclipped)}


def _ranking(scored: Sequence[Scored]) -> dict[str, float]:
    found = []
    for one in scored:
        assert one.label is not None
        found.append(measure.measure_samples(one.label, one.score))
    macro = measure.macro(found)
    return {key: macro[key] for key in ("auc_roc", "auc_pr")}
