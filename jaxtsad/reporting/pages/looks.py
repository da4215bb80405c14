"""Entities of a run as interactive pages, which lie beside the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxtsad import interactive
from jaxtsad.evaluation import events as events_
from jaxtsad.reporting import html
from jaxtsad.reporting.html import Safe
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.view import View

MOST_ENTITIES = 40
"""Of so many entities there are pages, the first of the report."""
MOST_DETECTORS = 4


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


def _page(run: Run, view: View) -> str:
    assert view.values is not None
    steps, count = view.values.shape
    given = [*view.names, *map(str, range(len(view.names), count))]
    scored = []
    for name in run.detectors(view.entity)[:MOST_DETECTORS]:
        first = run.scored(view.entity, name)[0]
        limit = run.threshold(view.entity, name, first.seed)
        if len(first.score) != steps:
            continue
        if limit is None:
            limit = float(np.quantile(first.score, 0.99))
        option, events = "threshold above {}", []
        if name == run.detector:
            events = [_event(row) for row in view.flagged.to_dict("records")]
        scored.append(
            interactive.Scored(name, first.score, limit, option=option, events=events)
        )
    title = f"{run.report.get('name') or run.path.name}, {view.entity}"
    return interactive.page(
        title, view.values, given[:count], labels=view.scored.label, scored=scored
    ).text


def _event(row: dict[Any, Any]) -> dict[str, Any]:
    names = events_.split_names(str(row["channels"]))
    return {**row, "channels": list(names)}
