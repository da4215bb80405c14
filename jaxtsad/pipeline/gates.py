"""The pre-trained gate of score heads, on the series' own columns.

Whatever the detector, the gate of `detectors.pretrained_tcn` says of each step of each
column how likely it is anomalous, from the column itself. It is fitted to nothing but
statistics of the scaled fit part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.pretrained_tcn import (
    column_statistics,
    features,
    network,
    weights,
)
from jaxtsad.detectors.pretrained_tcn.column_statistics import Statistics
from jaxtsad.ops.windows import ALIGNED
from jaxtsad.pipeline.parts import Part
from jaxtsad.training import arrays
from jaxtsad.types import Array

REACH = network.REACH + max(features.BEFORE, features.AFTER, column_statistics.LENGTH)
"""Steps before and after a step on which its logit depends."""
CELLS = 2**20
"""Values that the gate sees at a time."""


def fit(groups: Sequence[Sequence[Part]], members: str) -> Statistics:
    """Statistics of each member's fit parts, stacked `[M, ...]`.

    Nothing is compared across a break, and known anomalies do not count.
    """
    items = []
    for parts in groups:
        counted = []
        for part in parts:
            counts = ~part.known
            counts[[stop - 1 for _, stop in part.fit.pieces[:-1]]] = False
            # The last step parts this series from the next.
            counts[-1] &= part is parts[-1]
            counted.append(counts.astype(np.float32))
        values = np.concatenate([part.fit.values for part in parts])
        items.append((values, np.concatenate(counted)))
    made = arrays.run(_fit, (), items, (), members, "once")
    statistics: Statistics = jax.tree.map(lambda *leaves: np.stack(leaves), *made)
    return statistics


def _fit(values: Array, length: Array, counted: Array, _: Array) -> Statistics:
    del length  # Padding does not count.
    return features.fit(values, counted)


def logits(
    statistics: Statistics, values: Sequence[np.ndarray], members: str
) -> list[np.ndarray]:
    """Logits `[T, C]` of scaled values, one series for each of the statistics.

    Long ones go in pieces, whose logits are those of the whole.
    """
    most = max(CELLS // values[0].shape[1], 8 * REACH)
    most = 1 << (most.bit_length() - 1)
    joined: list[list[np.ndarray]] = [[] for _ in values]
    begin, left = 0, list(range(len(values)))
    while left:
        start = max(0, begin - REACH) // ALIGNED * ALIGNED
        stop = start + most
        pieces = [values[i][start:stop] for i in left]
        given = arrays.chosen(statistics, left)
        items = [(piece,) for piece in pieces]
        made = arrays.run(logits_of_piece, (), items, (given,), members, "often")
        for i, piece, each in zip(left, pieces, made, strict=True):
            last = len(piece) if len(values[i]) <= stop else len(piece) - REACH
            joined[i].append(each[begin - start : last])
        begin, left = stop - REACH, [i for i in left if len(values[i]) > stop]
    return [np.concatenate(some) for some in joined]


def logits_of_piece(statistics: Statistics, values: Array, length: Array) -> Array:
    """Logits `[T, C]` of the first `length` steps of scaled values, of one member."""
    seen = features.features(statistics, values, length)
    gates = jax.tree.map(jnp.asarray, weights.load())
    return weights.logits(gates, seen, length)


def template(channels: int, members: int) -> Any:
    """Shapes of what `fit` gives."""
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((members, *leaf.shape), leaf.dtype),
        column_statistics.template(channels),
    )
