"""What the report's plots share: their sizes, legends, logarithmic axes and bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxtsad.reporting.plots import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE_WIDTH = 10.6
PANEL_WIDTH = 3.3


def panel(legend_rows: int) -> tuple[Figure, Axes]:
    """A small figure with space for so many lines of a legend below.

    Places are fixed: a layout engine would measure every label first, which takes
    longer than drawing, and neighbors would not line up.
    """
    below = 0.52 + 0.17 * legend_rows
    height = 2.5 + below
    figure = svg.new_figure(PANEL_WIDTH, height)
    size = (1 - 0.66 / PANEL_WIDTH, (2.5 - 0.3) / height)
    return figure, figure.add_axes((0.52 / PANEL_WIDTH, below / height, *size))


def legend(
    figure: Figure, axes: Axes, columns: int = 1, backwards: bool = False
) -> None:
    """Names the lines below the axes, the last drawn first if `backwards`."""
    handles, labels = axes.get_legend_handles_labels()
    step = -1 if backwards else 1
    figure.legend(
        handles[::step],
        labels[::step],
        loc="lower left",
        bbox_to_anchor=(0.4 / PANEL_WIDTH, 0.0),
        fontsize=8,
        ncols=columns,
        handlelength=2.2,
        labelspacing=0.35,
        borderpad=0.1,
    )


def log_suits(values: np.ndarray) -> bool:
    """Whether positive values range so far that a linear axis would hide most.

    Example:
        >>> log_suits(np.array([1e-4, 1e-4, 2e-4, 1.0])), log_suits(np.arange(9.0))
        (True, False)
    """
    if not len(values) or values.min() <= 0:
        return False
    return bool(values.max() > 100 * np.median(values))


def log_scale(axis: Any) -> None:
    """Makes a matplotlib axis logarithmic, its labels free of mathematical type."""
    from matplotlib.ticker import NullFormatter

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def bar_chart(
    names: Sequence[str], values: np.ndarray, width: float, left: float, longest: int
) -> tuple[Figure, Axes]:
    """Horizontal bars in the order given, the first on top.

    Args:
        names: What each bar is called.
        values: `[N]` lengths.
        width: Width of the figure in inches.
        left: Width of the names in inches.
        longest: Letters of a name at most.
    """
    height = 0.2 * max(len(names), 2)
    figure = svg.new_figure(width, height + 0.7)
    size = (1 - (left + 0.2) / width, height / (height + 0.7))
    axes = figure.add_axes((left / width, 0.35 / (height + 0.7), *size))
    places = np.arange(len(names))
    axes.barh(places, values, 0.62, color=svg.PALETTE["fit"])
    axes.set_yticks(places, [svg.plain(name, longest) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines[:].set_visible(False)
    return figure, axes
