"""A series over time: its channels, true and flagged events, score and threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxtsad.reporting.plots import axes as axes_
from jaxtsad.reporting.plots import svg, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LANES = 6
POINTS = 7600


@svg.styled
def series(
    score: np.ndarray,
    *,
    values: np.ndarray | None = None,
    names: Sequence[str] = (),
    true_events: np.ndarray | None = None,
    flagged: np.ndarray | None = None,
    threshold: float | None = None,
    window: tuple[int, int] | None = None,
    width: float = axes_.PAGE_WIDTH,
    points: int = POINTS,
) -> Figure:
    """A series in lanes, true and flagged events, and the score on the same time axis.

    A long series is drawn by its envelope (`time_axis.envelope`), which keeps every
    extreme, and a short event is at least one pixel wide.

    Args:
        score: `[T]`, higher is more anomalous.
        values: `[T, K]` channels to draw above the score, the first six of them.
        names: Names of the K channels.
        true_events: `[E, 2]` `[start, stop)`, or None where unknown.
        flagged: `[E', 2]` flagged events `[start, stop)`.
        threshold: What a score must exceed to be flagged, or None.
        window: `(start, stop)` to draw a part only, in steps.
        width: Width in inches.
        points: About how many points to draw, all lanes together.
    """
    start, stop = window or (0, len(score))
    start, stop = max(start, 0), min(stop, len(score))
    lanes = 0 if values is None else min(values.shape[1], LANES)
    share = min(width / axes_.PAGE_WIDTH, 1)
    buckets = max(int(points * share) // (2 * (lanes + 1)), 100)
    rows = 1 if true_events is None else 2
    heights = [0.62 if lanes > 1 else 1.1] * lanes + [0.17 * rows, 1.35]
    figure = svg.new_figure(width, 0.2 * len(heights) + sum(heights) + 0.42)
    axes = time_axis.stack(figure, heights)
    true_spans = time_axis.within(true_events, start, stop, buckets)
    for place in range(lanes):
        assert values is not None
        name = names[place] if place < len(names) else f"channel {place}"
        time_axis.lane(axes[place], values[start:stop, place], start, buckets, name)
        time_axis.shade(axes[place], true_spans, "truth")
    time_axis.ribbon(axes[lanes], (flagged, true_events)[:rows], (start, stop, buckets))
    _score(axes[lanes + 1], score[start:stop], start, buckets, threshold)
    time_axis.shade(axes[lanes + 1], true_spans, "truth")
    axes[-1].set_xlim(start, max(stop, start + 1))
    time_axis.step_ticks(axes[-1])
    return figure


def _score(
    axes: Axes, score: np.ndarray, start: int, buckets: int, threshold: float | None
) -> None:
    steps, kept = time_axis.envelope(score, buckets)
    axes.plot(steps + start, kept, color=svg.PALETTE["score"], linewidth=0.9)
    positive = score[np.isfinite(score)]
    if axes_.log_suits(positive) and (threshold is None or threshold > 0):
        axes_.log_scale(axes.yaxis)
    else:
        axes.margins(y=0.08)
    time_axis.title(axes, "score", "score")
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
