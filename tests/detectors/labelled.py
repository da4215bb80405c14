"""A table with anomalies, half of them known, and a rare kind of normal rows."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.ops import samples
from jaxtsad.training import fit, fleet
from jaxtsad.training.plan import Plan
from jaxtsad.types import Batch, Detector, PyTree, cut_train

WIDTH = 4


def draw(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels: a ball, rare rows high in column 0, anomalies in column 1."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, WIDTH)).astype(np.float32)
    kind = rng.choice(3, count, p=[0.85, 0.05, 0.1])
    rows[kind == 1, 0] += 6
    rows[kind == 2, 1] += 4
    return rows, (kind == 2).astype(int)


ROWS, TRUE = draw(0, 600)
# Half of the anomalies are known, the others hidden among the unlabelled rows.
KNOWN = (TRUE * (np.arange(len(TRUE)) % 2)).astype(np.float32)


def source(known: np.ndarray) -> samples.SampleView:
    """The table as a view."""
    part, _ = cut_train(ROWS, window=1, validation=0)
    return samples.view(part, jnp.asarray(known))


def train(detector: Detector, known: np.ndarray, epochs: int) -> PyTree:
    """A model of the table."""
    result = fit.fit(
        jax.random.key(0)[None],
        detector,
        fleet.stack([source(known)]),
        plan=Plan(epochs=epochs, stop="none"),
    )
    return fleet.member(result.model, 0)


def score(detector: Detector, model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of rows that were not trained on."""
    rows, labels = draw(1, 500)
    count = len(rows)
    batch = Batch(
        jnp.asarray(rows), jnp.ones(count), jnp.arange(count), jnp.zeros(count)
    )
    keys = jax.random.split(jax.random.key(1), count)
    return labels, np.asarray(jax.jit(detector.score)(keys, model, batch))
