"""The part of a report about one entity: pictures first, then its events."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from jaxtsad.evaluation import events as events_
from jaxtsad.evaluation.metrics import chance, pa_k, point
from jaxtsad.reporting import html
from jaxtsad.reporting.html import Number, Safe
from jaxtsad.reporting.plots import axes, curves, distributions, series
from jaxtsad.reporting.plots.curves import Curve
from jaxtsad.reporting.run import Run
from jaxtsad.reporting.tables import rows
from jaxtsad.reporting.view import View, spans_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLOSE_UPS = 3
LISTED = 200
COMPARED = 5
PERCENTS = tuple(float(percent) for percent in range(0, 101, 5))


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
        pieces.append(_event_lists(view))
    if full or run.level != "step":
        figures = [
            html.figure(drawing, f"{view.entity}: {label}", f"{prefix}d{place}")
            for place, (label, drawing) in enumerate(_diagnostics(run, view))
        ]
        pieces.append(html.element("div", *figures, class_="grid"))
    return html.join(pieces)


def outcome(view: View) -> str:
    """One line on what was found, for the entity's heading."""
    flagged = len(view.flagged)
    if view.truth is None:
        return f"{flagged:,} events found, no labels"
    hit = sum(event.hit for event in view.truth)
    alarms = flagged - int(view.flagged["true"].sum())
    word = "alarm" if alarms == 1 else "alarms"
    return f"{hit} of {len(view.truth)} events found, {alarms:,} false {word}"


def _overview(view: View, prefix: str, full: bool) -> Safe:
    drawing = series.series(
        view.scored.score,
        values=view.values,
        names=view.names,
        true_events=view.true_spans,
        flagged=view.flagged_spans,
        threshold=view.threshold,
        points=series.POINTS if full else series.POINTS // 2,
    )
    label = f"{view.entity}: series, events and score; {outcome(view)}"
    return html.figure(drawing, label, f"{prefix}s", wide=True)


def _close_ups(view: View, prefix: str) -> Safe:
    """The longest miss, the longest hit and the most severe false alarm, up close."""
    steps = len(view.scored.score)
    drawn: list[Safe] = []
    for title, start, stop in _events_to_draw(view):
        margin = max(60, int(1.2 * (stop - start)))
        window = max(start - margin, 0), min(stop + margin, steps)
        if 2 * (window[1] - window[0]) > steps:
            continue
        drawing = series.series(
            view.scored.score,
            values=None if view.values is None else view.values[:, :3],
            names=view.names,
            true_events=view.true_spans,
            flagged=view.flagged_spans,
            threshold=view.threshold,
            window=window,
            width=axes.PANEL_WIDTH,
        )
        word = "step" if stop == start + 1 else "steps"
        caption = f"{title}, {word} {steps_of(start, stop)}"
        place = f"{prefix}c{len(drawn)}"
        label = f"{view.entity}: {caption}"
        drawn.append(html.figure(drawing, label, place, caption=caption))
        if len(drawn) == CLOSE_UPS:
            break
    return html.element("div", *drawn, class_="grid") if drawn else Safe("")


def _events_to_draw(view: View) -> list[tuple[str, int, int]]:
    if view.truth is None:
        return []
    kinds = []
    for word, hit in (("Missed", False), ("Found", True)):
        events = [event for event in view.truth if event.hit == hit]
        longest = sorted(
            events, key=lambda event: event.stop - event.start, reverse=True
        )
        kinds.append(
            [
                (f"{word}: {event.kind or 'true event'}", event.start, event.stop)
                for event in longest[:CLOSE_UPS]
            ]
        )
    alarms = view.flagged[~view.flagged["true"]].sort_values(
        "severity", ascending=False
    )
    spans = spans_of(alarms.head(CLOSE_UPS)).tolist()
    kinds.append([("False alarm", start, stop) for start, stop in spans])
    # One of each first, then the second of each, so that a row of three is full.
    turns = itertools.zip_longest(*kinds)
    return [each for turn in turns for each in turn if each is not None]


def _event_lists(view: View) -> Safe:
    """True events with what became of them, and flagged ones, most severe first."""
    flagged = html.element(
        "div", html.element("h4", "Found events"), _flagged_list(view)
    )
    if view.truth is None:
        return html.element("div", flagged, class_="pair")
    title = html.element("h4", "True events")
    true = html.element("div", title, _true_list(view))
    return html.element("div", true, flagged, class_="pair")


def _true_list(view: View) -> Safe:
    assert view.truth is not None
    if not view.truth:
        return html.element("p", "The series has no anomaly.", class_="note")
    kinds = any(event.kind for event in view.truth)
    heads = ["steps", *["kind"] * kinds, "", "delay", *["seeds"] * (view.seeds > 1)]
    lines = []
    for event, hits in zip(view.truth[:LISTED], view.hits, strict=False):
        mark = "hit" if event.hit else "missed"
        badge = html.element("span", mark, class_=f"badge {mark}")
        delay = Number("" if event.delay is None else f"{event.delay:,}")
        line = [steps_of(event.start, event.stop), *[event.kind] * kinds, badge, delay]
        lines.append(line + [f"{hits} of {view.seeds}"] * (view.seeds > 1))
    left = len(view.truth) - len(lines)
    note = f"{left:,} more are not listed." if left > 0 else ""
    return html.join([html.table(heads, lines), _note(note)])


def _flagged_list(view: View) -> Safe:
    if not len(view.flagged):
        return html.element("p", "No step was flagged.", class_="note")
    table = view.flagged.sort_values("severity", ascending=False, kind="stable")
    known = view.truth is not None
    heads = ["steps", "severity"] + [""] * known + ["channels"]
    lines = []
    for record in table.head(LISTED).to_dict("records"):
        severity = record["severity"]
        shown = "n/a" if np.isnan(severity) else f"{severity:.2f}"
        line = [steps_of(record["start"], record["stop"]), Number(shown)]
        if known:
            word, kind = ("true", "hit") if record["true"] else ("false", "alarm")
            line.append(html.element("span", word, class_=f"badge {kind}"))
        names = events_.split_names(str(record["channels"]))
        lines.append([*line, ", ".join(names)])
    left = len(table) - len(lines)
    note = f"{len(table):,} events, most severe first"
    note += f"; {left:,} are in events.csv only." if left > 0 else "."
    return html.join([html.table(heads, lines), _note(note)])


def steps_of(start: int, stop: int) -> str:
    """A half-open range of steps as text, its last step included.

    Example:
        >>> steps_of(1000, 1200), steps_of(7, 8)
        ('1,000 to 1,199', '7')
    """
    return f"{start:,}" if stop == start + 1 else f"{start:,} to {stop - 1:,}"


def _note(text: str) -> Safe:
    return html.element("p", text, class_="note") if text else Safe("")


def _diagnostics(run: Run, view: View) -> list[tuple[str, Figure]]:
    """Figures of one entity with what each shows.

    Without labels, or with one class only, there is the distribution alone. F1 under
    PA%K starts at point adjustment, so what random flags get is drawn too.
    """
    scored = view.scored
    histogram = distributions.histogram(
        scored.score,
        scored.label,
        threshold=view.threshold,
        calibration=scored.calibration if len(scored.calibration) else None,
    )
    drawn = [("distribution of the score by label", histogram)]
    if scored.label is None or not 0 < (scored.label > 0).mean() < 1:
        return drawn
    label = scored.label > 0
    lines = _lines(run, view.entity, label)
    judged = [
        (
            "precision-recall curve",
            curves.precision_recall(lines[1], float(label.mean())),
        ),
        ("ROC curve", curves.roc(lines[0])),
    ]
    if lines[2]:
        random_f1 = chance.expected_pa_k_curve(
            label, float(view.flags.mean()), PERCENTS
        )
        adjusted = curves.pa_k(lines[2], np.array(PERCENTS), random_f1)
        judged.append(("F1 under PA%K", adjusted))
    sweep = distributions.by_threshold(label, scored.score, view.threshold)
    counts = point.confusion(label, view.flags)
    return [
        *judged,
        *drawn,
        ("precision, recall and F1 by threshold", sweep),
        ("confusion matrix", distributions.confusion(counts)),
    ]


def _lines(run: Run, entity: str, label: np.ndarray) -> tuple[list[Curve], ...]:
    """ROC, precision-recall and PA%K lines of the compared detectors."""
    lines: tuple[list[Curve], ...] = ([], [], [])
    for name in _compared(run, entity):
        scored = run.scored(entity, name)[0]
        if scored.label is None or not np.array_equal(scored.label > 0, label):
            continue
        wanted = {"detector": name, "entity": entity, "seed": scored.seed}
        row = rows.find(run.report["rows"], **wanted) or {}
        points = [
            ("auc_roc", curves.roc_points(label, scored.score)),
            ("auc_pr", curves.precision_recall_points(label, scored.score)),
        ]
        limit = run.threshold(entity, name, scored.seed)
        if limit is not None:
            f1 = pa_k.pa_k_curve(label, scored.score > limit, PERCENTS)
            points.append(("pa_k_auc", (np.array(PERCENTS), f1)))
        for line, (key, (x, y)) in zip(lines, points, strict=False):
            area = rows.number(row, key)
            line.append(Curve(name, x, y, area, name == run.detector))
    return lines


def _compared(run: Run, entity: str) -> list[str]:
    """The detectors that are drawn together: the run's own, random, a few others."""
    names = run.detectors(entity)
    first = [name for name in (run.detector, rows.RANDOM) if name in names]
    return (first + [name for name in names if name not in first])[:COMPARED]
