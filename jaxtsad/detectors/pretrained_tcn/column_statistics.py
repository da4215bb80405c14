"""What the features need to know of the fit part, column by column.

Shape letters: C columns, W widths, N reference windows, L their steps, P lags.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.types import Array

LEVELS = (3, 5)
"""Sliding means and deviations are over 8 and 32 steps, two to these powers."""
LAGS = 16
"""Earlier values that the linear prediction sees."""
LENGTH = 24
"""Steps of the windows whose nearest reference window is looked for."""
REFERENCES = 256
"""Reference windows kept of each column."""


class Statistics(NamedTuple):
    """What the features need to know of the fit part, by column.

    Attributes:
        mean: `[C]`.
        scale: `[C]` population deviation, 1 where the column is constant.
        low: `[C]` least value.
        high: `[C]` greatest value.
        constant: `[C]` 1 where the column is constant, else 0.
        two_valued: `[C]` 1 where it takes two values.
        variety: `[C]` logarithm of how many values it takes.
        autocorrelation: `[C]` at lag 1.
        level: `[W, C]` mean of the sliding means, by width.
        level_scale: `[W, C]` their deviation.
        spread: `[W, C]` mean of the logarithm of the sliding deviations, by width.
        spread_scale: `[W, C]` its deviation.
        step_scale: `[C]` deviation of the differences of neighbouring steps.
        prediction: `[C, P]` weights of the linear prediction from earlier values.
        prediction_scale: `[C]` deviation of its error.
        references: `[C, N, L]` windows of the fit part.
        places: `[N]` int32, the steps at which they begin; far off where there is none.
        distance: `[C]` the distance that nine tenths of the fit part's windows have at
            most to their nearest reference.
    """

    mean: Array
    scale: Array
    low: Array
    high: Array
    constant: Array
    two_valued: Array
    variety: Array
    autocorrelation: Array
    level: Array
    level_scale: Array
    spread: Array
    spread_scale: Array
    step_scale: Array
    prediction: Array
    prediction_scale: Array
    references: Array
    places: Array
    distance: Array


def template(columns: int) -> Statistics:
    """The shapes of statistics."""
    shapes = {
        "level": (len(LEVELS), columns),
        "level_scale": (len(LEVELS), columns),
        "spread": (len(LEVELS), columns),
        "spread_scale": (len(LEVELS), columns),
        "prediction": (columns, LAGS),
        "references": (columns, REFERENCES, LENGTH),
        "places": (REFERENCES,),
    }
    leaves: list[Any] = [
        jax.ShapeDtypeStruct(
            shapes.get(name, (columns,)), "int32" if name == "places" else "float32"
        )
        for name in Statistics._fields
    ]
    return Statistics(*leaves)


def by_column(statistics: Statistics) -> Statistics:
    """Statistics of each column alone, with the columns as a leading axis."""
    columns = len(statistics.mean)

    def alone(name: str, leaf: Array) -> Array:
        if name == "places":
            return jnp.broadcast_to(leaf[None], (columns, *leaf.shape))
        if name.startswith(("level", "spread")):
            return leaf.T[:, :, None]
        return leaf[:, None]

    return Statistics(*(alone(*pair) for pair in statistics._asdict().items()))


def still(statistics: Statistics) -> Array:
    """Which columns `[C]` take one value in the fit part.

    While they keep it their features are `STILL`.
    """
    return (statistics.constant > 0) & (statistics.variety == 0)
