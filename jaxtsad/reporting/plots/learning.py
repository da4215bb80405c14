"""Learning curves: what training minimised, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxtsad.reporting.plots import axes as axes_
from jaxtsad.reporting.plots import svg

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@svg.styled
def curves(history: pd.DataFrame) -> Figure:
    """Loss on fit and validation data by epoch, one line per member, and the rest.

    Args:
        history: Columns `epoch`, `entity`, `seed`, `loss`, and where known
            `validation_loss`, `scale` (multiplier of the learning rate) and further
            numbers, each of which gets a panel of its own (the first four).
    """
    known = ("epoch", "entity", "seed", "loss", "validation_loss", "scale")
    others = [name for name in history.columns if name not in known]
    if "scale" in history.columns and history["scale"].nunique() > 1:
        others.insert(0, "scale")
    others = [name for name in others if _is_number(history[name])][:4]
    columns = 1 + -(-len(others) // 2)
    figure = svg.new_figure(axes_.PAGE_WIDTH, 3.2)
    grid = figure.add_gridspec(
        2,
        columns,
        width_ratios=[1.9] + [1.0] * (columns - 1),
        left=0.55 / axes_.PAGE_WIDTH,
        right=1 - 0.15 / axes_.PAGE_WIDTH,
        bottom=0.45 / 3.2,
        top=1 - 0.28 / 3.2,
        hspace=0.62,
        wspace=0.2,
    )
    members = list(history.groupby(["entity", "seed"], sort=False))
    main = figure.add_subplot(grid[:, 0])
    lines = {"loss": ("fit", "fit"), "validation_loss": ("validation", "validation")}
    for name, (label, color) in lines.items():
        if name in history.columns and history[name].notna().any():
            _members(main, members, name, color, label)
    _finish(main, history, "loss")
    if len(main.lines) > 1:
        for handle in main.legend(loc="upper right").legend_handles:
            if handle is not None:
                handle.set_alpha(1.0)
    for place, name in enumerate(others):
        alone = place % 2 == 0 and place + 1 == len(others)
        row = slice(None) if alone else place % 2
        axes = figure.add_subplot(grid[row, 1 + place // 2])
        _members(axes, members, name, "line", None)
        _finish(axes, history, name)
        if place % 2 == 0 and not alone:
            axes.set_xlabel("")
    return figure


def _is_number(column: pd.Series) -> bool:
    return column.dtype.kind in "fiu" and bool(np.isfinite(column).any())


def _members(
    axes: Axes, members: Sequence[Any], name: str, color: str, label: str | None
) -> None:
    alone = len(members) == 1
    for order, (_, member) in enumerate(members):
        axes.plot(
            member["epoch"],
            member[name],
            color=svg.PALETTE[color],
            linewidth=1.5 if alone else 0.9,
            alpha=1.0 if alone else max(0.75 - 0.02 * len(members), 0.15),
            marker="o" if len(member) == 1 else None,
            markersize=3,
            label=label if order == 0 else None,
        )


def _finish(axes: Axes, history: pd.DataFrame, name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    columns = ["loss", "validation_loss"] if name == "loss" else [name]
    present = [column for column in columns if column in history.columns]
    values = history[present].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > 30 * values.min():
        axes_.log_scale(axes.yaxis)
    axes.set_title(svg.plain(name.replace("_", " ")))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.grid(axis="y", color=svg.PALETTE["rule"], linewidth=0.5)
    axes.spines["left"].set_visible(False)
