"""Members laid over all devices: an embarrassingly parallel axis.

Members are padded to a multiple of the devices by repeating the first; the copies are
inactive, and cut off again at the end. One member alone may share its batches' rows
among them instead (`training.rows`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxtsad.training import rows
from jaxtsad.types import PyTree

AXIS = "members"


def devices_for(members: int, shared: int = 0) -> int:
    """How many devices share the work: all, but none would be left idle.

    Args:
        members: Number of members.
        shared: Rows of a batch that devices may share where there is one member.
    """
    if members == 1:
        return rows.devices_for(shared)
    return min(members, jax.device_count())


def use_cores() -> None:
    """Makes every CPU core a device, so that members share the work of all of them.

    One program of small products keeps one core busy; members on as many devices as
    there are cores keep all. Nothing is changed where the user has chosen a number
    (`JAX_NUM_CPU_DEVICES` or `XLA_FLAGS`) or JAX has already started.
    """
    chosen = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    given: Any = jax.config
    if chosen or given.jax_num_cpu_devices > 0:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    with contextlib.suppress(RuntimeError):  # JAX has started
        jax.config.update("jax_num_cpu_devices", cores)


def mesh(devices: int) -> Mesh:
    """The first `devices` devices along one axis."""
    return Mesh(jax.devices()[:devices], (AXIS,))


def place(tree: PyTree, devices: int) -> PyTree:
    """Pads stacked members to a multiple of the devices and lays them over these.

    Args:
        tree: Arrays stacked `[M, ...]`.
        devices: Number of devices D.

    Returns:
        Arrays `[ceil(M / D) * D, ...]`, sharded over the first axis; one member on
        several devices is on each of them, and for one device it is the tree itself.
    """
    if devices == 1:
        return tree
    if jax.tree.leaves(tree)[0].shape[0] == 1:
        return rows.place(tree, devices)
    sharding = NamedSharding(mesh(devices), PartitionSpec(AXIS))

    def padded(leaf: Any) -> Any:
        leaf = jnp.asarray(leaf)
        missing = -leaf.shape[0] % devices
        if missing:
            copies = jnp.repeat(leaf[:1], missing, axis=0)
            leaf = jnp.concatenate([leaf, copies])
        return jax.device_put(leaf, sharding)

    return jax.tree.map(padded, tree)


def spread(function: Callable[..., Any], devices: int) -> Callable[..., Any]:
    """Runs a function of stacked members on each device's own members."""
    spec = PartitionSpec(AXIS)
    return jax.shard_map(
        function, mesh=mesh(devices), in_specs=spec, out_specs=spec, check_vma=False
    )
