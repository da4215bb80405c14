"""Horizontal bars: a metric over entities, one step's score over channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxtsad.reporting.plots import axes as axes_
from jaxtsad.reporting.plots import svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CHANNELS = 12


@svg.styled
def entities(
    names: Sequence[str],
    values: Sequence[float],
    baseline_values: Sequence[float],
    *,
    metric: str,
    baseline: str = "random",
    width: float = axes_.PAGE_WIDTH,
) -> Figure:
    """One metric for every entity, best first, with a baseline's as a tick.

    Args:
        names: Names of the entities.
        values: The detector's metric for each; nan where it is not defined.
        baseline_values: The baseline's metric for each, nan where unknown.
        metric: Name of the metric.
        baseline: Name of the baseline.
        width: Width in inches.
    """
    measured = np.asarray(values, float)
    order = np.argsort(-np.nan_to_num(measured, nan=-1.0), kind="stable")
    ordered = [names[place] for place in order]
    figure, axes = axes_.bar_chart(ordered, measured[order], width, 1.7, 28)
    axes.plot(
        np.asarray(baseline_values, float)[order],
        np.arange(len(order)),
        linestyle="none",
        marker="|",
        markersize=9,
        markeredgewidth=1.8,
        color=svg.PALETTE["threshold"],
        label=svg.plain(baseline),
    )
    axes.set_xlim(0, 1)
    axes.grid(axis="x", color=svg.PALETTE["rule"], linewidth=0.5)
    axes.set_axisbelow(True)
    axes.set_title(f"{metric} by entity")
    figure.legend(loc="upper right")
    return figure


@svg.styled
def channels(contributions: np.ndarray, names: Sequence[str]) -> Figure:
    """The channels' parts of one step's score, largest first.

    Args:
        contributions: `[C]`.
        names: Names of the channels.
    """
    order = np.argsort(-np.abs(contributions), kind="stable")[:MOST_CHANNELS]
    ordered = [names[place] for place in order]
    width = axes_.PAGE_WIDTH
    figure, axes = axes_.bar_chart(ordered, contributions[order], width, 1.8, 24)
    axes.set_title("Part of the step's score by channel")
    return figure
