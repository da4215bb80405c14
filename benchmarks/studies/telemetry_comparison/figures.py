"""The figures of the comparison: mean curves, confusion, a metric by channel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.studies.telemetry_comparison.advice import Table
from jaxtsad.evaluation.metrics import point
from jaxtsad.experiments.judge import Judged
from jaxtsad.reporting import html
from jaxtsad.reporting.html import Safe
from jaxtsad.reporting.plots import bars, curves, distributions
from jaxtsad.reporting.plots.curves import Curve

GRID = np.linspace(0.0, 1.0, 301)
BAR_WIDTH = 5.0


def mean_curves(
    judged: Sequence[Judged], models: Sequence[str], beside: Sequence[str]
) -> tuple[list[Curve], list[Curve]]:
    """ROC and precision-recall curves, averaged over channels at equal abscissae.

    Args:
        judged: Scored windows of every row and channel.
        models: Rows drawn in colour.
        beside: Rows drawn in grey.

    Returns:
        The ROC curves and the precision-recall curves; the areas are macro means.
    """
    rocs, recalls = [], []
    for name in (*models, *beside):
        known = [
            (one.scored.label, one.scored.score)
            for one in judged
            if one.scored.detector == name and one.scored.label is not None
        ]
        rates, precisions, areas = [], [], []
        for label, score in known:
            x, y = curves.roc_points(label, score)
            rates.append(np.interp(GRID, x, y))
            recall, precision = curves.precision_recall_points(label, score)
            # Precision holds up to its recall, so it is not to be interpolated.
            where = np.searchsorted(recall, GRID, side="left")
            precisions.append(precision[np.minimum(where, len(precision) - 1)])
            areas.append((point.auc_roc(label, score), point.auc_pr(label, score)))
        area = np.mean(areas, axis=0)
        main = name in models
        rocs.append(Curve(name, GRID, np.mean(rates, axis=0), float(area[0]), main))
        recalls.append(
            Curve(name, GRID, np.mean(precisions, axis=0), float(area[1]), main)
        )
    return rocs, recalls


def curve_figures(
    judged: Sequence[Judged], models: Sequence[str], beside: Sequence[str]
) -> list[Safe]:
    """The two mean curves as figures."""
    rocs, recalls = mean_curves(judged, models, beside)
    prevalence = np.mean(
        [
            one.scored.label.mean()
            for one in judged
            if one.scored.detector == models[0] and one.scored.label is not None
        ]
    )
    drawn = (
        ("mean ROC over channels", curves.roc(rocs)),
        (
            "mean precision-recall over channels",
            curves.precision_recall(recalls, float(prevalence)),
        ),
    )
    return [
        html.figure(figure, label, f"curve{place}")
        for place, (label, figure) in enumerate(drawn)
    ]


def confusions(judged: Sequence[Judged], models: Sequence[str]) -> list[Safe]:
    """Counts of windows by label and flag, of all channels and seeds together."""
    found = []
    for place, name in enumerate(models):
        own = [one for one in judged if one.scored.detector == name]
        labels = [one.scored.label for one in own if one.scored.label is not None]
        counts = point.confusion(
            np.concatenate(labels), np.concatenate([one.flags for one in own])
        )
        drawing = distributions.confusion(counts)
        label, prefix = f"confusion of {name}", f"confusion{place}"
        found.append(html.figure(drawing, label, prefix, caption=name))
    return found


def channel_bars(
    found: Table, models: Sequence[str], beside: str, title: str
) -> list[Safe]:
    """A metric of each model by channel, with a trivial row's as a tick."""
    drawn = []
    for place, name in enumerate(models):
        channels = list(found.values[name])
        figure = bars.entities(
            channels,
            [found.values[name][one] for one in channels],
            [found.values.get(beside, {}).get(one, math.nan) for one in channels],
            metric=f"{title} of {name}",
            baseline=beside,
            width=BAR_WIDTH,
        )
        label = f"{title} of {name} by channel"
        drawn.append(html.figure(figure, label, f"bars{place}"))
    return drawn
