"""A series over time: its channels, true and found events, score and threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxtsad.reporting import decimation, marks, scales, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 10.6
LANES = 6
POINTS = 7600


@svg.styled
def series(
    score: np.ndarray,
    *,
    values: np.ndarray | None = None,
    names: Sequence[str] = (),
    truth: np.ndarray | None = None,
    found: np.ndarray | None = None,
    threshold: float | None = None,
    window: tuple[int, int] | None = None,
    width: float = WIDTH,
    points: int = POINTS,
) -> Figure:
    """A series in lanes, true and found events, and the score on the same time axis.

    A long series is drawn by its envelope (`decimation.envelope`), which keeps every
    extreme, and a short event is at least one pixel wide.

    Args:
        score: `[T]`, higher is more anomalous.
        values: `[T, K]` channels to draw above the score, the first six of them.
        names: Names of the K channels.
        truth: `[E, 2]` true events `[start, stop)`, or None where unknown.
        found: `[E', 2]` found events `[start, stop)`.
        threshold: What a score must exceed to be flagged, or None.
        window: `(start, stop)` to draw a part only, in steps.
        width: Width in inches.
        points: About how many points to draw, all lanes together.
    """
    start, stop = window or (0, len(score))
    start, stop = max(start, 0), min(stop, len(score))
    lanes = 0 if values is None else min(values.shape[1], LANES)
    share = min(width / WIDTH, 1)
    buckets = max(int(points * share) // (2 * (lanes + 1)), 100)
    rows = 1 if truth is None else 2
    heights = [0.62 if lanes > 1 else 1.1] * lanes + [0.17 * rows, 1.35]
    figure = svg.new_figure(width, 0.2 * len(heights) + sum(heights) + 0.42)
    axes = stack(figure, heights)
    true_spans = marks.within(truth, start, stop, buckets)
    for place in range(lanes):
        assert values is not None
        name = names[place] if place < len(names) else f"channel {place}"
        lane(axes[place], values[start:stop, place], start, buckets, name)
        marks.shade(axes[place], true_spans, "truth")
    marks.ribbon(axes[lanes], (found, truth)[:rows], (start, stop, buckets))
    _score(axes[lanes + 1], score[start:stop], start, buckets, threshold)
    marks.shade(axes[lanes + 1], true_spans, "truth")
    axes[-1].set_xlim(start, max(stop, start + 1))
    axes[-1].set_xlabel("step")
    axes[-1].xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    return figure


def stack(figure: Figure, heights: Sequence[float]) -> list[Axes]:
    """Panels below each other, 0.2 inches apart, that share the axis of time."""
    left, right = 0.62, 0.34
    width, height = figure.get_size_inches()
    panels: list[Axes] = []
    upper = height
    for panel in heights:
        upper -= panel + 0.2
        place = (left / width, upper / height)
        size = (1 - (left + right) / width, panel / height)
        shared = panels[0] if panels else None
        panels.append(figure.add_axes((*place, *size), sharex=shared))
    for axes in panels[:-1]:
        axes.xaxis.set_visible(False)
    return panels


def lane(
    axes: Axes, values: np.ndarray, start: int, buckets: int, name: object
) -> None:
    """Draws one channel from step `start` on by its envelope, its range as ticks."""
    steps, kept = decimation.envelope(values, buckets)
    axes.plot(steps + start, kept, color=svg.PALETTE["line"], linewidth=0.8)
    _title(axes, svg.plain(name), "muted")
    _range_ticks(axes, kept)
    axes.spines[:].set_visible(False)


def _title(axes: Axes, name: str, colour: str) -> None:
    style = {"size": 8, "weight": "normal", "color": svg.PALETTE[colour]}
    axes.set_title(name, style, pad=2)


def _range_ticks(axes: Axes, values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    if not len(finite):
        axes.set_yticks([])
        return
    low, high = float(finite.min()), float(finite.max())
    ticks = [low] if low == high else [low, high]
    axes.set_yticks(ticks, [f"{tick:.3g}" for tick in ticks])
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    axes.set_ylim(low - margin, high + margin)


def _score(
    axes: Axes, score: np.ndarray, start: int, buckets: int, threshold: float | None
) -> None:
    steps, kept = decimation.envelope(score, buckets)
    axes.plot(steps + start, kept, color=svg.PALETTE["score"], linewidth=0.9)
    positive = score[np.isfinite(score)]
    if scales.log_suits(positive) and (threshold is None or threshold > 0):
        scales.log_scale(axes.yaxis)
    else:
        axes.margins(y=0.08)
    _title(axes, "score", "score")
    if threshold is not None and np.isfinite(threshold):
        if len(kept) == len(score):
            axes.fill_between(
                steps + start,
                kept,
                threshold,
                where=kept > threshold,
                interpolate=True,
                color=svg.PALETTE["found"],
                alpha=0.45,
                linewidth=0,
            )
        axes.axhline(threshold, color=svg.PALETTE["threshold"], lw=1.1, ls=(0, (4, 3)))
        axes.text(
            1.0,
            1.0,
            f"threshold {threshold:.4g}",
            color=svg.PALETTE["threshold"],
            transform=axes.transAxes,
            ha="right",
            va="bottom",
            fontsize=8,
        )
    axes.spines["left"].set_visible(False)
