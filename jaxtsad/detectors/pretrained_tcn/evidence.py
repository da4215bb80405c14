"""The parts of the score of a step, said once for whole series and for streams.

Shape letters: T steps, C channels.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.detectors.pretrained_tcn import features
from jaxtsad.detectors.pretrained_tcn.column_statistics import Statistics
from jaxtsad.detectors.pretrained_tcn.config import Config
from jaxtsad.evaluation.scoring import combine
from jaxtsad.types import Array, PyTree

WIDTHS = (30, 60, 120)
"""Widths over which gated evidence is smoothed, in steps."""
WIDE_WIDTHS = (10, 30)
"""Widths over which the residual of longer windows is smoothed."""
LIMIT = 30.0
"""Deviations at which values are cut before linear maps see them."""
SMALLEST = 1e-3


class Parts(NamedTuple):
    """What a score is the mean of: a logarithm per step, and what it is of by channel.

    Attributes:
        log: By name `[T]`.
        shares: By name `[T, C]`, each channel's part of what the logarithm is of.
        exists: By name, 1 where the part exists, else 0.
    """

    log: dict[str, Array]
    shares: dict[str, Array]
    exists: dict[str, Array]


def parts(shares: dict[str, Array], count: Array) -> Parts:
    """The parts of each step.

    Args:
        shares: `evidence`, smoothed, and of several columns `wide`, of one
            `neighbours`, each `[T, C]`.
        count: How many columns are live.
    """
    several = (count > 1).astype(jnp.float32)
    exists = {"evidence": jnp.float32(1), "wide": several, "neighbours": count}
    log = {name: jnp.log(each.sum(axis=1) + SMALLEST) for name, each in shares.items()}
    return Parts(log, shares, {name: exists[name] for name in shares})


def score(model: PyTree, parts: Parts) -> Array:
    """The score of each step by channel, `[T, C]`, which sum to it."""
    number = sum(parts.exists.values())
    total = sum(
        parts.exists[name] * combine.calibrated(model["calibration"][name], each)
        for name, each in parts.log.items()
    )
    shares = sum(
        parts.exists[name] * _shares(each) for name, each in parts.shares.items()
    )
    return jax.nn.softplus(total / number)[:, None] * (shares / number)


def standardized(statistics: Statistics, values: Array) -> tuple[Array, Array]:
    """Values as linear maps see them, 0 in columns that are not live; live columns."""
    live = _live(statistics)
    return _limited(statistics, values) * live[None], live


def switches(statistics: Statistics, values: Array, live: Array) -> Array:
    """Standardized values `[T, C]` of columns of two values, 0 in others."""
    return _limited(statistics, values) * (statistics.two_valued * (1 - live))[None]


def ungated(
    statistics: Statistics,
    values: Array,
    axes: Array,
    others: Array,
    unanswered: Array,
) -> tuple[Array, Array]:
    """Evidence of magnitude and of broken relations, `[T, C]` each.

    Args:
        statistics: Of the fit part.
        values: `[T, C]`.
        axes: `[T, C]` squared residuals outside of the principal axes.
        others: `[T, C]` squared residuals given the other columns.
        unanswered: `[T, C]` squared residuals given the switches.
    """
    counts, live = magnitude(statistics), _live(statistics)
    raw = (values - statistics.mean[None]) / statistics.scale[None]
    novelty = features.outside(statistics, values)
    evidence = counts[None] * (raw**2 + 1) + novelty**2
    evidence = evidence + live[None] * axes
    broken = jnp.where(live.sum() > 1, live[None] * others, 0.0)
    return evidence, broken + live[None] * unanswered


def gated(config: Config, evidence: Array, broken: Array, logit: Array | None) -> Array:
    """Evidence `[T, C]` of both kinds as the gate weighs it; None for no gate."""
    weight = jnp.ones_like(evidence)
    if logit is not None:
        weight = jax.nn.sigmoid(logit) ** config.gate_power
    return (evidence + broken) * weight + config.ungated * broken


def magnitude(statistics: Statistics) -> Array:
    """1 for columns `[C]` whose magnitude counts: not those that take two values.

    Where all take two values, all count.
    """
    several = 1 - statistics.two_valued
    return jnp.where(several.any(), several, 1.0)


def _live(statistics: Statistics) -> Array:
    """1 for columns `[C]` whose magnitude counts and that vary in the fit part."""
    return magnitude(statistics) * (1 - statistics.constant)


def _limited(statistics: Statistics, values: Array) -> Array:
    return jnp.clip(features.standardized(statistics, values), -LIMIT, LIMIT)


def _shares(contributions: Array) -> Array:
    """Contributions `[T, C]` as shares that sum to 1; equal ones where all are 0."""
    given = contributions + 1e-12
    return given / given.sum(axis=1, keepdims=True)
