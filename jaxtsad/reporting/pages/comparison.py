"""Several runs on one page: metrics side by side, scores of one entity overlaid."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from jaxtsad import interactive
from jaxtsad.evaluation import uncertainty
from jaxtsad.evaluation.uncertainty import Estimate
from jaxtsad.reporting import html
from jaxtsad.reporting import run as run_
from jaxtsad.reporting.html import Number, Safe
from jaxtsad.reporting.pages import looks
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.tables import rows as rows_

METRICS = ("vus_pr", "auc_pr", "auc_roc", "event_f1", "f1", "alarms_per_1000")


def page(folders: Sequence[str | os.PathLike[str]], entity: str | None = None) -> str:
    """The page of runs, the first of which the others are compared with.

    Args:
        folders: Run directories, two or more, of series.
        entity: Whose scores are drawn; None for the first that all have.

    Raises:
        ValueError: If there are fewer than two, a run cannot be read, or none of its
            entities is in all of them, or their test parts differ.
    """
    if len(folders) < 2:
        raise ValueError(f"{len(folders)} run given, expected two or more to compare")
    runs = [run_.read(folder) for folder in folders]
    for run in runs:
        if run.level != "step":
            raise ValueError(f"{run.path} is of samples; runs of series are compared")
    common = [e for e in runs[0].entities if all(e in run.entities for run in runs)]
    if not common:
        raise ValueError("no entity is in all of these runs")
    chosen = common[0] if entity is None else entity
    if chosen not in common:
        raise ValueError(f"{chosen!r} is not in all runs; {', '.join(common[:8])} are")
    names = _names(runs)
    scored = [
        looks.scored(run, chosen, run.detector, name=name)
        for run, name in zip(runs, names, strict=True)
    ]
    lengths = sorted({len(one.scores) for one in scored})
    if len(lengths) > 1:
        raise ValueError(f"test parts of {chosen!r} have {lengths} steps, expected one")
    values, channels = _values(runs, chosen, lengths[0])
    first = runs[0].scored(chosen, runs[0].detector)[0]
    above = html.join(
        [
            html.element("h2", "Metrics"),
            html.element("p", _lead(names[0], common)),
            _table(runs, names, common),
        ]
    )
    title = f"{chosen}: {' and '.join(names)}"
    return interactive.page(
        title, values, channels, labels=first.label, scored=scored, above=above
    ).text


def _names(runs: Sequence[Run]) -> list[str]:
    """Runs by their detectors, with the folder where several have the same."""
    names = [run.detector for run in runs]
    each = zip(names, runs, strict=True)
    return [
        name if names.count(name) == 1 else f"{name} ({run.path})" for name, run in each
    ]


def _values(
    runs: Sequence[Run], entity: str, steps: int
) -> tuple[np.ndarray, list[str]]:
    """Channels to draw, of the first run that has some; else none."""
    for run in runs:
        values = run.values(entity, steps)
        if values is not None:
            known = [str(c) for c in run.described(entity).get("channels") or ()]
            return values, looks.channels(known, values.shape[1])
    return np.zeros((steps, 0)), []


def _lead(first: str, common: Sequence[str]) -> str:
    plural = "entity" if len(common) == 1 else "entities"
    how = "with 95 % intervals"
    if len(common) < uncertainty.FEWEST_PAIRS:
        how = f"too few for intervals, which need {uncertainty.FEWEST_PAIRS}"
    return (
        f"Means over the {len(common)} {plural} that all runs have, {how}; below, the "
        f"difference from {first}, entity by entity."
    )


def _table(runs: Sequence[Run], names: Sequence[str], common: Sequence[str]) -> Safe:
    measured = [
        {metric: _metric(run, metric, common) for metric in METRICS} for run in runs
    ]
    shown = [
        metric
        for metric in METRICS
        if all(np.isfinite(each[metric]).any() for each in measured)
    ]
    lines: list[list[object]] = []
    for place, (name, each) in enumerate(zip(names, measured, strict=True)):
        means = [uncertainty.bootstrap(each[metric]) for metric in shown]
        lines.append([name, *(_text(mean) for mean in means)])
        if place:
            apart = [
                uncertainty.paired_bootstrap(each[metric], measured[0][metric])
                for metric in shown
            ]
            lines.append(["difference", *(_text(one, signed=True) for one in apart)])
    return html.table(["run", *shown], lines)


def _metric(run: Run, metric: str, common: Sequence[str]) -> np.ndarray:
    """`[E]` of the run's detector, the mean over seeds of each entity."""
    found = []
    for entity in common:
        wanted = {"detector": run.detector, "entity": entity}
        own = [
            rows_.number(row, metric)
            for row in run.rows
            if all(row.get(key) == value for key, value in wanted.items())
            and row.get("seed") != "mean"
        ]
        known = [value for value in own if np.isfinite(value)]
        found.append(float(np.mean(known)) if known else np.nan)
    return np.array(found)


def _text(one: Estimate, signed: bool = False) -> Number:
    mean = f"{one.mean:+.3f}" if signed else f"{one.mean:.3f}"
    if one.n < uncertainty.FEWEST_PAIRS:
        return Number(mean)
    return Number(f"{mean} [{one.low:.3f}, {one.high:.3f}]")
