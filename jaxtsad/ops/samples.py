"""Independent samples (images, table rows) seen through the same face as windows."""

from __future__ import annotations

import jax.numpy as jnp

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

    def take(self, index: Array) -> Batch:
        """Takes the samples at `index [B]` as a batch with values `[B, ...]`."""
        return Batch(self.values[index], self.weight[index], index, self.known[index])


def view(split: Split, known: Array | None = None) -> SampleView:
    """Views a part `[N, ...]` as samples.

    Args:
        split: The part; its role travels with the view.
        known: `[N]` 1 for a known anomaly, 0 for unlabeled; None for no labels.
    """
    count = len(split)
    marks = jnp.zeros(count, jnp.float32) if known is None else jnp.asarray(known)
    return SampleView(
        split,
        values=jnp.asarray(split.values, jnp.float32),
        weight=jnp.ones(count, jnp.float32),
        known=marks.astype(jnp.float32),
    )
