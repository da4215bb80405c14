"""One member alone on several devices: each takes its share of every batch's rows.

The devices may be those of several hosts (`fleet.on_hosts`).

The program runs on every device alike; only functions wrapped by `split_rows`
split: the network, which takes most of the time. Losses, noise and the optimizer see
whole batches, so any objective keeps its meaning. Results differ from those of one
device by the order of sums alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from jaxtsad.training.fleet import ROWS
from jaxtsad.types import PyTree

Network: TypeAlias = Callable[..., PyTree]


def split_rows(network: Network) -> Network:
    """Splits the rows of a network among the devices that run a program alike.

    Elsewhere the network runs whole. Rows that are no multiple of the devices are
    filled up with copies of the first one.

    Args:
        network: `(params, *arrays [B, ...]) -> arrays [B, ...]`, every row by itself.

    Returns:
        The same function; its gradients are summed over the devices.
    """

    @jax.custom_vjp
    def split(params: PyTree, *arrays: Any) -> PyTree:
        return _gathered(network(params, *_local_rows(arrays)))

    def forward(params: PyTree, *arrays: Any) -> tuple[PyTree, Any]:
        made, pull = jax.vjp(network, params, *_local_rows(arrays))
        return _gathered(made), pull

    def backward(pull: Any, cotangents: PyTree) -> tuple:
        d_params, *d_arrays = pull(_local_rows(cotangents))
        return jax.lax.psum(d_params, ROWS), *_gathered(tuple(d_arrays))

    split.defvjp(forward, backward)

    def run(params: PyTree, *arrays: Any) -> PyTree:
        devices, rows = _sharing_devices(), len(arrays[0])
        if devices == 1:
            return network(params, *arrays)
        missing = -rows % devices
        if not missing:
            return split(params, *arrays)
        longer = [jnp.concatenate([a, jnp.repeat(a[:1], missing, 0)]) for a in arrays]
        return jax.tree.map(lambda made: made[:rows], split(params, *longer))

    return run


def _sharing_devices() -> int:
    """Devices that run the surrounding program alike."""
    try:
        return int(jax.lax.psum(1, ROWS))
    except NameError:  # no such axis around
        return 1


def _local_rows(arrays: PyTree) -> PyTree:
    """This device's rows."""
    index, devices = jax.lax.axis_index(ROWS), _sharing_devices()

    def local(array: Any) -> Any:
        rows = len(array) // devices
        return jax.lax.dynamic_slice_in_dim(array, index * rows, rows)

    return jax.tree.map(local, arrays)


def _gathered(arrays: PyTree) -> PyTree:
    """The rows of all devices; in one go, as waiting for each other is what costs."""
    leaves, structure = jax.tree.flatten(arrays)
    rows = len(leaves[0])
    flat = [leaf.reshape(rows, -1) for leaf in leaves]
    ends = list(itertools.accumulate(leaf.shape[1] for leaf in flat))
    joined = jax.lax.all_gather(jnp.concatenate(flat, axis=1), ROWS, tiled=True)
    parts = jnp.split(joined, ends[:-1], axis=1)
    shaped = [
        part.reshape(-1, *leaf.shape[1:])
        for part, leaf in zip(parts, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, shaped)
