"""Entities of a run as interactive pages, which lie beside the report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad import interactive
from jaxtsad.evaluation import events as events_
from jaxtsad.evaluation.alarms import tail
from jaxtsad.reporting import html, run_directory
from jaxtsad.reporting.html import Safe
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.view import View

MOST_ENTITIES = 40
"""Of so many entities there are pages, the first of the report."""
MOST_DETECTORS = 4
LIKELY = 0.99
"""Quantile of the scores that is drawn where a threshold is no single number."""


def pages(run: Run, views: Sequence[View]) -> dict[str, str]:
    """By name of the file, the page of each entity that there is something to draw of.

    Args:
        run: The run directory.
        views: What the report shows.
    """
    make = _page if run.level == "step" else _of_samples
    drawn = enumerate(_drawn(run, views))
    return {f"look_{place}.html": make(run, view) for place, view in drawn}


def links(run: Run, views: Sequence[View]) -> Safe:
    """A section that leads to these pages; nothing where there are none."""
    items = [
        html.element("li", html.element("a", view.entity, href=f"look_{place}.html"))
        for place, view in enumerate(_drawn(run, views))
    ]
    if not items:
        return Safe("")
    note = "Zoom, move the threshold, mark events: a page of each entity."
    if run.level != "step":
        note = (
            "Look at the samples and what the detector makes of them, move the "
            "threshold, mark samples: a page of each entity."
        )
    return html.section("A closer look", html.element("ul", *items), note=note)


def _drawn(run: Run, views: Sequence[View]) -> list[View]:
    """Those that there is something to draw of, the first of the report."""
    drawn = [v for v in views if v.values is not None or v.entity in run.pictures]
    return drawn[:MOST_ENTITIES]


def scored(run: Run, entity: str, detector: str, **more: Any) -> interactive.Scored:
    """What the first seed of a detector says of an entity.

    Args:
        run: The run.
        entity: The entity.
        detector: The detector's row.
        more: Other fields of what is made.
    """
    first = run.scored(entity, detector)[0]
    limit = _limit(run, first)
    rules = tail.fit(first.calibration).rules(limit)
    made = interactive.Scored(detector, first.score, limit, rules.closes, rules.gap)
    return dataclasses.replace(made, **more)


def _limit(run: Run, first: run_directory.Scored) -> float:
    """The threshold of one member, or what is drawn where it is no single number."""
    limit = run.threshold(first.entity, first.detector, first.seed)
    return float(np.quantile(first.score, LIKELY)) if limit is None else limit


def channels(names: Sequence[str], count: int) -> list[str]:
    """As many names of channels, numbers where there are fewer."""
    return [*names, *map(str, range(len(names), count))][:count]


def _page(run: Run, view: View) -> str:
    assert view.values is not None
    steps, count = view.values.shape
    each = []
    for detector in run.detectors(view.entity)[:MOST_DETECTORS]:
        main = detector == run.detector
        events = view.flagged.to_dict("records") if main else []
        made = scored(
            run, view.entity, detector, events=[_event(row) for row in events]
        )
        if len(made.scores) == steps:
            each.append(made)
    name = _name(run)
    names = channels(view.names, count)
    return interactive.page(
        f"{name}, {view.entity}",
        view.values,
        names,
        labels=view.scored.label,
        scored=each,
        group=name,
        entity=view.entity,
    ).text


def _of_samples(run: Run, view: View) -> str:
    name = _name(run)
    return interactive.samples(
        f"{name}, {view.entity}",
        run.pictures[view.entity],
        view.scored.score,
        _limit(run, view.scored),
        labels=view.scored.label,
        group=name,
        entity=view.entity,
    ).text


def _name(run: Run) -> str:
    return str(run.report.get("name") or run.path.name)


def _event(row: dict[Any, Any]) -> dict[str, Any]:
    names = events_.split_names(str(row["channels"]))
    return {**row, "channels": list(names)}
