"""Many members, entities times seeds, in one program.

Members are stacked on a leading axis. Padding adds whole windows of weight 0, never
steps inside a window, so a member's result is the same as training it alone.

Over several devices members are padded to a multiple of these by repeating the first;
the copies are inactive, and cut off again at the end. One member alone is on every
device, and these may share the rows of its batches (`training.rows`); hosts that do the
same (`on_hosts`) share them among the devices of all.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxtsad.training import hosts
from jaxtsad.types import Array, Detector, Key, PyTree, State, View

MEMBERS, ROWS = "members", "rows"
LEAST = 16
"""Rows of a batch below which another core does not pay."""
Devices: TypeAlias = tuple[jax.Device, ...]
"""Devices that share the work; of one alone or of none nothing is shared."""
OnHosts: TypeAlias = Literal["in_step", "apart", "federated"]
APART = ("apart", "federated")
_ON_HOSTS: contextvars.ContextVar[str] = contextvars.ContextVar("hosts", default="")


@contextlib.contextmanager
def on_hosts(how: OnHosts) -> Iterator[None]:
    """Several hosts share the work within.

    Args:
        how: "in_step": all do the same and share one member's batches; "apart": each
            has its own members, and a lone one runs as one of two, since alone it is
            another program, whose rounding grows over many epochs; "federated": the
            same, of members that make one model in common.
    """
    before = _ON_HOSTS.set(how)
    try:
        yield
    finally:
        _ON_HOSTS.reset(before)


def is_federated_on_hosts() -> bool:
    """Whether other hosts train members of the same federations."""
    return _ON_HOSTS.get() == "federated"


def bucket(count: int) -> int:
    """Rounds a length up to a power of two, so that few shapes are compiled.

    Example:
        >>> [bucket(n) for n in (1, 70, 1000, 5000)]
        [256, 256, 1024, 8192]
    """
    return max(256, 1 << (count - 1).bit_length())


def similar(lengths: Sequence[int]) -> list[list[int]]:
    """Groups members of similar length, where one padding for all would be a waste.

    Args:
        lengths: Length of each member.

    Returns:
        Positions of the members of each group: all together where padding to the
        longest is at most twice the lengths' own buckets, else a group per bucket.

    Example:
        >>> similar([300, 400, 350]), similar([300, 400, 350, 90000])
        ([[0, 1, 2]], [[0, 1, 2], [3]])
    """
    buckets = [bucket(length) for length in lengths]
    if max(buckets) * len(buckets) <= 2 * sum(buckets):
        return [list(range(len(buckets)))]
    return [
        [place for place, size in enumerate(buckets) if size == each]
        for each in sorted(set(buckets))
    ]


def stack(
    views: Sequence[Any],
    *,
    bucketed: bool = False,
    least: Mapping[str, int] | None = None,
) -> Any:
    """Stacks views of one kind as members, padded to a common length.

    Args:
        views: `WindowView`s or `SampleView`s with equal channel counts.
        bucketed: Rounds lengths up so that programs are shared between shapes.
        least: Lengths of arrays by name that are not gone below (see `padded_lengths`).

    Returns:
        A view whose arrays have a leading axis `[M]`; padding has weight 0.
    """
    stacked = {}
    for name in views[0].ARRAYS:
        arrays = [getattr(view, name) for view in views]
        longest = max(array.shape[0] for array in arrays)
        longest = bucket(longest) if bucketed else longest
        longest = max(longest, (least or {}).get(name, 0))
        stacked[name] = padded(arrays, longest)
    stacked_view: View = views[0].with_arrays(**stacked)
    return stacked_view


def padded_lengths(stacked: Sequence[Any]) -> dict[str, int]:
    """Lengths of arrays by name that hold each of several stacked views.

    Stacked with no less than these they have one shape, and share their programs.
    """
    return {
        name: max(getattr(view, name).shape[1] for view in stacked)
        for name in stacked[0].ARRAYS
    }


def padded(arrays: Sequence[Any], length: int) -> np.ndarray:
    """Stacks arrays, filled up with zeros to a length; on the host, in one piece."""
    first = arrays[0]
    stacked = np.zeros((len(arrays), length, *first.shape[1:]), first.dtype)
    for row, array in zip(stacked, arrays, strict=True):
        row[: len(array)] = array
    return stacked


def member(tree: PyTree, index: int) -> PyTree:
    """One member of a stacked tree."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def members_of(tree: PyTree) -> int:
    """Number of members M of a stacked tree."""
    return jax.tree.leaves(tree)[0].shape[0]


class KeysByUse(NamedTuple):
    """Keys `[M]` of a member by what they are for."""

    init: Key
    train: Key
    validate: Key
    refresh: Key


def keys_by_use(keys: Key) -> KeysByUse:
    """Splits keys `[M]`, so that no two uses share their randomness."""
    split = jax.vmap(lambda key: jax.random.split(key, len(KeysByUse._fields)))(keys)
    return KeysByUse(*(split[:, use] for use in range(len(KeysByUse._fields))))


def refreshed(
    detector: Detector,
    keys: Key,
    state: State,
    sources: Any,
    active: np.ndarray,
    epoch: int,
) -> State:
    """Runs a detector's host step, where it has one, on each active member in turn.

    Args:
        detector: Whose `refresh` to run.
        keys: `[M]` of the refresh.
        state: Stacked states `[M, ...]`.
        sources: Stacked views `[M, ...]`.
        active: `[M]` bool; the others keep their state.
        epoch: The epoch that begins, folded into the keys.
    """
    if detector.refresh is None:
        return state
    states = []
    for index in range(len(active)):
        each = _on_its_device(state, index)
        if active[index]:
            key, source = (_on_its_device(tree, index) for tree in (keys, sources))
            each = detector.refresh(jax.random.fold_in(key, epoch), each, source)
        states.append(each)
    return _stacked(states, state)


def _on_its_device(tree: PyTree, index: int) -> PyTree:
    """One member on the one device that holds it, where this host has that device.

    To index an array that is spread over devices costs milliseconds, and what is then
    computed of it is computed on all of them.
    """
    leaves = jax.tree.leaves(tree)
    if not all(isinstance(a, jax.Array) and hosts.is_local(a) for a in leaves):
        return member(tree, index)
    if not leaves:
        return tree
    number, first = next(
        (number, held.start)
        for number, held in enumerate(_held(leaves[0]))
        if index in held
    )
    own = jax.tree.map(lambda leaf: leaf.addressable_shards[number].data, tree)
    return _taken(own, index - first)


def _stacked(members: list[PyTree], like: PyTree) -> PyTree:
    """Members stacked `[M, ...]` and spread over devices as `like` is."""
    leaves = jax.tree.leaves(like)
    if not leaves or not all(map(hosts.is_local, leaves)):
        return jax.tree.map(lambda *each: jnp.stack(each), *members)
    parts = [
        jax.device_put(_joined(members[held.start : held.stop]), shard.device)
        for held, shard in zip(
            _held(leaves[0]), leaves[0].addressable_shards, strict=True
        )
    ]

    def whole(leaf: Array, *shards: Array) -> Array:
        return jax.make_array_from_single_device_arrays(
            leaf.shape, leaf.sharding, list(shards)
        )

    return jax.tree.map(whole, like, *parts)


def _held(leaf: Array) -> list[range]:
    """Members that each device of this host holds of a stacked array."""
    count = leaf.shape[0]
    return [
        range(*shard.index[0].indices(count)[:2]) for shard in leaf.addressable_shards
    ]


@jax.jit
def _taken(tree: PyTree, index: int) -> PyTree:
    return member(tree, index)


@jax.jit
def _joined(members: list[PyTree]) -> PyTree:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)


def resolve(choice: str) -> str:
    """Resolves `auto`: `map` on a CPU, where a batch gains nothing, else `vmap`."""
    if choice != "auto":
        return choice
    return "map" if jax.default_backend() == "cpu" else "vmap"


def lift(
    function: Callable[..., Any], members: int, choice: str, devices: Devices = ()
) -> Callable[..., Any]:
    """Lifts a function of one member to stacked members.

    Args:
        function: Function of arrays without the member axis.
        members: Number of members M, a multiple of `devices`.
        choice: `vmap`, `map` or `auto`.
        devices: Devices that the members are laid over (see `place`), or
            among which one member shares the rows of its batches.

    Returns:
        The function of arrays with a leading axis `[M]`. One member alone is run
        without a batch axis, so that it costs nothing.
    """
    if members == 1:

        def alone(*stacked: Any) -> Any:
            return jax.tree.map(lambda leaf: leaf[None], function(*member(stacked, 0)))

        return run_sharded(alone, 1, devices) if len(devices) > 1 else alone
    if len(devices) > 1:
        on_device = lift(function, members // len(devices), choice)
        return run_sharded(on_device, members, devices)
    if resolve(choice) == "vmap":
        return jax.vmap(function)
    return lambda *stacked: jax.lax.map(lambda args: function(*args), stacked)


def devices_for(members: int, shared: int = 0) -> Devices:
    """The devices that share the work: all of this host, but none would be left idle.

    Args:
        members: Number of members.
        shared: Rows of a batch that devices may share where there is one member; of
            hosts in step they are those of all.
    """
    if _ON_HOSTS.get() in APART:
        return tuple(jax.local_devices()[: max(1, members // 2)])
    if members > 1:
        return tuple(jax.local_devices()[:members])
    if not shared:
        return tuple(jax.local_devices()[:1])
    every = [jax.local_devices()]
    if _ON_HOSTS.get() == "in_step":
        owners = range(jax.process_count())
        every = [[d for d in jax.devices() if d.process_index == o] for o in owners]
    count = _sharing_devices(shared // len(every), min(map(len, every)))
    return tuple(device for each in every for device in each[:count])


def _sharing_devices(rows: int, most: int) -> int:
    """How many CPU devices of a host share `rows`: a divisor, each with enough.

    Other backends share none: a batch that small is faster on one of their devices.
    """
    if jax.default_backend() != "cpu":
        return 1
    most = max(1, min(most, rows // LEAST))
    return next(count for count in range(most, 0, -1) if rows % count == 0)


def spans_hosts(devices: Devices) -> bool:
    """Whether some of the devices are another host's."""
    return any(device.process_index != jax.process_index() for device in devices)


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


def layout(members: int, devices: Devices) -> NamedSharding:
    """Stacked members over devices; one member on each of them."""
    axis, spec = (
        (ROWS, PartitionSpec()) if members == 1 else (MEMBERS, PartitionSpec(MEMBERS))
    )
    return NamedSharding(Mesh(np.array(devices), (axis,)), spec)


def place(tree: PyTree, devices: Devices) -> PyTree:
    """Pads stacked members to a multiple of the devices and lays them over these.

    Args:
        tree: Arrays stacked `[M, ...]`.
        devices: D devices.

    Returns:
        Arrays `[ceil(M / D) * D, ...]` on the devices, sharded over the first axis; one
        member on several devices is on each of them, on hosts `apart` it is two.
    """
    members, missing = members_of(tree), 0
    if members > 1 or _ON_HOSTS.get() in APART:
        missing = -members % (len(devices) if members > 1 else 2)

    def padded(leaf: Any) -> Any:
        copies = jnp.repeat(leaf[:1], missing, axis=0)
        return jnp.concatenate([leaf, copies])

    tree = jax.tree.map(padded, tree) if missing else tree
    if len(devices) <= 1:
        return jax.device_put(tree)
    placed = layout(members, devices)
    return jax.tree.map(lambda leaf: hosts.put(leaf, placed), tree)


def run_sharded(
    function: Callable[..., Any], members: int, devices: Devices
) -> Callable[..., Any]:
    """Runs a function of stacked members on each device's own members.

    Args:
        function: Of what a device holds, arrays with a leading axis of members.
        members: Number of members M on all devices, a multiple of these, or 1.
        devices: The devices.
    """
    placed = layout(members, devices)
    return jax.shard_map(
        function,
        mesh=placed.mesh,
        in_specs=placed.spec,
        out_specs=placed.spec,
        check_vma=False,
    )
