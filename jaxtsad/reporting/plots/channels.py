"""A recording without any score: its values in lanes, its commands, distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.reporting.plots import axes as axes_
from jaxtsad.reporting.plots import series, svg, time_axis
from jaxtsad.reporting.statistics import Part

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LANE, ROW = 0.9, 0.16
COMMANDS = 24
PIXELS = 800
BINS = 60


@svg.styled
def lanes(
    part: Part,
    names: Sequence[str],
    values: Sequence[int],
    commands: Sequence[int],
) -> Figure:
    """Values over time in lanes, events shaded, commands as bars where they are 1.

    Args:
        part: What to draw.
        names: Names of all channels.
        values: Channels drawn as lines, in order.
        commands: 0/1 channels drawn as bars, the first `COMMANDS` of them.
    """
    steps = len(part.values)
    shown = list(commands)[:COMMANDS]
    heights = [LANE] * len(values)
    if shown:
        heights.append(ROW * len(shown))
    if part.events:
        heights.append(0.17)
    heights = heights or [LANE]
    buckets = max(series.POINTS // (2 * max(len(values), 1)), 100)
    figure = svg.new_figure(axes_.PAGE_WIDTH, 0.2 * len(heights) + sum(heights) + 0.42)
    panels = time_axis.stack(figure, heights)
    pairs = [(start, stop) for start, stop, _ in part.events]
    truth = np.array(pairs, np.int64).reshape(-1, 2)
    spans = time_axis.within(truth, 0, steps, buckets)
    for axes, channel in zip(panels, values, strict=False):
        time_axis.lane(axes, part.values[:, channel], 0, buckets, names[channel])
        time_axis.shade(axes, spans, "truth")
    if shown:
        axes = panels[len(values)]
        for row, channel in enumerate(shown):
            sent = segments.segments(part.values[:, channel] == 1)
            runs = time_axis.within(sent, 0, steps, PIXELS)
            axes.broken_barh(
                [(left, right - left) for left, right in runs],
                (row + 0.14, 0.72),
                color=svg.PALETTE["found"],
                linewidth=0,
            )
        axes.set_ylim(len(shown), 0)
        labels = [svg.plain(names[channel], 12) for channel in shown]
        axes.set_yticks(np.arange(len(shown)) + 0.5, labels, fontsize=6.5)
        axes.spines[:].set_visible(False)
        time_axis.shade(axes, spans, "truth")
    if part.events:
        time_axis.ribbon(panels[-1], (truth,), (0, steps, buckets), names=("true",))
    panels[-1].xaxis.set_visible(True)
    panels[-1].tick_params(bottom=True, labelbottom=True)
    panels[-1].set_xlim(0, max(steps, 1))
    time_axis.step_ticks(panels[-1])
    return figure


@svg.styled
def distribution(parts: Sequence[Part], channel: int, name: str) -> Figure:
    """Distribution of one channel: training part, normal and anomalous test steps."""
    drawn: list[tuple[str, str, np.ndarray]] = []
    for part in parts:
        column = part.values[:, channel]
        known = np.isfinite(column)
        if part.labels is None:
            drawn.append((part.name, "validation", column[known]))
        else:
            drawn.append(("normal steps", "line", column[known & (part.labels == 0)]))
            drawn.append(
                ("anomalous steps", "truth", column[known & (part.labels > 0)])
            )
    figure, axes = axes_.panel(2)
    everything = np.concatenate([values for _, _, values in drawn])
    low, high = (
        (float(everything.min()), float(everything.max()))
        if len(everything)
        else (0.0, 1.0)
    )
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    for label, color, values in drawn:
        if len(values):
            axes.stairs(
                np.histogram(values, edges)[0] / len(values),
                edges,
                color=svg.PALETTE[color],
                label=label,
                linewidth=1.2,
            )
    axes.set(title=f"Distribution of {svg.plain(name, 24)}", xlabel="value")
    axes.set_ylabel("share of the steps")
    axes_.legend(figure, axes, columns=2)
    return figure


@svg.styled
def lengths(part: Part) -> Figure:
    """How long the true events are, in steps."""
    figure, axes = axes_.panel(1)
    steps = np.array([stop - start for start, stop, _ in part.events])
    high = int(steps.max())
    edges = np.unique(np.round(np.geomspace(1, high + 1, 16)).astype(int))
    if len(edges) < 2:
        edges = np.array([1, 2])
    axes.stairs(
        np.histogram(steps, edges)[0],
        edges,
        fill=True,
        color=svg.PALETTE["truth"],
        alpha=0.6,
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set(title="Lengths of the events", xlabel="steps", ylabel="events")
    axes.minorticks_off()
    return figure
