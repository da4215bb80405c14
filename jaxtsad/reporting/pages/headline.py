"""The top of a report: what was run, its leaks, and the outcome in numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxtsad.reporting import html
from jaxtsad.reporting.html import Safe
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.tables import claims, layout, rows
from jaxtsad.reporting.view import View


def build(run: Run, views: Sequence[View]) -> Safe:
    """Title, banner of leaks where there are any, verdicts and key numbers."""
    title = [
        html.element("p", "jaxtsad run report", class_="eyebrow"),
        html.element("h1", run.report.get("name") or run.path.name),
        html.element("p", _subtitle(run), class_="subtitle"),
    ]
    lines = claims.lines(run.report, run.detector)
    pieces = [
        html.element("header", *title),
        _banner(run),
        *(html.element("p", line, class_="verdict") for line in lines),
        html.element("div", *_tiles(run, views), class_="tiles"),
    ]
    return html.join(pieces)


def _banner(run: Run) -> Safe:
    """A red banner that lists each leak of the protocol; nothing if there is none."""
    leaks = run.report.get("leaks") or []
    if not leaks:
        return Safe("")
    title = f"These numbers leak: protocol {_protocol(run)}"
    return html.element(
        "div",
        html.element("strong", title),
        html.element("p", "Where they depart from a fair test:"),
        html.element("ul", *(html.element("li", leak) for leak in leaks)),
        class_="banner",
        role="alert",
    )


def _protocol(run: Run) -> str:
    """Name of the protocol, whether the report holds a name or a record."""
    protocol = run.report.get("protocol")
    if isinstance(protocol, Mapping):
        return str(protocol.get("name", "custom"))
    return str(protocol)


def _subtitle(run: Run) -> str:
    config: Mapping[str, Any] = run.report.get("config") or {}
    data = config.get("data") or {}
    parts = [run.detector]
    if data.get("dataset"):
        parts[0] += f" on {data['dataset']}"
    parts.append(_count(len(run.entities), "entity", "entities"))
    seeds = run.report.get("seeds")
    if isinstance(seeds, Sequence) and not isinstance(seeds, str):
        parts.append(_count(len(seeds), "seed", "seeds"))
    parts.append(f"protocol {_protocol(run)}")
    return " · ".join(parts)


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number:,} {singular if number == 1 else plural}"


def _tiles(run: Run, views: Sequence[View]) -> list[Safe]:
    tiles = []
    row, random = (
        claims.main_row(run.rows, name) for name in (run.detector, rows.RANDOM)
    )
    for column in layout.COLUMNS:
        if column.key not in ("vus_pr", "auc_pr", "f1") or row is None:
            continue
        value = rows.number(row, column.key)
        if math.isnan(value):
            continue
        chance = rows.number(random or {}, column.key)
        below = "" if math.isnan(chance) else f"random {chance:.3f}"
        place = str(row["entity"])
        scope = f" ({place})" if place in rows.SUMMARIES else ""
        tiles.append(html.tile(column.title + scope, f"{value:.3f}", below))
    return tiles + _event_tiles(views, run) + _time_tiles(run)


def _event_tiles(views: Sequence[View], run: Run) -> list[Safe]:
    if run.level != "step":
        return []
    known = [view for view in views if view.truth is not None]
    events = [event for view in known for event in view.truth or ()]
    if not events:
        return []
    hits = [event for event in events if event.hit]
    delays = sorted(event.delay or 0 for event in hits)
    middle = delays[len(delays) // 2] if delays else None
    late = "" if middle is None else f"median delay {_count(middle, 'step', 'steps')}"
    alarms = sum(int((~view.flagged["true"]).sum()) for view in known)
    normal = sum(
        int(np.count_nonzero(view.scored.label == 0))
        for view in known
        if view.scored.label is not None
    )
    rate = 1000 * alarms / normal if normal else 0.0
    seed = f", seed {known[0].scored.seed}" if known[0].seeds > 1 else ""
    return [
        html.tile(f"Events found{seed}", f"{len(hits):,} of {len(events):,}", late),
        html.tile(f"False alarms{seed}", f"{alarms:,}", f"{rate:.2f} per 1000 steps"),
    ]


def _time_tiles(run: Run) -> list[Safe]:
    timings = run.report.get("timings") or {}
    tiles = []
    for name, title in (("train", "Training"), ("score", "Scoring")):
        seconds = timings.get(f"{name}_s")
        if not seconds:
            continue
        speed = timings.get(f"{name}_windows_per_s")
        below = f"{speed:,.0f} windows/s" if speed else ""
        tiles.append(html.tile(title, duration(float(seconds)), below))
    return tiles


def duration(seconds: float) -> str:
    """A time span for people.

    Example:
        >>> duration(0.25), duration(42.7), duration(3700)
        ('0.25 s', '42.7 s', '1 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
