"""The tables of a recording's page: events, statistics, gaps, facts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from jaxtsad.reporting import markup, recording, recording_plots, svg
from jaxtsad.reporting import page as pages
from jaxtsad.reporting.markup import Number, Safe
from jaxtsad.reporting.recording import Part
from jaxtsad.types import Series

LISTED = 60
ENOUGH_EVENTS = 4


def events(parts: Sequence[Part]) -> Safe:
    """The true events, their lengths and what lies between them."""
    pieces: list[Safe] = []
    for number, part in enumerate(parts):
        if not part.events:
            continue
        ends = [0, *(stop for _, stop, _ in part.events)]
        lines = [
            [start, stop - 1, stop - start, start - before, kind]
            for before, (start, stop, kind) in zip(ends, part.events, strict=False)
        ]
        heads = ["first step", "last step", "length", "normal steps before", "kind"]
        pieces.append(markup.table(heads, lines[:LISTED]))
        if len(lines) > LISTED:
            more = f"{len(lines) - LISTED:,} more events are not listed."
            pieces.append(markup.element("p", more, class_="note"))
        if len(lines) >= ENOUGH_EVENTS:
            drawing = recording_plots.lengths(part)
            figure = pages.figure(
                svg.render(drawing, "lengths of the events", f"lengths{number}")
            )
            pieces.append(markup.element("div", figure, class_="grid"))
    if not pieces:
        known = any(part.labels is not None for part in parts)
        words = "No step is labelled anomalous." if known else "There are no labels."
        return pages.section("Events", note=words)
    return pages.section("Events", *pieces)


def statistics(
    series: Series, parts: Sequence[Part], names: Sequence[str], kinds: Sequence[str]
) -> Safe:
    """Statistics of every channel in every part."""
    measured = [recording.statistics(part.values) for part in parts]
    beyond = recording.outside(series) if series.test is not None else None
    heads = ["channel", "kind"]
    for part in parts:
        short = part.name.split(" ")[0]
        heads += [f"{short} {what}" for what in ("mean", "sd", "min", "max", "missing")]
    if beyond is not None:
        heads.append("test beyond training")
    lines = []
    for channel, name in enumerate(names):
        line: list[object] = [name, kinds[channel]]
        for rows in measured:
            own = rows[channel]
            line += [_number(value) for value in own[:4]] + [own.missing]
        if beyond is not None:
            line.append(
                Number("" if math.isnan(beyond[channel]) else f"{beyond[channel]:.1%}")
            )
        lines.append(line)
    varying = [
        line for line, kind in zip(lines, kinds, strict=True) if kind != "constant"
    ]
    constant = [
        line for line, kind in zip(lines, kinds, strict=True) if kind == "constant"
    ]
    pieces = [markup.table(heads, varying)] if varying else []
    if constant:
        folded = markup.table(heads, constant)
        pieces.append(markup.details(f"{len(constant)} constant channels", folded))
    return pages.section("Statistics", *pieces)


def _number(value: float) -> Number:
    return Number("n/a" if math.isnan(value) else f"{value:.4g}")


def missing(parts: Sequence[Part]) -> Safe:
    """What is missing in each part."""
    found = {part.name: recording.missing(part.values) for part in parts}
    if not any(one.cells for one in found.values()):
        return pages.section("Missing values", note="Every cell holds a finite number.")
    lines = [
        [
            name,
            one.cells,
            Number(f"{one.cells / max(part.values.size, 1):.4%}"),
            one.steps,
            one.channels,
            one.longest,
        ]
        for part, (name, one) in zip(parts, found.items(), strict=True)
    ]
    heads = ["part", "cells", "share", "steps", "channels", "longest gap, steps"]
    note = (
        "Not finite counts as missing. Detectors fill a gap with the last value before "
        "it, never with a later one."
    )
    return pages.section("Missing values", markup.table(heads, lines), note=note)


def facts(series: Series, parts: Sequence[Part]) -> Safe:
    """What else is known: repeated steps, time stamps, the source."""
    told: dict[str, object] = {}
    for part in parts:
        if part.values.size:
            still = max(recording.frozen(column) for column in part.values.T[:1])
            told[f"{part.name}: first channel keeps one value for at most"] = (
                f"{still:,} steps"
            )
        told[f"{part.name}: equal steps in a row"] = _repeated(part.values)
    for key, value in series.metadata.items():
        if isinstance(value, np.ndarray) and key.endswith("_time") and len(value):
            told[key.replace("_", " ")] = f"{value[0]} to {value[-1]}"
        elif isinstance(value, str | int | float):
            told[key] = value
    return pages.section("Recording", markup.facts("", told))


def _repeated(values: np.ndarray) -> str:
    if len(values) < 2:
        return "none"
    same = (np.diff(values, axis=0) == 0).all(axis=1)
    return f"{int(same.sum()):,} ({float(same.mean()):.1%})"
