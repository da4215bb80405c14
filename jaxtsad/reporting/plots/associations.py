"""Pictures of what an Anomaly Transformer looks at around one step.

Shape letters: L window length, N layers, H heads, C channels, T steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxtsad.reporting.plots import axes as axes_
from jaxtsad.reporting.plots import svg, time_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 600


@svg.styled
def rows(series: np.ndarray, prior: np.ndarray, offset: int, start: int) -> Figure:
    """The step's row of both associations, a panel for each layer and head.

    Args:
        series: `[N, H, L, L]`.
        prior: `[N, H, L, L]`.
        offset: Place of the step in the window.
        start: The window's first step.
    """
    layers, heads, length = series.shape[:3]
    panel = 0.95
    height = panel * layers + 0.7
    figure = svg.new_figure(axes_.PAGE_WIDTH, height)
    steps = np.arange(length) + start
    for layer in range(layers):
        for head in range(heads):
            place = (
                0.04 + 0.95 * head / heads,
                1 - (panel * (layer + 1) + 0.12) / height,
            )
            size = (0.95 / heads - 0.012, (panel - 0.3) / height)
            axes = figure.add_axes((*place, *size))
            for name, table in (("threshold", prior), ("score", series)):
                line = table[layer, head, offset]
                axes.plot(steps, line, color=svg.PALETTE[name], linewidth=0.9)
            axes.axvline(start + offset, color=svg.PALETTE["truth"], lw=0.6)
            axes.set_yticks([])
            axes.set_ylim(bottom=0)
            axes.set_title(f"layer {layer + 1}, head {head + 1}", size=7, pad=2)
            if layer < layers - 1:
                axes.set_xticks([])
            else:
                axes.set_xticks([start, start + length - 1])
                axes.tick_params(labelsize=6.5)
    named = {"series association": "score", "prior association": "threshold"}
    _legend(figure, {**named, "the step": "truth"})
    return figure


@svg.styled
def maps(series: np.ndarray, prior: np.ndarray, offset: int) -> Figure:
    """Both associations of every layer and head, rows being the steps that look.

    Args:
        series: `[N, H, L, L]`.
        prior: `[N, H, L, L]`.
        offset: Place of the step in the window, ticked on the left.
    """
    layers, heads = series.shape[:2]
    side = min(1.15, (axes_.PAGE_WIDTH - 0.6) / heads)
    height = 2 * layers * side + 0.3
    figure = svg.new_figure(axes_.PAGE_WIDTH, height)
    for index in range(2 * layers):
        layer, table = index // 2, (series, prior)[index % 2]
        name = ("S", "P")[index % 2]
        for head in range(heads):
            place = (
                (0.5 + side * head) / axes_.PAGE_WIDTH,
                1 - (side * (index + 1) + 0.2) / height,
            )
            size = (0.9 * side / axes_.PAGE_WIDTH, 0.9 * side / height)
            axes = figure.add_axes((*place, *size))
            root = np.sqrt(table[layer, head] / table[layer, head].max())
            axes.imshow(root, cmap="Greys", aspect="auto", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([offset] if head == 0 else [], [""] * (head == 0))
            if head == 0:
                axes.set_ylabel(f"{name} {layer + 1}")
            if index == 0:
                axes.set_title(f"head {head + 1}", size=7.5, pad=3)
    return figure


@svg.styled
def score_parts(arrays: Mapping[str, np.ndarray], offset: int, start: int) -> Figure:
    """Error, weight and their product, the score, along the window.

    Args:
        arrays: `error` `[L]`, `score` `[L]`, `discrepancy` `[N, L]`, perhaps `weight`.
        offset: Place of the step in the window.
        start: The window's first step.
    """
    lanes: list[tuple[str, Any]] = [("squared error", arrays["error"])]
    lanes.append(("discrepancy, mean over layers", arrays["discrepancy"].mean(0)))
    if "weight" in arrays:
        lanes.append(("weight by low discrepancy", arrays["weight"]))
    lanes.append(("score in this window", arrays["score"]))
    height = 0.85 * len(lanes) + 0.4
    figure = svg.new_figure(axes_.PAGE_WIDTH, height)
    steps = np.arange(len(arrays["error"])) + start
    for lane, (name, values) in enumerate(lanes):
        low = 1 - (0.85 * (lane + 1)) / height
        axes = figure.add_axes((0.08, low, 0.9, 0.58 / height))
        axes.plot(steps, values, color=svg.PALETTE["score"], linewidth=1.1)
        axes.axvline(start + offset, color=svg.PALETTE["truth"], lw=0.9)
        axes.set_xlim(steps[0], steps[-1])
        axes.set_title(name, size=8, pad=2)
        axes.set_yticks([float(values.min()), float(values.max())])
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
        if lane < len(lanes) - 1:
            axes.set_xticks([])
    return figure


@svg.styled
def widths(sigma: np.ndarray, discrepancy: np.ndarray, step: int) -> Figure:
    """The prior's widths along the series, a panel per layer and a line per head.

    Args:
        sigma: `[T, N, H]` in steps.
        discrepancy: `[T, N]`.
        step: The step that is looked into.
    """
    layers, heads = sigma.shape[1:]
    height = 0.95 * (layers + 1) + 0.4
    figure = svg.new_figure(axes_.PAGE_WIDTH, height)
    for lane in range(layers + 1):
        low = 1 - (0.95 * (lane + 1)) / height
        axes = figure.add_axes((0.06, low, 0.92, 0.68 / height))
        last = lane == layers
        table = discrepancy if last else sigma[:, lane]
        for line in range(table.shape[1]):
            where, kept = time_axis.envelope(table[:, line], POINTS // 2)
            shade = 0.35 + 0.65 * line / max(table.shape[1] - 1, 1)
            color = svg.PALETTE["found" if last else "fit"]
            axes.plot(where, kept, color=color, alpha=shade, linewidth=0.8)
        axes.axvline(step, color=svg.PALETTE["truth"], lw=0.9)
        axes.set_xlim(0, max(len(table) - 1, 1))
        name = "discrepancy, a line per layer"
        if not last:
            name = f"layer {lane + 1}: width of the prior in steps, {heads} heads"
            axes.set_xticks([])
        axes.set_title(name, size=8, pad=2)
    return figure


def _legend(figure: Figure, entries: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=svg.PALETTE[color], label=name)
        for name, color in entries.items()
    ]
    figure.legend(handles=handles, loc="lower left", ncols=len(handles))
