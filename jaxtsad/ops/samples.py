"""Independent samples (images, table rows) seen through the same face as windows."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxtsad.types import Array, Batch, Split, View


class SampleView(View):
    """Samples on the device, taken by index.

    Attributes:
        values: `[N, ...]` float32.
        weight: `[N]` float32, 1 for a sample, 0 for padding.
        known: `[N]` float32, 1 for a known anomaly, 0 for unlabeled.
        role: What the data was cut for.
    """

    __slots__ = ("known", "values", "weight")
    ARRAYS = ("values", "weight", "known")
    values: Array
    weight: Array
    known: Array

    @property
    def size(self) -> int:
        """Number of samples N, padding included."""
        return self.weight.shape[-1]

    @property
    def steps(self) -> int:
        """The same: there is one entry for each."""
        return self.size

    @property
    def cells(self) -> int:
        """Number of values."""
        return int(self.values.size)

    def take(self, index: Array) -> Batch:
        """Takes the samples at `index [B]` as a batch with values `[B, ...]`."""
        arrays = (self.values, self.weight, self.known)
        values, weight, known = (jnp.asarray(array)[index] for array in arrays)
        return Batch(values, weight, index, known)


def view(split: Split, known: np.ndarray | None = None) -> SampleView:
    """Views a part `[N, ...]` as samples.

    Args:
        split: The part; its role travels with the view.
        known: `[N]` 1 for a known anomaly, 0 for unlabeled; None for no labels.
    """
    count = len(split)
    marks = np.zeros(count) if known is None else np.asarray(known)
    return SampleView(
        split,
        values=np.asarray(split.values, np.float32),
        weight=np.ones(count, np.float32),
        known=marks.astype(np.float32),
    )
