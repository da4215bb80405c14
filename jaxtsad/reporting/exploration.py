"""A recording as one page: values, commands, labels, statistics, what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from jaxtsad.reporting import markup, recording, recording_plots, svg
from jaxtsad.reporting import page as pages
from jaxtsad.reporting.markup import Number, Safe
from jaxtsad.reporting.recording import Part
from jaxtsad.types import Series

DRAWN = 6
LISTED = 60
ENOUGH_EVENTS = 4


def page(series: Series, source: str) -> str:
    """The whole page.

    Args:
        series: The recording.
        source: Where it comes from: a data set's name or a file.
    """
    parts = recording.parts(series)
    count = series.train.shape[1]
    names = list(series.channels) or [f"channel_{i}" for i in range(count)]
    kinds = recording.kinds(series)
    values, commands = _shown(parts, kinds)
    title = [
        markup.element("p", "jaxtsad explore", class_="eyebrow"),
        markup.element("h1", series.name),
        markup.element("p", _subtitle(source, kinds), class_="subtitle"),
    ]
    return pages.page(
        f"{series.name}, {source}",
        markup.element("header", *title),
        markup.element("div", *_tiles(parts), class_="tiles"),
        *(
            _drawn(part, names, values, commands, kinds, number)
            for number, part in enumerate(parts)
        ),
        _events(parts),
        pages.section(
            "Distribution",
            markup.element("div", *_distributions(parts, values, names), class_="grid"),
        )
        if values
        else Safe(""),
        _statistics(series, parts, names, kinds),
        _missing(parts),
        _facts(series, parts),
    )


def _subtitle(source: str, kinds: Sequence[str]) -> str:
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    words = {"values": "with values", "command": "0/1 commands", "constant": "constant"}
    told = ", ".join(f"{number} {words[kind]}" for kind, number in counts.items())
    plural = "channel" if len(kinds) == 1 else "channels"
    return f"{source} · {len(kinds)} {plural}: {told}"


def _shown(parts: Sequence[Part], kinds: Sequence[str]) -> tuple[list[int], list[int]]:
    """Channels to draw: those that vary most, and commands by how often they are 1."""
    values = [i for i, kind in enumerate(kinds) if kind == recording.VALUES]
    if len(values) > DRAWN:
        spread = np.nanstd(_finite(parts[-1].values[:, values]), axis=0)
        kept = np.argsort(-spread, kind="stable")[:DRAWN]
        values = sorted(values[i] for i in kept)
    if not values and recording.CONSTANT in kinds:
        values = [list(kinds).index(recording.CONSTANT)]
    commands = [i for i, kind in enumerate(kinds) if kind == recording.BINARY]
    sent = {
        i: sum(int((part.values[:, i] == 1).sum()) for part in parts) for i in commands
    }
    return values, sorted(commands, key=lambda i: -sent[i])


def _finite(values: np.ndarray) -> np.ndarray:
    wide = values.astype(np.float64)
    return np.where(np.isfinite(wide), wide, np.nan)


def _tiles(parts: Sequence[Part]) -> list[Safe]:
    tiles = [
        _tile(f"{part.name}, steps", f"{len(part.values):,}", _missing_words(part))
        for part in parts
    ]
    for part in parts:
        if part.labels is None:
            continue
        lengths = [stop - start for start, stop, _ in part.events]
        below = f"{min(lengths):,} to {max(lengths):,} steps long" if lengths else ""
        tiles.append(_tile(f"events, {part.name}", f"{len(lengths):,}", below))
        share = f"{100 * float(part.labels.mean()):.2f} %"
        steps = f"{int(part.labels.sum()):,} of {len(part.labels):,} steps"
        tiles.append(_tile("labelled anomalous", share, steps))
    if all(part.labels is None for part in parts):
        tiles.append(_tile("labels", "none", ""))
    return tiles


def _tile(title: str, value: str, below: str) -> Safe:
    return markup.element(
        "div",
        markup.element("span", title, class_="name"),
        markup.element("span", value, class_="value"),
        markup.element("span", below, class_="below"),
        class_="tile",
    )


def _missing_words(part: Part) -> str:
    cells = recording.missing(part.values).cells
    return f"{cells:,} cells missing" if cells else "nothing missing"


def _drawn(
    part: Part,
    names: Sequence[str],
    values: Sequence[int],
    commands: Sequence[int],
    kinds: Sequence[str],
    number: int,
) -> Safe:
    drawing = recording_plots.lanes(part, names, values, commands)
    label = f"{part.name}: values, commands and events"
    inner = pages.figure(svg.render(drawing, label, f"part{number}"))
    box = markup.element("div", inner, class_="scroll wide")
    left_out = []
    wanted = list(kinds).count(recording.VALUES)
    if wanted > len(values):
        left_out.append(f"the {len(values)} of {wanted} channels that vary most")
    if len(commands) > recording_plots.COMMANDS:
        left_out.append(
            f"the {recording_plots.COMMANDS} most frequent of {len(commands)} commands"
        )
    note = f"Drawn: {' and '.join(left_out)}. " if left_out else ""
    note += "True events are shaded." if part.events else ""
    return pages.section(part.name.capitalize(), box, note=note)


def _events(parts: Sequence[Part]) -> Safe:
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


def _distributions(
    parts: Sequence[Part], values: Sequence[int], names: Sequence[str]
) -> list[Safe]:
    found = []
    for channel in values[:3]:
        drawing = recording_plots.distribution(parts, channel, names[channel])
        label = f"distribution of {names[channel]}"
        found.append(pages.figure(svg.render(drawing, label, f"values{channel}")))
    return found


def _statistics(
    series: Series, parts: Sequence[Part], names: Sequence[str], kinds: Sequence[str]
) -> Safe:
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


def _missing(parts: Sequence[Part]) -> Safe:
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


def _facts(series: Series, parts: Sequence[Part]) -> Safe:
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
