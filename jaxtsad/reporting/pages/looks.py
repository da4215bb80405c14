"""Entities of a run as interactive pages, which lie beside the report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad import interactive
from jaxtsad.evaluation import events as events_
from jaxtsad.evaluation.alarms import tail
from jaxtsad.reporting import html
from jaxtsad.reporting.html import Safe
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.view import View

MOST_ENTITIES = 40
"""Of so many entities there are pages, the first of the report."""
MOST_DETECTORS = 4
LIKELY = 0.99
"""Quantile of the scores that is drawn where a threshold is no single number."""


def pages(run: Run, views: Sequence[View]) -> dict[str, str]:
    """By name of the file, the page of each entity whose scores are of steps.

    Args:
        run: The run directory.
        views: What the report shows.
    """
    if run.level != "step":
        return {}
    drawn = (view for view in views if view.values is not None)
    each = zip(range(MOST_ENTITIES), drawn, strict=False)
    return {f"look_{place}.html": _page(run, view) for place, view in each}


def links(run: Run, views: Sequence[View]) -> Safe:
    """A section that leads to these pages; nothing where there are none."""
    if run.level != "step":
        return Safe("")
    drawn = [view for view in views if view.values is not None][:MOST_ENTITIES]
    items = [
        html.element("li", html.element("a", view.entity, href=f"look_{place}.html"))
        for place, view in enumerate(drawn)
    ]
    if not items:
        return Safe("")
    note = "Zoom, move the threshold, mark events: a page of each entity."
    return html.section("A closer look", html.element("ul", *items), note=note)


def scored(run: Run, entity: str, detector: str, **more: Any) -> interactive.Scored:
    """What the first seed of a detector says of an entity.

    Args:
        run: The run.
        entity: The entity.
        detector: The detector's row.
        more: Other fields of what is made.
    """
    first = run.scored(entity, detector)[0]
    limit = run.threshold(entity, detector, first.seed)
    if limit is None:
        limit = float(np.quantile(first.score, LIKELY))
    rules = tail.fit(first.calibration).rules(limit)
    made = interactive.Scored(detector, first.score, limit, rules.closes, rules.gap)
    return dataclasses.replace(made, **more)


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
    name = str(run.report.get("name") or run.path.name)
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


def _event(row: dict[Any, Any]) -> dict[str, Any]:
    names = events_.split_names(str(row["channels"]))
    return {**row, "channels": list(names)}
