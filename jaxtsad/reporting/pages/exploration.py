"""A recording as one page: values, commands, labels, statistics, what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from jaxtsad.reporting import html, statistics
from jaxtsad.reporting.html import Number, Safe
from jaxtsad.reporting.plots import channels
from jaxtsad.reporting.statistics import Part
from jaxtsad.types import Series

DRAWN = 6
LISTED = 60
ENOUGH_EVENTS = 4


def page(series: Series, source: str) -> str:
    """The whole page.

    Args:
        series: The statistics.
        source: Where it comes from: a data set's name or a file.
    """
    parts = statistics.parts(series)
    count = series.train.shape[1]
    names = list(series.channels) or [f"channel_{i}" for i in range(count)]
    kinds = statistics.kinds(series)
    values, commands = _shown(parts, kinds)
    title = [
        html.element("p", "jaxtsad explore", class_="eyebrow"),
        html.element("h1", series.name),
        html.element("p", _subtitle(source, kinds), class_="subtitle"),
    ]
    return html.page(
        f"{series.name}, {source}",
        html.element("header", *title),
        html.element("div", *_tiles(parts), class_="tiles"),
        *(
            _drawn(part, names, values, commands, kinds, number)
            for number, part in enumerate(parts)
        ),
        _events(parts),
        html.section(
            "Distribution",
            html.element("div", *_distributions(parts, values, names), class_="grid"),
        )
        if values
        else Safe(""),
        _statistics(series, parts, names, kinds),
        _missing(parts),
        _facts(series, parts),
    )


def _subtitle(source: str, kinds: Sequence[str]) -> str:
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    phrases = {
        "values": "with values",
        "command": "0/1 commands",
        "constant": "constant",
    }
    counted = ", ".join(f"{number} {phrases[kind]}" for kind, number in counts.items())
    plural = "channel" if len(kinds) == 1 else "channels"
    return f"{source} · {len(kinds)} {plural}: {counted}"


def _shown(parts: Sequence[Part], kinds: Sequence[str]) -> tuple[list[int], list[int]]:
    """Channels to draw: those that vary most, and commands by how often they are 1."""
    values = [i for i, kind in enumerate(kinds) if kind == statistics.VALUES]
    if len(values) > DRAWN:
        deviation = np.nanstd(_finite(parts[-1].values[:, values]), axis=0)
        order = np.argsort(-deviation, kind="stable")
        values = sorted(values[i] for i in order[:DRAWN])
    if not values and statistics.CONSTANT in kinds:
        values = [list(kinds).index(statistics.CONSTANT)]
    commands = [i for i, kind in enumerate(kinds) if kind == statistics.BINARY]
    counts = {
        i: sum(int((part.values[:, i] == 1).sum()) for part in parts) for i in commands
    }
    return values, sorted(commands, key=lambda i: -counts[i])


def _finite(values: np.ndarray) -> np.ndarray:
    wide = values.astype(np.float64)
    return np.where(np.isfinite(wide), wide, np.nan)


def _tiles(parts: Sequence[Part]) -> list[Safe]:
    tiles = [
        html.tile(f"{part.name}, steps", f"{len(part.values):,}", _missing_words(part))
        for part in parts
    ]
    for part in parts:
        if part.labels is None:
            continue
        lengths = [stop - start for start, stop, _ in part.events]
        below = f"{min(lengths):,} to {max(lengths):,} steps long" if lengths else ""
        tiles.append(html.tile(f"events, {part.name}", f"{len(lengths):,}", below))
        share = f"{100 * float(part.labels.mean()):.2f} %"
        steps = f"{int(part.labels.sum()):,} of {len(part.labels):,} steps"
        tiles.append(html.tile("labeled anomalous", share, steps))
    if all(part.labels is None for part in parts):
        tiles.append(html.tile("labels", "none", ""))
    return tiles


def _missing_words(part: Part) -> str:
    cells = statistics.missing(part.values).cells
    return f"{cells:,} cells missing" if cells else "nothing missing"


def _drawn(
    part: Part,
    names: Sequence[str],
    values: Sequence[int],
    commands: Sequence[int],
    kinds: Sequence[str],
    number: int,
) -> Safe:
    drawing = channels.lanes(part, names, values, commands)
    label = f"{part.name}: values, commands and events"
    box = html.figure(drawing, label, f"part{number}", wide=True)
    left_out = []
    wanted = list(kinds).count(statistics.VALUES)
    if wanted > len(values):
        left_out.append(f"the {len(values)} of {wanted} channels that vary most")
    if len(commands) > channels.COMMANDS:
        left_out.append(
            f"the {channels.COMMANDS} most frequent of {len(commands)} commands"
        )
    note = f"Drawn: {' and '.join(left_out)}. " if left_out else ""
    note += "True events are shaded." if part.events else ""
    return html.section(part.name.capitalize(), box, note=note)


def _distributions(
    parts: Sequence[Part], values: Sequence[int], names: Sequence[str]
) -> list[Safe]:
    figures = []
    for channel in values[:3]:
        drawing = channels.distribution(parts, channel, names[channel])
        label = f"distribution of {names[channel]}"
        figures.append(html.figure(drawing, label, f"values{channel}"))
    return figures


def _events(parts: Sequence[Part]) -> Safe:
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
        pieces.append(html.table(heads, lines[:LISTED]))
        if len(lines) > LISTED:
            more = f"{len(lines) - LISTED:,} more events are not listed."
            pieces.append(html.element("p", more, class_="note"))
        if len(lines) >= ENOUGH_EVENTS:
            drawing = channels.lengths(part)
            figure = html.figure(drawing, "lengths of the events", f"lengths{number}")
            pieces.append(html.element("div", figure, class_="grid"))
    if not pieces:
        known = any(part.labels is not None for part in parts)
        note = "No step is labeled anomalous." if known else "There are no labels."
        return html.section("Events", note=note)
    return html.section("Events", *pieces)


def _statistics(
    series: Series, parts: Sequence[Part], names: Sequence[str], kinds: Sequence[str]
) -> Safe:
    """Statistics of every channel in every part."""
    measured = [statistics.statistics(part.values) for part in parts]
    beyond = statistics.outside(series) if series.test is not None else None
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
            row = rows[channel]
            line += [_number(value) for value in row[:4]] + [row.missing]
        if beyond is not None:
            line.append(
                Number("" if math.isnan(beyond[channel]) else f"{beyond[channel]:.1%}")
            )
        lines.append(line)
    constant = [line for line in lines if line[1] == statistics.CONSTANT]
    varying = [line for line in lines if line[1] != statistics.CONSTANT]
    pieces = [html.table(heads, varying)] if varying else []
    if constant:
        folded = html.table(heads, constant)
        pieces.append(html.details(f"{len(constant)} constant channels", folded))
    return html.section("Statistics", *pieces)


def _number(value: float) -> Number:
    return Number("n/a" if math.isnan(value) else f"{value:.4g}")


def _missing(parts: Sequence[Part]) -> Safe:
    """What is missing in each part."""
    counts = [statistics.missing(part.values) for part in parts]
    if not any(count.cells for count in counts):
        return html.section("Missing values", note="Every cell holds a finite number.")
    lines = [
        [
            part.name,
            count.cells,
            Number(f"{count.cells / max(part.values.size, 1):.4%}"),
            count.steps,
            count.channels,
            count.longest,
        ]
        for part, count in zip(parts, counts, strict=True)
    ]
    heads = ["part", "cells", "share", "steps", "channels", "longest gap, steps"]
    note = (
        "Not finite counts as missing. Detectors fill a gap with the last value before "
        "it, never with a later one."
    )
    return html.section("Missing values", html.table(heads, lines), note=note)


def _facts(series: Series, parts: Sequence[Part]) -> Safe:
    """What else is known: repeated steps, time stamps, the source."""
    values: dict[str, object] = {}
    for part in parts:
        if part.values.size:
            longest = statistics.longest_constant(part.values[:, 0])
            values[f"{part.name}: first channel keeps one value for at most"] = (
                f"{longest:,} steps"
            )
        values[f"{part.name}: equal steps in a row"] = _repeated(part.values)
    for key, value in series.metadata.items():
        if isinstance(value, np.ndarray) and key.endswith("_time") and len(value):
            values[key.replace("_", " ")] = f"{value[0]} to {value[-1]}"
        elif isinstance(value, str | int | float):
            values[key] = value
    return html.section("Recording", html.facts("", values))


def _repeated(values: np.ndarray) -> str:
    if len(values) < 2:
        return "none"
    same = (np.diff(values, axis=0) == 0).all(axis=1)
    return f"{int(same.sum()):,} ({float(same.mean()):.1%})"
