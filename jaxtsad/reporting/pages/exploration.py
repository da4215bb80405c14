"""A recording as one interactive page: channels, true events, and tables below."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from jaxtsad import interactive
from jaxtsad.interactive import Page
from jaxtsad.reporting import html, statistics
from jaxtsad.reporting.html import Number, Safe
from jaxtsad.reporting.statistics import Part
from jaxtsad.types import Series

LISTED = 60


def page(series: Series, source: str) -> Page:
    """The whole page: the training part and after it the test part.

    Args:
        series: The recording.
        source: Where it comes from: a data set's name or a file.
    """
    parts = statistics.parts(series)
    count = series.train.shape[1]
    names = list(series.channels) or [f"channel_{i}" for i in range(count)]
    kinds = statistics.kinds(series)
    tables = [
        _parts(parts),
        _events(parts),
        _statistics(series, parts, names, kinds),
        _facts(series, parts),
    ]
    return interactive.page(
        series.name,
        np.concatenate([part.values for part in parts]),
        names,
        time=_time(series, parts),
        labels=_labels(parts),
        borders=[len(parts[0].values)] if len(parts) > 1 else [],
        above=html.element("p", _subtitle(source, kinds)),
        below=html.join(tables),
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


def _time(series: Series, parts: Sequence[Part]) -> np.ndarray | None:
    """Stamps of all steps; None where a part has none."""
    known = [series.metadata.get(f"{name}_time") for name in ("train", "test")]
    stamps = [np.asarray(one) for one in known[: len(parts)] if one is not None]
    if [len(one) for one in stamps] != [len(part.values) for part in parts]:
        return None
    return np.concatenate(stamps)


def _labels(parts: Sequence[Part]) -> np.ndarray | None:
    """Labels of all steps, 0 in a part without; None where no part has any."""
    if all(part.labels is None for part in parts):
        return None
    return np.concatenate(
        [
            np.zeros(len(part.values)) if part.labels is None else part.labels
            for part in parts
        ]
    )


def _parts(parts: Sequence[Part]) -> Safe:
    """Steps, events and missing cells of each part."""
    heads = ["part", "steps", "events", "event steps", "labeled anomalous"]
    heads += ["missing cells", "share", "steps", "channels", "longest gap, steps"]
    lines = []
    for part in parts:
        count = statistics.missing(part.values)
        lengths = [stop - start for start, stop, _ in part.events]
        line: list[object] = [part.name, len(part.values)]
        if part.labels is None:
            line += ["no labels", "", ""]
        else:
            spread = f"{min(lengths):,} to {max(lengths):,}" if lengths else ""
            line += [len(lengths), spread, Number(f"{part.labels.mean():.2%}")]
        share = Number(f"{count.cells / max(part.values.size, 1):.4%}")
        lines.append(
            [*line, count.cells, share, count.steps, count.channels, count.longest]
        )
    note = (
        "Not finite counts as missing. Detectors fill a gap with the last value before "
        "it, never with a later one."
    )
    return html.section("Parts", html.table(heads, lines), note=note)


def _events(parts: Sequence[Part]) -> Safe:
    """The true events, their lengths and what lies between them."""
    pieces: list[Safe] = []
    for part in parts:
        if not part.events:
            continue
        ends = [0, *(stop for _, stop, _ in part.events)]
        lines = [
            [start, stop - 1, stop - start, start - before, kind]
            for before, (start, stop, kind) in zip(ends, part.events, strict=False)
        ]
        heads = ["first step", "last step", "length", "normal steps before", "kind"]
        pieces += [html.element("h3", part.name), html.table(heads, lines[:LISTED])]
        if len(lines) > LISTED:
            more = f"{len(lines) - LISTED:,} more events are not listed."
            pieces.append(html.element("p", more))
    return html.details("True events by part", *pieces) if pieces else Safe("")


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
