"""What lies on which device: members apart, or one member on all of them.

Members are padded to a multiple of the devices by repeating the first; the copies are
inactive, and cut off again at the end. One member alone is on every device, and these
may share the rows of its batches (`training.rows`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxtsad.types import PyTree

MEMBERS, ROWS = "members", "rows"
LEAST = 16
"""Rows of a batch below which another core does not pay."""


def devices_for(members: int, shared: int = 0) -> int:
    """How many devices share the work: all, but none would be left idle.

    Args:
        members: Number of members.
        shared: Rows of a batch that devices may share where there is one member.
    """
    if members == 1:
        return _sharing_devices(shared)
    return min(members, jax.device_count())


def _sharing_devices(rows: int) -> int:
    """How many CPU devices share batches of `rows`: a divisor, each with enough.

    Other backends share none: a batch that small is faster on one of their devices.
    """
    if jax.default_backend() != "cpu":
        return 1
    most = max(1, min(jax.device_count(), rows // LEAST))
    return next(count for count in range(most, 0, -1) if rows % count == 0)


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
    with contextlib.suppress(RuntimeError):  # JAX has started
        jax.config.update("jax_num_cpu_devices", cores())


def cores() -> int:
    """CPU cores that this process may use; 1 where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def layout(members: int, devices: int) -> NamedSharding:
    """Stacked members over the first `devices` devices; one member on each of them."""
    axis, spec = (
        (ROWS, PartitionSpec()) if members == 1 else (MEMBERS, PartitionSpec(MEMBERS))
    )
    return NamedSharding(Mesh(jax.devices()[:devices], (axis,)), spec)


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
    members = jax.tree.leaves(tree)[0].shape[0]
    missing = 0 if members == 1 else -members % devices

    def padded(leaf: Any) -> Any:
        copies = jnp.repeat(leaf[:1], missing, axis=0)
        return jnp.concatenate([leaf, copies])

    tree = jax.tree.map(padded, tree) if missing else tree
    return jax.device_put(tree, layout(members, devices))


def run_sharded(
    function: Callable[..., Any], members: int, devices: int
) -> Callable[..., Any]:
    """Runs a function of stacked members on each device's own members.

    Args:
        function: Of what a device holds, arrays with a leading axis of members.
        members: Number of members M on all devices, a multiple of these, or 1.
        devices: Number of devices.
    """
    sharding = layout(members, devices)
    return jax.shard_map(
        function,
        mesh=sharding.mesh,
        in_specs=sharding.spec,
        out_specs=sharding.spec,
        check_vma=False,
    )
