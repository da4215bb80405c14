"""One metric over the entities of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxtsad.reporting import plots, svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@svg.styled
def entity_bars(
    names: Sequence[str],
    values: Sequence[float],
    chance: Sequence[float],
    *,
    metric: str,
    baseline: str = "random",
    width: float = plots.WIDTH,
) -> Figure:
    """One metric for every entity, best first, with a trivial detector's as a tick.

    Args:
        names: Names of the entities.
        values: The detector's metric for each; nan where it is not defined.
        chance: The trivial detector's metric for each, nan where unknown.
        metric: Name of the metric.
        baseline: Name of the trivial detector.
        width: Width in inches.
    """
    order = np.argsort(
        -np.nan_to_num(np.asarray(values, float), nan=-1.0), kind="stable"
    )
    room = 0.2 * max(len(order), 2)
    height = room + 0.7
    figure = svg.new_figure(width, height)
    size = (1 - 1.9 / width, room / height)
    axes = figure.add_axes((1.7 / width, 0.35 / height, *size))
    places = np.arange(len(order))
    axes.barh(places, np.asarray(values, float)[order], 0.62, color=svg.PALETTE["fit"])
    axes.plot(
        np.asarray(chance, float)[order],
        places,
        linestyle="none",
        marker="|",
        markersize=9,
        markeredgewidth=1.8,
        color=svg.PALETTE["threshold"],
        label=svg.plain(baseline),
    )
    axes.set_yticks(places, [svg.plain(names[place], 28) for place in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.grid(axis="x", color=svg.PALETTE["rule"], linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{metric} by entity")
    figure.legend(loc="upper right")
    return figure
