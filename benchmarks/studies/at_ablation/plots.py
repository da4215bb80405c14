"""The pictures of the ablation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from benchmarks.studies.at_ablation import scores
from jaxtsad.evaluation.scoring import smoothing
from jaxtsad.evaluation.uncertainty import Estimate
from jaxtsad.reporting.plots import axes as axes_
from jaxtsad.reporting.plots import svg, time_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("found", "line", "score", "chance", "validation", "truth")
POINTS = 1500


@svg.styled
def intervals(
    rows: Mapping[str, Mapping[str, Estimate]], *, metric: str = "VUS-PR"
) -> Figure:
    """A mean with its interval for each row, and a second score as a tick.

    Args:
        rows: By row, estimates by score; the first is drawn with its interval.
        metric: Name of the metric.
    """
    width, room = axes_.PAGE_WIDTH, 0.2 * max(len(rows), 3)
    figure = svg.new_figure(width, room + 0.9)
    size = (1 - 2.4 / width, room / (room + 0.9))
    axes = figure.add_axes((2.2 / width, 0.4 / (room + 0.9), *size))
    for place, estimates in enumerate(rows.values()):
        for index, (name, one) in enumerate(estimates.items()):
            colour = svg.PALETTE[("score", "threshold")[min(index, 1)]]
            label = name if place == 0 else None
            if index == 0:
                axes.plot([one.low, one.high], [place, place], color=colour, lw=1.4)
            mark = "o" if index == 0 else "|"
            axes.plot(
                [one.mean], [place], mark, color=colour, ms=5 + 4 * index, label=label
            )
    axes.set_yticks(np.arange(len(rows)), [svg.plain(name, 34) for name in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.grid(axis="x", color=svg.PALETTE["rule"], linewidth=0.5)
    axes.spines[:].set_visible(False)
    axes.set_title(f"{metric}, mean over entities and 95 % interval")
    figure.legend(loc="lower right", ncols=2)
    return figure


@svg.styled
def curves(records: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Area of each score after each epoch, and its rank correlation with the error."""
    width, height = axes_.PAGE_WIDTH, 2.7
    figure = svg.new_figure(width, height)
    for panel, (key, name) in enumerate(
        (("auc_pr", "AUC-PR"), ("rank_correlation", "rank correlation with the error"))
    ):
        axes = figure.add_axes((0.06 + 0.5 * panel, 0.3, 0.42, 0.58))
        for colour, score in zip(COLOURS, scores.NAMES, strict=True):
            own = [one for one in records if one["score"] == score]
            epochs = sorted({one["epoch"] for one in own})
            means = [
                np.mean([one[key] or 0.0 for one in own if one["epoch"] == epoch])
                for epoch in epochs
            ]
            axes.plot(
                np.asarray(epochs) + 1,
                means,
                color=svg.PALETTE[colour],
                linewidth=1.4,
                linestyle="--" if score == "sp_rows" else "-",
                label=score if panel == 0 else None,
            )
        axes.grid(color=svg.PALETTE["rule"], linewidth=0.5)
        axes.set(title=f"{title}: {name}", xlabel="epoch")
        axes.set_xticks(np.arange(1, 2 + max(one["epoch"] for one in records)))
    figure.legend(loc="lower left", ncols=len(scores.NAMES))
    return figure


@svg.styled
def losses(history: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """What training and validation said of each epoch, one line per seed."""
    width, height = axes_.PAGE_WIDTH, 2.3
    figure = svg.new_figure(width, height)
    wanted = ("validation_loss", "validation_series", "loss")
    names = ("reconstruction, held out", "divergence, held out", "reconstruction, fit")
    for panel, (key, name) in enumerate(zip(wanted, names, strict=True)):
        axes = figure.add_axes((0.05 + 0.33 * panel, 0.2, 0.27, 0.64))
        for seed in sorted({one["seed"] for one in history}):
            own = [one for one in history if one["seed"] == seed and key in one]
            epochs = [one["epoch"] + 1 for one in own]
            values = [one[key] for one in own]
            axes.plot(epochs, values, color=svg.PALETTE["fit"], linewidth=1.1)
        axes.grid(color=svg.PALETTE["rule"], linewidth=0.5)
        axes.set(title=f"{title}: {name}", xlabel="epoch")
        axes.set_xticks(np.arange(1, 2 + max(one["epoch"] for one in history)))
    return figure


def gap(along: np.ndarray, first: str, second: str) -> np.ndarray:
    """How far apart two scores `[T, K]` rank each step, `[T]` in [0, 1].

    Example:
        >>> table = np.zeros((4, len(scores.NAMES)))
        >>> table[:, 0], table[:, 2] = [1, 2, 3, 4], [4, 2, 3, 1]
        >>> gap(table, "assdis", "reconstruction").tolist()
        [0.75, 0.0, 0.0, 0.75]
    """
    ranks = [
        stats.rankdata(along[:, scores.NAMES.index(name)]) / len(along)
        for name in (first, second)
    ]
    return np.abs(ranks[0] - ranks[1])


@svg.styled
def divergence(
    gaps: Mapping[str, np.ndarray],
    bounds: Sequence[tuple[str, int, int]],
    marked: tuple[int, int] | None,
) -> Figure:
    """Gaps between scores along the entities end to end.

    Args:
        gaps: `[T]` by name.
        bounds: Name, first step, and first step in the glued whole of each entity.
        marked: Steps of the glued whole to mark.
    """
    width, height = axes_.PAGE_WIDTH, 0.5 + 1.1 * len(gaps)
    figure = svg.new_figure(width, height)
    steps = len(next(iter(gaps.values())))
    for panel, (name, values) in enumerate(gaps.items()):
        low = 1 - (1.1 * (panel + 1) + 0.02) / height
        axes = figure.add_axes((0.06, low, 0.92, 0.78 / height))
        smooth = smoothing.moving_average(values, 101, centered=True)
        where, kept = time_axis.envelope(smooth, POINTS // 2)
        axes.plot(where, kept, color=svg.PALETTE["score"], linewidth=0.9)
        for index, (_, start, whole) in enumerate(bounds):
            stop = bounds[index + 1][1] if index + 1 < len(bounds) else steps
            axes.axvline(start, color=svg.PALETTE["rule"], linewidth=0.7)
            if marked:
                left = max(start, start + marked[0] - whole)
                right = min(stop, start + marked[1] - whole)
                if left < right:
                    colour = svg.PALETTE["truth"]
                    axes.axvspan(left, right, color=colour, alpha=0.15, lw=0)
        axes.set_xlim(0, steps)
        axes.set_ylim(0, max(0.05, float(smooth.max()) * 1.05))
        axes.set_title(f"{name}: gap between ranks, mean over 101 steps")
    places = [start for _, start, _ in bounds]
    axes.set_xticks(places, [name for name, _, _ in bounds], rotation=60, ha="right")
    axes.tick_params(axis="x", labelsize=6.5)
    return figure
