"""The pre-trained gates that travel with the package, and their logits of a series.

Where they come from, and what they were measured to do, is in `MODEL_CARD.md`.
"""

from __future__ import annotations

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy

from jaxtsad.detectors.pretrained_tcn import features
from jaxtsad.detectors.pretrained_tcn.network import REACH, Gate
from jaxtsad.types import Array, PyTree

PATH = pathlib.Path(__file__).with_name("weights.safetensors")


def load(path: pathlib.Path = PATH) -> PyTree:
    """Parameters of all gates, stacked `[G, ...]`, on the host."""
    return _read(path)


@functools.lru_cache(maxsize=4)
def _read(path: pathlib.Path) -> PyTree:
    tree: dict[str, dict[str, np.ndarray]] = {}
    for name, array in safetensors.numpy.load_file(path).items():
        layer, _, leaf = name.partition("/")
        tree.setdefault(layer, {})[leaf] = array
    return tree


def logits(gates: PyTree, seen: Array, length: Array | int) -> Array:
    """The mean logit of all gates, of every step and column.

    Args:
        gates: Parameters stacked `[G, ...]`.
        seen: `[T, C, F]` features.
        length: Steps that the series has; beyond the ends the first and the last
            step's features are repeated.

    Returns:
        `[T, C]`.
    """
    steps = len(seen)
    index = jnp.arange(-REACH, steps + REACH)
    index = jnp.clip(index, 0, jnp.maximum(jnp.asarray(length) - 1, 0))

    def column(number: Array) -> Array:
        line = jax.lax.dynamic_index_in_dim(seen, number, axis=1, keepdims=False)
        padded = line[index][None]

        def gated(gate: PyTree) -> Array:
            out: Array = Gate().apply({"params": gate}, padded)  # type: ignore[assignment]
            return out[0, REACH : REACH + steps]

        return jax.vmap(gated)(gates).mean(axis=0)

    assert seen.shape[-1] == features.COUNT
    return jax.lax.map(column, jnp.arange(seen.shape[1])).T
