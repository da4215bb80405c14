"""Windows of small arrays for the tests of single detectors."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad import types
from jaxtsad.ops import windows
from jaxtsad.types import Array, Batch, Detector, PyTree


def fit_view(values: np.ndarray, length: int, stride: int = 1) -> windows.WindowView:
    """Windows of a fit part `[T, C]`."""
    part, _ = types.cut_train(values, window=length, validation=0)
    return windows.view(part, length, stride)


def padded(view: windows.WindowView, steps: int, count: int) -> windows.WindowView:
    """The view with steps and windows of weight 0 behind it that must not matter."""
    garbage = 1e3 + np.arange(steps * view.channels).reshape(steps, -1)
    start = view.values.shape[0] + steps - view.length
    return view.with_arrays(
        values=jnp.concatenate([view.values, garbage.astype(np.float32)]),
        starts=jnp.concatenate([view.starts, jnp.full(count, start, jnp.int32)]),
        weight=jnp.concatenate([view.weight, jnp.zeros(count)]),
        known=jnp.concatenate([view.known, jnp.zeros(count)]),
    )


def batch(values: np.ndarray, length: int) -> Batch:
    """All windows of a series `[T, C]` as one batch."""
    view = windows.view(types.cut_test(values), length, 1)
    return view.take(jnp.arange(view.size, dtype=jnp.int32))


@functools.partial(jax.jit, static_argnums=(0, 1))
def run(detector: Detector, output: str, model: PyTree, rows: Batch) -> Array:
    """A detector's `score` or `explain` of a batch, compiled."""
    keys = jax.random.split(jax.random.key(0), len(rows.values))
    return getattr(detector, output)(keys, model, rows)


@functools.partial(jax.jit, static_argnums=0)
def init(detector: Detector, view: windows.WindowView, seed: int = 0) -> PyTree:
    """The model a detector starts from, compiled."""
    return detector.init(jax.random.key(seed), view).model
