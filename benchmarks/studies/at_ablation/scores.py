"""All scores of one Anomaly Transformer at once, aggregated to steps."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors import configure
from jaxtsad.detectors.anomaly_transformer import detector as anomaly_transformer
from jaxtsad.detectors.anomaly_transformer import training
from jaxtsad.detectors.anomaly_transformer.config import Config, Score
from jaxtsad.models.anomaly_attention import forward
from jaxtsad.ops.aggregate import Aggregate
from jaxtsad.pipeline import scoring
from jaxtsad.pipeline.members import Fitted
from jaxtsad.types import Array, Batch, Detector, PyTree, Split

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
    network = training.network(config)
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


@dataclasses.dataclass(frozen=True, eq=False)
class Reader(Fitted):
    """Members whose score is another one than their detector's.

    Attributes:
        scorer: The detector of a config that gives this score.
    """

    scorer: Callable[[Config], Detector] = scorer

    @property
    def detector(self) -> Detector:
        """Scores `[B, L, K]`."""
        sizes = {"window": self.setup.window, "channels": self.layout.channels}
        options = {**self.setup.options, **sizes}
        return self.scorer(configure("anomaly_transformer", options))


def steps(
    reader: Fitted, parts: Sequence[Split], how: Aggregate = "mean"
) -> list[np.ndarray]:
    """Scores `[S, T, K]` of each part by all members.

    Args:
        reader: The members, see `Reader`.
        parts: Scaled parts.
        how: How windows become steps (`ops.aggregate.AGGREGATES`).
    """
    setup = dataclasses.replace(reader.setup, aggregate=how)
    reader = dataclasses.replace(reader, setup=setup)
    number = len(reader.members)
    return [np.stack(scoring.aggregated(reader, [part] * number)) for part in parts]
