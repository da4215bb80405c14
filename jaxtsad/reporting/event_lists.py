"""Lists of true and found events, side by side."""

from __future__ import annotations

import numpy as np

from jaxtsad.reporting import markup
from jaxtsad.reporting.markup import Number, Safe
from jaxtsad.reporting.view import View

LISTED = 200


def build(view: View) -> Safe:
    """True events with what became of them, beside found ones, most severe first."""
    found = markup.element("div", markup.element("h4", "Found events"), _found(view))
    if view.truth is None:
        return markup.element("div", found, class_="pair")
    title = markup.element("h4", "True events")
    true = markup.element("div", title, _true(view))
    return markup.element("div", true, found, class_="pair")


def _true(view: View) -> Safe:
    assert view.truth is not None
    if not view.truth:
        return markup.element("p", "The series has no anomaly.", class_="note")
    kinds = any(event.kind for event in view.truth)
    heads = ["steps", *["kind"] * kinds, "", "delay", *["seeds"] * (view.seeds > 1)]
    lines = []
    for event, hits in zip(view.truth[:LISTED], view.hits, strict=False):
        mark = "hit" if event.hit else "missed"
        badge = markup.element("span", mark, class_=f"badge {mark}")
        delay = Number("" if event.delay is None else f"{event.delay:,}")
        line = [steps_of(event.start, event.stop), *[event.kind] * kinds, badge, delay]
        lines.append(line + [f"{hits} of {view.seeds}"] * (view.seeds > 1))
    left = len(view.truth) - len(lines)
    note = f"{left:,} more are not listed." if left > 0 else ""
    return markup.join([markup.table(heads, lines), _note(note)])


def _found(view: View) -> Safe:
    if not len(view.found):
        return markup.element("p", "No step was flagged.", class_="note")
    table = view.found.sort_values("severity", ascending=False, kind="stable")
    known = view.truth is not None
    heads = ["steps", "severity"] + [""] * known + ["channels"]
    lines = []
    for record in table.head(LISTED).to_dict("records"):
        severity = record["severity"]
        shown = "n/a" if np.isnan(severity) else f"{severity:.2f}"
        line = [steps_of(record["start"], record["stop"]), Number(shown)]
        if known:
            word, kind = ("true", "hit") if record["true"] else ("false", "alarm")
            line.append(markup.element("span", word, class_=f"badge {kind}"))
        names = [name.strip() for name in str(record["channels"]).split(";")]
        lines.append([*line, ", ".join(name for name in names if name)])
    left = len(table) - len(lines)
    note = f"{len(table):,} events, most severe first"
    note += f"; {left:,} are in events.csv only." if left > 0 else "."
    return markup.join([markup.table(heads, lines), _note(note)])


def steps_of(start: int, stop: int) -> str:
    """A half-open range of steps as text, its last step included.

    Example:
        >>> steps_of(1000, 1200), steps_of(7, 8)
        ('1,000 to 1,199', '7')
    """
    return f"{start:,}" if stop == start + 1 else f"{start:,} to {stop - 1:,}"


def _note(words: str) -> Safe:
    return markup.element("p", words, class_="note") if words else Safe("")
