"""The part of a report about one entity: pictures first, then its events."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from jaxtsad.reporting import (
    diagnostics,
    event_lists,
    evidence,
    markup,
    matching,
    plots,
    svg,
)
from jaxtsad.reporting.markup import Safe
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.view import View, spans_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEAR = 3


def build(run: Run, view: View, number: int, *, full: bool) -> Safe:
    """One entity's figures and event lists.

    Args:
        run: The run directory.
        view: What to show.
        number: Place of the entity on the page; keeps the ids of drawings apart.
        full: Adds close-ups and diagnostics to the overview.
    """
    prefix = f"e{number}"
    pieces: list[Safe] = []
    if run.level == "step":
        pieces.append(_overview(view, prefix, full))
        if full:
            pieces.append(_close_ups(view, prefix))
        pieces.append(event_lists.build(view))
    if full or run.level != "step":
        figures = [
            _figure(drawing, f"{view.entity}: {label}", f"{prefix}d{place}")
            for place, (label, drawing) in enumerate(evidence.figures(run, view))
        ]
        pieces.append(markup.element("div", *figures, class_="grid"))
    return markup.join(pieces)


def outcome(view: View) -> str:
    """One line on what was found, for a heading or a folded entity."""
    found = len(view.found)
    if view.truth is None:
        return f"{found:,} events found, no labels"
    hit = sum(event.hit for event in view.truth)
    alarms = found - int(view.found["true"].sum())
    word = "alarm" if alarms == 1 else "alarms"
    return f"{hit} of {len(view.truth)} events found, {alarms:,} false {word}"


def _figure(drawing: Figure, label: str, prefix: str, caption: str = "") -> Safe:
    inner = Safe(svg.render(drawing, label, prefix))
    note = [markup.element("figcaption", caption)] if caption else []
    return markup.element("figure", *note, inner)


def _overview(view: View, prefix: str, full: bool) -> Safe:
    drawing = plots.series(
        view.scored.score,
        values=view.values,
        names=view.names,
        truth=view.true_spans,
        found=view.found_spans,
        threshold=view.threshold,
        points=plots.POINTS if full else plots.POINTS // 2,
    )
    label = f"{view.entity}: series, events and score; {outcome(view)}"
    inner = _figure(drawing, label, f"{prefix}s")
    return markup.element("div", inner, class_="scroll wide")


def _close_ups(view: View, prefix: str) -> Safe:
    """The longest miss, the longest hit and the most severe false alarm, up close."""
    steps = len(view.scored.score)
    drawn: list[Safe] = []
    for title, start, stop in _chosen(view):
        margin = max(60, int(1.2 * (stop - start)))
        window = max(start - margin, 0), min(stop + margin, steps)
        if 2 * (window[1] - window[0]) > steps:
            continue
        drawing = plots.series(
            view.scored.score,
            values=None if view.values is None else view.values[:, :3],
            names=view.names,
            truth=view.true_spans,
            found=view.found_spans,
            threshold=view.threshold,
            window=window,
            width=diagnostics.WIDTH,
        )
        word = "step" if stop == start + 1 else "steps"
        caption = f"{title}, {word} {event_lists.steps_of(start, stop)}"
        place = f"{prefix}c{len(drawn)}"
        drawn.append(_figure(drawing, f"{view.entity}: {caption}", place, caption))
        if len(drawn) == NEAR:
            break
    return markup.element("div", *drawn, class_="grid") if drawn else Safe("")


def _chosen(view: View) -> list[tuple[str, int, int]]:
    if view.truth is None:
        return []
    kinds = []
    for word, hit in (("Missed", False), ("Found", True)):
        events = [event for event in view.truth if event.hit == hit]
        longest = sorted(events, key=_length, reverse=True)
        kinds.append(
            [
                (f"{word}: {event.kind or 'true event'}", event.start, event.stop)
                for event in longest[:NEAR]
            ]
        )
    alarms = view.found[~view.found["true"]].sort_values("severity", ascending=False)
    spans = spans_of(alarms.head(NEAR)).tolist()
    kinds.append([("False alarm", start, stop) for start, stop in spans])
    # One of each first, then the second of each, so that a row of three is full.
    turns = itertools.zip_longest(*kinds)
    return [each for turn in turns for each in turn if each is not None]


def _length(event: matching.Truth) -> int:
    return event.stop - event.start
