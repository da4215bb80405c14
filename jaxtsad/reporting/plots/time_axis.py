"""Series and events on an axis of time: fewer points, the same picture.

A plot is a few hundred pixels wide and a series up to millions of steps long. What the
eye sees of it is the smallest and largest value in each pixel column, so those two
points are kept and nothing that stands out is lost; events are at least one pixel wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxtsad.evaluation import segments
from jaxtsad.reporting.plots import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def envelope(values: np.ndarray, buckets: int) -> tuple[np.ndarray, np.ndarray]:
    """Keeps the smallest and the largest value of every bucket, in their order.

    Args:
        values: `[T]` series, nan where nothing was recorded.
        buckets: How many equal stretches to cut the series into, at least 1.

    Returns:
        The steps kept, at most `2 * buckets` and increasing, and the values there.
        A series that short already is returned whole.

    Raises:
        ValueError: If `buckets` is below 1.

    Example:
        >>> values = np.zeros(1000)
        >>> values[[123, 777]] = 5.0, -3.0
        >>> steps, kept = envelope(values, 10)
        >>> len(steps) <= 20, kept.max(), kept.min(), 123 in steps, 777 in steps
        (True, np.float64(5.0), np.float64(-3.0), True, True)
    """
    if buckets < 1:
        raise ValueError(f"{buckets=} must be at least 1")
    values = np.asarray(values)
    steps = len(values)
    if steps <= 2 * buckets:
        return np.arange(steps), values
    width = -(-steps // buckets)
    rows = -(-steps // width)
    padded = np.full(rows * width, np.nan)
    padded[:steps] = values
    table = padded.reshape(rows, width)
    missing = np.isnan(table)
    first = np.arange(rows) * width
    low = first + np.where(missing, np.inf, table).argmin(axis=1)
    high = first + np.where(missing, -np.inf, table).argmax(axis=1)
    # A bucket's low and high can be the same step, and all buckets hold one at least.
    kept = np.unique(np.concatenate([low, high]))
    return kept, values[kept]


def spans(
    events: np.ndarray, steps: int, pixels: int, *, share: float = 0.0
) -> np.ndarray:
    """Snaps events to pixel columns: each is at least one wide, touching ones merge.

    Args:
        events: `[E, 2]` of `[start, stop)`, in steps, within the axis.
        steps: Length T of the axis in steps.
        pixels: Width of the axis in pixel columns.
        share: Columns of which at most this share is inside events are left out; 0
            keeps all that an event touches.

    Returns:
        `[E', 2]` floats in steps, E' at most `pixels` (events unchanged where every
        step has a pixel of its own).

    Example:
        >>> events = np.array([[10, 11], [12, 13], [900, 910]])
        >>> spans(events, 1000, 100)
        array([[ 10.,  20.],
               [900., 910.]])
        >>> spans(events, 1000, 100, share=0.5)
        array([[900., 910.]])
    """
    events = np.asarray(events, dtype=np.int64).reshape(-1, 2)
    if steps <= pixels:
        return events.astype(np.float64)
    inside = segments.flags_of(events, steps)
    edges = np.linspace(0, steps, pixels + 1)
    total = np.concatenate([np.zeros(1, int), np.cumsum(inside)])
    # A step that two columns share counts for both.
    first, last = np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int)
    covered = (total[last] - total[first]) / (last - first)
    return edges[segments.segments(covered > share)]


def within(
    events: np.ndarray | None, start: int, stop: int, pixels: int, share: float = 0.0
) -> np.ndarray:
    """Events that show between two steps, snapped to pixels.

    Args:
        events: `[E, 2]` of `[start, stop)`, or None.
        start: First step shown.
        stop: First step no longer shown.
        pixels: How many pixel columns there are.
        share: As in `spans`.

    Returns:
        `[E', 2]` floats in steps.
    """
    if events is None or not len(events):
        return np.zeros((0, 2))
    events = np.asarray(events, dtype=np.int64).reshape(-1, 2)
    events = events[(events[:, 1] > start) & (events[:, 0] < stop)]
    clipped = np.clip(events, start, stop) - start
    return spans(clipped, stop - start, pixels, share=share) + start


def ribbon(
    axes: Axes,
    rows: Sequence[np.ndarray | None],
    place: tuple[int, int, int],
    names: Sequence[str] = ("found", "true"),
) -> None:
    """Draws events as bars: pale where they touch a pixel, full where they fill it.

    Args:
        axes: Where to draw; one row of the given height each.
        rows: Flagged events and, where they are known, true ones.
        place: First step shown, first one no longer shown, pixel columns.
        names: What the rows are, `found` or `true`.
    """
    names = names[: len(rows)]
    colors = ["truth" if name == "true" else "found" for name in names]
    for row, (events, color) in enumerate(zip(rows, colors, strict=True)):
        for share, alpha in ((0.0, 0.5), (0.5, 1.0)):
            axes.broken_barh(
                [(a, b - a) for a, b in within(events, *place, share=share)],
                (row + 0.12, 0.76),
                color=svg.PALETTE[color],
                alpha=alpha,
                linewidth=0,
            )
    axes.set_ylim(0, len(rows))
    axes.set_yticks(np.arange(len(rows)) + 0.5, names, weight="bold")
    for text, color in zip(axes.get_yticklabels(), colors, strict=True):
        text.set_color(svg.PALETTE[color])
    axes.tick_params(bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)


def shade(axes: Axes, spans: np.ndarray, color: str) -> None:
    """Shades stretches over the whole height of a panel.

    Args:
        axes: Where to draw.
        spans: `[E, 2]` in steps.
        color: Name in the palette.
    """
    axes.broken_barh(
        [(left, right - left) for left, right in spans],
        (0, 1),
        transform=axes.get_xaxis_transform(),
        color=svg.PALETTE[color],
        alpha=0.16,
        linewidth=0,
        zorder=0,
    )


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
        first = panels[0] if panels else None
        panels.append(figure.add_axes((*place, *size), sharex=first))
    for axes in panels[:-1]:
        axes.xaxis.set_visible(False)
    return panels


def lane(
    axes: Axes, values: np.ndarray, start: int, buckets: int, name: object
) -> None:
    """Draws one channel from step `start` on by its envelope, its range as ticks."""
    steps, kept = envelope(values, buckets)
    axes.plot(steps + start, kept, color=svg.PALETTE["line"], linewidth=0.8)
    title(axes, svg.plain(name), "muted")
    _range_ticks(axes, kept)
    axes.spines[:].set_visible(False)


def step_ticks(axes: Axes) -> None:
    """Labels the axis of time, thousands separated."""
    axes.set_xlabel("step")
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")


def title(axes: Axes, name: str, color: str) -> None:
    """Names a panel in small letters."""
    style = {"size": 8, "weight": "normal", "color": svg.PALETTE[color]}
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
