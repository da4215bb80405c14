"""All scores of one Anomaly Transformer at once, folded to steps."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.anomaly_transformer import detector as anomaly_transformer
from jaxtsad.detectors.anomaly_transformer import training as _minimax
from jaxtsad.detectors.anomaly_transformer.config import Config, Score
from jaxtsad.models.anomaly_attention import forward
from jaxtsad.ops import aggregate, windows
from jaxtsad.training import fleet, scoring
from jaxtsad.types import Array, Batch, Detector, Key, PyTree, Split

SCORES: dict[str, tuple[Score, float]] = {
    "assdis": ("assdis", 50.0),
    "assdis_3": ("assdis", 3.0),
    "reconstruction": ("reconstruction", 1.0),
    "sp_rows": ("sp_rows", 3.0),
    "sp_cols": ("sp_cols", 3.0),
}
"""Kind and temperature of each score that is an error times a weight."""
DISCREPANCY = "discrepancy"
NAMES = (*SCORES, DISCREPANCY)
WORDS = {
    "assdis": "error weighted by low discrepancy, temperature 50",
    "assdis_3": "the same at temperature 3",
    "reconstruction": "error alone",
    "sp_rows": "S+P as written down, which is the error over L",
    "sp_cols": "error weighted by the attention a step receives",
    DISCREPANCY: "exp(-discrepancy) alone, high where the discrepancy is low",
}


@functools.lru_cache(maxsize=32)
def scorer(config: Config) -> Detector:
    """The detector of a config whose score is all of `NAMES` at once, `[B, L, K]`."""
    network = _minimax.network(config)
    kinds = [
        dataclasses.replace(config, score=kind, temperature=temperature)
        for kind, temperature in SCORES.values()
    ]

    def score(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        output = forward(network, model, batch.values, associations=True)
        error = jnp.square(output.reconstruction - batch.values).mean(-1)
        found = [error * anomaly_transformer.weight(one, output) for one in kinds]
        low = jnp.exp(-output.series.mean((1, 2)))
        return jnp.stack([*found, low], axis=-1)

    return anomaly_transformer.build(config)._replace(score=score)


class Windows(NamedTuple):
    """Windows of several parts, one after another, ready to be scored.

    Attributes:
        view: Stacked for each member alike.
        size: Windows that are no padding.
        bounds: `(start, stop)` of each part's own steps.
        steps: Steps of all parts together, padding included.
    """

    view: Any
    size: int
    bounds: tuple[tuple[int, int], ...]
    steps: int


def view(
    parts: Sequence[Split],
    length: int,
    stride: int,
    members: int,
    least: Mapping[str, int] | None = None,
) -> Windows:
    """Views parts as windows; those shorter than a window are extended to the left.

    Args:
        parts: Recordings.
        length: Window length in steps.
        stride: Gap between windows.
        members: How many members see them.
        least: See `fleet.stack`.
    """
    longer = [part.map(lambda v: windows.extend(v, length)) for part in parts]
    first, bounds = 0, []
    for part, whole in zip(parts, longer, strict=True):
        first += len(whole)
        bounds.append((first - len(part), first))
    one = windows.view(longer, length, stride)
    stacked = fleet.stack([one] * members, bucketed=True, least=least)
    return Windows(stacked, one.size, tuple(bounds), stacked.values.shape[1])


def run(
    detector: Detector,
    model: PyTree,
    keys: Key,
    seen: Windows,
    batch_size: int,
    folds: Sequence[str] = ("mean",),
) -> dict[str, list[np.ndarray]]:
    """Scores all windows and folds them.

    Args:
        detector: What `scorer` gives.
        model: Models stacked `[S, ...]`.
        keys: `[S]`.
        seen: The windows.
        batch_size: Windows per call.
        folds: Ways to fold (`ops.aggregate.AGGREGATES`).

    Returns:
        By fold, scores `[S, T, K]` of each part.
    """
    found = scoring.run(
        keys,
        detector,
        model,
        seen.view,
        batch_size=batch_size,
        counts=np.full(fleet.members_of(model), seen.size),
    )
    length = seen.view.length
    by_fold = {}
    for how in folds:
        steps = [
            np.asarray(
                aggregate.aggregate(
                    one,
                    seen.view.starts[i],
                    seen.view.weight[i],
                    steps=seen.steps,
                    length=length,
                    how=how,
                )
            )
            for i, one in enumerate(found)
        ]
        table = np.stack(steps)
        by_fold[how] = [table[:, start:stop] for start, stop in seen.bounds]
    return by_fold


def sliced(model: PyTree, members: int) -> PyTree:
    """The first members of a stacked model, without those that fill a device."""
    return jax.tree.map(lambda leaf: leaf[:members], model)
