"""Features and labels of synthetic columns, to train gates on and to judge them by."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.datasets.synthetic import columns
from jaxtsad.datasets.synthetic.columns import ColumnOptions, Columns
from jaxtsad.detectors.pretrained_tcn import features

COLUMNS = 32
"""Columns that are made together and share the length of their training part."""


class Material(NamedTuple):
    """Columns as the gate sees them.

    Attributes:
        features: `[N, T, F]` float16.
        labels: `[N, T]` bool.
        train_steps: `[N]` steps of each training part.
    """

    features: np.ndarray
    labels: np.ndarray
    train_steps: np.ndarray


def of_columns(
    seed: int,
    batches: int,
    options: ColumnOptions,
    say: Callable[[str], None] = lambda text: None,
) -> Material:
    """Makes batches of columns and their features.

    Args:
        seed: Seed of the columns.
        batches: Number of batches of `COLUMNS` columns.
        options: How they are made.
        say: Told how far it is, now and then.
    """
    shape = (batches * COLUMNS, options.steps)
    seen = np.empty((*shape, features.COUNT), np.float16)
    labels = np.empty(shape, bool)
    train_steps = np.empty(shape[0], np.int64)
    for batch in range(batches):
        made = columns.make_columns(seed, batch=batch, columns=COLUMNS, options=options)
        rows = slice(batch * COLUMNS, (batch + 1) * COLUMNS)
        seen[rows] = see(made).transpose(1, 0, 2)
        labels[rows] = made.labels.T
        train_steps[rows] = made.train_steps
        if batch % 25 == 24:
            say(f"{batch + 1} of {batches} batches of columns")
    return Material(seen, labels, train_steps)


def see(made: Columns) -> np.ndarray:
    """Features `[T, C, F]` of columns, relative to their training part."""
    steps, width = made.values.shape
    values = padded(made.values.astype(np.float32))
    found = _see(values, np.int32(made.train_steps), np.int32(steps))
    return np.asarray(found)[:steps, :width]


def padded(values: np.ndarray) -> np.ndarray:
    """Values `[T, C, ...]` with their last step and column repeated.

    T becomes a power of two and C a multiple of 32, so that few programs are compiled.
    """
    steps, width = values.shape[:2]
    more = [(0, (1 << (steps - 1).bit_length()) - steps), (0, -width % COLUMNS)]
    return np.pad(values, more + [(0, 0)] * (values.ndim - 2), mode="edge")


@jax.jit
def _see(values: jax.Array, train_steps: jax.Array, length: jax.Array) -> jax.Array:
    counted = (jnp.arange(len(values)) < train_steps).astype(values.dtype)
    return features.features(features.fit(values, counted), values, length)
