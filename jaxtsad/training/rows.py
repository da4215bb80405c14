"""One member alone on several devices: each takes its share of every batch's rows.

The program runs on every device alike; only functions wrapped by `shared` split. What
they are told of is the network, the dear part; losses, noise and the optimiser see
whole batches, so any objective keeps its meaning. Results differ from those of one
device by the order of sums alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxtsad.types import PyTree

AXIS = "rows"
LEAST = 16
"""Rows of a batch below which another core does not pay."""

Network: TypeAlias = Callable[..., PyTree]


def devices_for(rows: int) -> int:
    """How many CPU devices share batches of `rows`: a divisor, each with enough.

    Other backends share none: a batch that small is faster on one of their devices.
    """
    if jax.default_backend() != "cpu":
        return 1
    most = max(1, min(jax.device_count(), rows // LEAST))
    return next(count for count in range(most, 0, -1) if rows % count == 0)


def place(tree: PyTree, devices: int) -> PyTree:
    """Puts a copy of everything on each device."""
    return jax.device_put(tree, NamedSharding(_mesh(devices), PartitionSpec()))


def alike(function: Callable[..., Any], devices: int) -> Callable[..., Any]:
    """Runs a function on every device with the same arguments."""
    spec = PartitionSpec()
    return jax.shard_map(
        function, mesh=_mesh(devices), in_specs=spec, out_specs=spec, check_vma=False
    )


def shared(network: Network) -> Network:
    """Splits the rows of a network among the devices that run a program alike.

    Elsewhere, and where the rows are no multiple of the devices, the network runs
    whole.

    Args:
        network: `(params, *arrays [B, ...]) -> arrays [B, ...]`, every row by itself.

    Returns:
        The same function; its gradients are summed over the devices.
    """

    @jax.custom_vjp
    def split(params: PyTree, *arrays: Any) -> PyTree:
        return _whole(network(params, *_mine(arrays)))

    def forward(params: PyTree, *arrays: Any) -> tuple[PyTree, Any]:
        made, pull = jax.vjp(network, params, *_mine(arrays))
        return _whole(made), pull

    def backward(pull: Any, cotangents: PyTree) -> tuple:
        d_params, *d_arrays = pull(_mine(cotangents))
        return jax.lax.psum(d_params, AXIS), *_whole(tuple(d_arrays))

    split.defvjp(forward, backward)

    def run(params: PyTree, *arrays: Any) -> PyTree:
        sharers = _sharers()
        shares = sharers > 1 and len(arrays[0]) % sharers == 0
        return (split if shares else network)(params, *arrays)

    return run


def _mesh(devices: int) -> Mesh:
    return Mesh(jax.devices()[:devices], (AXIS,))


def _sharers() -> int:
    """Devices that run the surrounding program alike."""
    try:
        return int(jax.lax.psum(1, AXIS))
    except NameError:  # no such axis around
        return 1


def _mine(arrays: PyTree) -> PyTree:
    """This device's rows."""
    index, devices = jax.lax.axis_index(AXIS), _sharers()

    def own(array: Any) -> Any:
        rows = len(array) // devices
        return jax.lax.dynamic_slice_in_dim(array, index * rows, rows)

    return jax.tree.map(own, arrays)


def _whole(arrays: PyTree) -> PyTree:
    """The rows of all devices."""
    return jax.tree.map(
        lambda array: jax.lax.all_gather(array, AXIS, tiled=True), arrays
    )
