"""Events on an axis of time: bars in a ribbon, shaded stretches behind a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxtsad.reporting import decimation, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def within(
    events: np.ndarray | None, start: int, stop: int, pixels: int, share: float = 0.0
) -> np.ndarray:
    """Events that show between two steps, snapped to pixels.

    Args:
        events: `[E, 2]` of `[start, stop)`, or None.
        start: First step shown.
        stop: First step no longer shown.
        pixels: How many pixel columns there are.
        share: As in `decimation.spans`.

    Returns:
        `[E', 2]` floats in steps.
    """
    if events is None or not len(events):
        return np.zeros((0, 2))
    events = np.asarray(events, dtype=np.int64).reshape(-1, 2)
    events = events[(events[:, 1] > start) & (events[:, 0] < stop)]
    clipped = np.clip(events, start, stop) - start
    return decimation.spans(clipped, stop - start, pixels, share=share) + start


def ribbon(
    axes: Axes,
    rows: Sequence[np.ndarray | None],
    place: tuple[int, int, int],
    names: Sequence[str] = ("found", "true"),
) -> None:
    """Draws events as bars: pale where they touch a pixel, full where they fill it.

    Args:
        axes: Where to draw; one row of the given height each.
        rows: Found events and, where they are known, true ones.
        place: First step shown, first one no longer shown, pixel columns.
        names: What the rows are, `found` or `true`.
    """
    names = names[: len(rows)]
    colours = ["truth" if name == "true" else "found" for name in names]
    for row, (events, colour) in enumerate(zip(rows, colours, strict=True)):
        for share, alpha in ((0.0, 0.5), (0.5, 1.0)):
            axes.broken_barh(
                [(a, b - a) for a, b in within(events, *place, share=share)],
                (row + 0.12, 0.76),
                color=svg.PALETTE[colour],
                alpha=alpha,
                linewidth=0,
            )
    axes.set_ylim(0, len(rows))
    axes.set_yticks(np.arange(len(rows)) + 0.5, names, weight="bold")
    for text, colour in zip(axes.get_yticklabels(), colours, strict=True):
        text.set_color(svg.PALETTE[colour])
    axes.tick_params(bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)


def shade(axes: Axes, spans: np.ndarray, colour: str) -> None:
    """Shades stretches over the whole height of a panel.

    Args:
        axes: Where to draw.
        spans: `[E, 2]` in steps.
        colour: Name in the palette.
    """
    axes.broken_barh(
        [(left, right - left) for left, right in spans],
        (0, 1),
        transform=axes.get_xaxis_transform(),
        color=svg.PALETTE[colour],
        alpha=0.16,
        linewidth=0,
        zorder=0,
    )
