"""A recording as one page: values, commands, labels, statistics, what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxtsad.reporting import (
    exploration_tables,
    markup,
    recording,
    recording_plots,
    svg,
)
from jaxtsad.reporting import page as pages
from jaxtsad.reporting.markup import Safe
from jaxtsad.reporting.recording import Part
from jaxtsad.types import Series

DRAWN = 6


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
        exploration_tables.events(parts),
        pages.section(
            "Distribution",
            markup.element("div", *_distributions(parts, values, names), class_="grid"),
        )
        if values
        else Safe(""),
        exploration_tables.statistics(series, parts, names, kinds),
        exploration_tables.missing(parts),
        exploration_tables.facts(series, parts),
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
        markup.tile(
            f"{part.name}, steps", f"{len(part.values):,}", _missing_words(part)
        )
        for part in parts
    ]
    for part in parts:
        if part.labels is None:
            continue
        lengths = [stop - start for start, stop, _ in part.events]
        below = f"{min(lengths):,} to {max(lengths):,} steps long" if lengths else ""
        tiles.append(markup.tile(f"events, {part.name}", f"{len(lengths):,}", below))
        share = f"{100 * float(part.labels.mean()):.2f} %"
        steps = f"{int(part.labels.sum()):,} of {len(part.labels):,} steps"
        tiles.append(markup.tile("labelled anomalous", share, steps))
    if all(part.labels is None for part in parts):
        tiles.append(markup.tile("labels", "none", ""))
    return tiles


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


def _distributions(
    parts: Sequence[Part], values: Sequence[int], names: Sequence[str]
) -> list[Safe]:
    found = []
    for channel in values[:3]:
        drawing = recording_plots.distribution(parts, channel, names[channel])
        label = f"distribution of {names[channel]}"
        found.append(pages.figure(svg.render(drawing, label, f"values{channel}")))
    return found
