"""Curves of how well a score separates the labels, trivial detectors beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jaxtsad.reporting import curves, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.3
_MAIN = ("score", "found", "validation", "truth", "line")
_GREYS = ((0, ()), (0, (4, 2)), (0, (1, 1.5)), (0, (4, 2, 1, 2)), (0, (7, 2)))


class Curve(NamedTuple):
    """One detector's line in a plot.

    Attributes:
        name: Name of the detector.
        x: `[P]` abscissae.
        y: `[P]` ordinates.
        area: The number shown beside the name; nan shows none.
        main: Whether the run is about this detector rather than a trivial one.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    area: float
    main: bool


def _draw(axes: Axes, lines: Sequence[Curve], steps: bool = False) -> None:
    trivial = main = 0
    for line in sorted(lines, key=lambda line: line.main):
        dashes = _GREYS[0] if line.main else _GREYS[trivial % len(_GREYS)]
        colour = _MAIN[main % len(_MAIN)] if line.main else "chance"
        trivial, main = trivial + (not line.main), main + line.main
        area = "" if np.isnan(line.area) else f"  {line.area:.3f}"
        axes.plot(
            line.x,
            line.y,
            color=svg.PALETTE[colour],
            linewidth=1.7 if line.main else 1.0,
            linestyle=dashes,
            drawstyle="steps-pre" if steps else "default",
            label=svg.plain(line.name, 24) + area,
        )
    axes.grid(color=svg.PALETTE["rule"], linewidth=0.5)
    axes.set_ylim(-0.02, 1.02)


def panel(rows: int) -> tuple[Figure, Axes]:
    """A small figure with room for so many lines of a legend below.

    Places are fixed: a layout engine would measure every label first, which takes
    longer than drawing, and neighbours would not line up.
    """
    below = 0.52 + 0.17 * rows
    height = 2.5 + below
    figure = svg.new_figure(WIDTH, height)
    size = (1 - 0.66 / WIDTH, (2.5 - 0.3) / height)
    return figure, figure.add_axes((0.52 / WIDTH, below / height, *size))


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
        bbox_to_anchor=(0.4 / WIDTH, 0.0),
        fontsize=8,
        ncols=columns,
        handlelength=2.2,
        labelspacing=0.35,
        borderpad=0.1,
    )


@svg.styled
def roc(lines: Sequence[Curve]) -> Figure:
    """ROC curves with the diagonal that a random score follows.

    Args:
        lines: False against true positive rate, with AUC-ROC as the area.
    """
    figure, axes = panel(len(lines) + 1)
    chance = svg.PALETTE["threshold"]
    axes.plot([0, 1], [0, 1], color=chance, lw=0.9, ls=":", label="chance  0.500")
    _draw(axes, [line._replace(x=x, y=y) for line, x, y in _thinned(lines)])
    axes.set_xlim(-0.02, 1.02)
    axes.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
    legend(figure, axes, backwards=True)
    return figure


@svg.styled
def precision_recall(lines: Sequence[Curve], prevalence: float) -> Figure:
    """Precision against recall, with the share of anomalous steps as chance level.

    Args:
        lines: Recall against precision, with AUC-PR as the area.
        prevalence: Share of anomalous steps: the precision of a random score.
    """
    figure, axes = panel(len(lines) + 1)
    label = f"chance  {prevalence:.3f}"
    chance = svg.PALETTE["threshold"]
    axes.axhline(prevalence, color=chance, linewidth=0.9, ls=":", label=label)
    drawn = [line._replace(x=x, y=y) for line, x, y in _thinned(lines)]
    _draw(axes, drawn, steps=True)
    axes.set_xlim(-0.02, 1.02)
    axes.set(title="Precision-recall", xlabel="recall", ylabel="precision")
    legend(figure, axes, backwards=True)
    return figure


def _thinned(
    lines: Sequence[Curve],
) -> list[tuple[Curve, np.ndarray, np.ndarray]]:
    return [(line, *curves.thin(line.x, line.y)) for line in lines]


@svg.styled
def adjustment(
    lines: Sequence[Curve], percents: np.ndarray, chance: np.ndarray
) -> Figure:
    """F1 after PA%K at the fitted threshold: from point adjustment to plain F1.

    Args:
        lines: K in percent against F1; the area is the mean over K.
        percents: `[K]` values of K in percent.
        chance: `[K]` F1 of random flags, as many as the run's detector set.
    """
    figure, axes = panel(len(lines) + 1)
    axes.plot(
        percents,
        chance,
        color=svg.PALETTE["threshold"],
        linewidth=0.9,
        linestyle=":",
        label=f"random flags  {np.trapezoid(chance, percents / 100):.3f}",
    )
    _draw(axes, lines)
    axes.set(title="F1 under PA%K", xlabel="K: 0 adjusted, 100 plain", ylabel="F1")
    axes.set_xticks([0, 20, 40, 60, 80, 100])
    legend(figure, axes, backwards=True)
    return figure
