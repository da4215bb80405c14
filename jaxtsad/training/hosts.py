"""Several hosts that share a run, each a process with its own devices.

Members do not depend on each other, so hosts that share these exchange nothing while
they train: each has programs and devices of its own, and needs no other to keep step.
Hosts that share one member (`fleet.on_hosts`) run one program together, and agree on
what is decided outside of it; those of a federation (`training.federated`) add up what
their members have learned after each round. JAX's coordination service begins and ends
them together, and tells that a host died: then all others end, too, with one line.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from numpy.typing import ArrayLike

from jaxtsad.types import PyTree

HEARTBEAT_SECONDS = 30
"""Without a sign of life for so long, a host is taken for dead."""
LOST = 3
"""Exit code of a host that ended because another one had."""
ENDED = "another host of this run has ended"
GO_ON = "go on with --resume on any number of hosts"
DAY = 24 * 3600
_KEPT: list[Any] = []
"""What must live as long as the process: the handler that C calls."""


class Hosts(NamedTuple):
    """The processes that share a run.

    Attributes:
        number: How many there are.
        host: Which of them this is, from 0.
    """

    number: int = 1
    host: int = 0

    @property
    def first(self) -> bool:
        """Whether this one makes the run directory and writes the report."""
        return self.host == 0

    def share(self, count: int) -> range:
        """Positions of what this host holds of `count` things in order.

        Example:
            >>> [list(Hosts(3, host).share(7)) for host in range(3)]
            [[0, 1, 2], [3, 4], [5, 6]]
        """
        size, more = divmod(count, self.number)
        start = self.host * size + min(self.host, more)
        return range(start, start + size + (self.host < more))


def checked(number: int, host: int) -> Hosts:
    """Hosts as they are named on the command line.

    Raises:
        ValueError: If there is no such host.
    """
    if number < 1:
        raise ValueError(f"hosts={number} must be a whole number of at least 1")
    if not 0 <= host < number:
        raise ValueError(f"host={host} must be a whole number from 0 to {number - 1}")
    return Hosts(number, host)


def join(
    hosts: Hosts | None, coordinator: str | None, log: str, seconds: int = 300
) -> Hosts:
    """Waits for all hosts; those that come later than `seconds` are not waited for.

    From here on the process ends with one line and the exit code `LOST` where another
    host has died. What JAX's service writes to standard error goes to a file.

    Args:
        hosts: This one among how many; None where JAX finds out by itself.
        coordinator: Address and port of host 0, or None as above.
        log: File of what the service writes.
        seconds: How long to wait.

    Raises:
        ValueError: If the others do not come.
    """
    given: Any = jax.config
    given.update("jax_cpu_collectives_implementation", "gloo")
    given.update("jax_enable_preemption_service", False)
    _end_with_a_line(log)
    named: dict[str, Any] = {}
    if hosts is not None:
        named = {"num_processes": hosts.number, "process_id": hosts.host}
        named |= {"coordinator_address": coordinator}
        named |= {"cluster_detection_method": "deactivate"}
    try:
        jax.distributed.initialize(
            **named,
            initialization_timeout=seconds,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=DAY,
        )
    except (RuntimeError, ValueError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"the hosts of a run did not meet within {seconds} s: {line}"
        ) from None
    # All tell each other of their devices; who does so late is not waited for.
    jax.device_count()
    return Hosts(jax.process_count(), jax.process_index())


def meet() -> None:
    """Waits until all hosts have come to this place, for half a minute at most."""
    added(np.ones((), np.float32))


def added(tree: PyTree) -> PyTree:
    """The sum of what each host has, where all ask together; the same on all of them.

    Args:
        tree: Arrays of one shape and type on all hosts.

    Returns:
        Arrays on the host.
    """
    apart, program = _adding()
    each = jax.tree.map(
        lambda leaf: jax.make_array_from_process_local_data(
            apart, np.asarray(leaf)[None]
        ),
        tree,
    )
    return jax.tree.map(np.asarray, program(each))


@functools.cache
def _adding() -> tuple[jax.sharding.NamedSharding, Callable[[PyTree], PyTree]]:
    """Where hosts put what they add up, and what adds it up."""
    firsts = [
        min((d for d in jax.devices() if d.process_index == host), key=lambda d: d.id)
        for host in range(jax.process_count())
    ]
    mesh = jax.sharding.Mesh(np.array(firsts), ("hosts",))
    apart = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("hosts"))
    same = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())

    def add(tree: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), tree)

    return apart, jax.jit(add, out_shardings=same)


def most(value: ArrayLike) -> np.ndarray:
    """The largest of what each host has, by element, where all ask together."""
    each = multihost_utils.process_allgather(np.asarray(value, np.float32))
    return np.asarray(each).reshape(-1, *np.shape(value)).max(axis=0)


def of_first(tree: PyTree) -> PyTree:
    """Arrays as host 0 has them, where all hosts ask together."""
    return multihost_utils.broadcast_one_to_all(tree)


def put(leaf: Any, placed: Any) -> Any:
    """An array where it belongs; of what hosts hold in common each puts its own."""
    if placed.is_fully_addressable:
        return jax.device_put(leaf, placed)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(put(jax.random.key_data(leaf), placed))
    return jax.make_array_from_process_local_data(placed, np.asarray(leaf))


def here(tree: PyTree) -> PyTree:
    """Arrays that all hosts hold in common as this one's own."""
    return jax.tree.map(
        lambda leaf: leaf if is_local(leaf) else jnp.asarray(leaf.addressable_data(0)),
        tree,
    )


def is_local(leaf: Any) -> bool:
    """Whether no part of an array is on another host."""
    return bool(getattr(leaf, "is_fully_addressable", True))


def leave() -> None:
    """Waits until all hosts are done.

    Raises:
        ValueError: If one has ended before.
    """
    try:
        jax.distributed.shutdown()
    except RuntimeError:
        raise ValueError(f"{ENDED} after this one had done its part; {GO_ON}") from None


def end(code: int) -> None:
    """Ends a process that shares a run at once, so that the others hear of it.

    An ordinary end would wait for them. Nothing happens to a process that does not.
    """
    if not jax.distributed.is_initialized():
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_with_a_line(log: str) -> None:
    """Has the process end with one line where JAX would abort it with many.

    JAX's service aborts the process from a thread of its own when another host is
    lost, after it has written why to standard error, as C knows it.
    """
    shown = os.dup(2)
    with open(log, "w") as file:
        os.dup2(file.fileno(), 2)
    sys.stderr = os.fdopen(shown, "w", buffering=1)
    line = f"jaxtsad: {ENDED}, and so does this one; {GO_ON} ({log})\n".encode()

    @ctypes.CFUNCTYPE(None, ctypes.c_int)
    def aborted(number: int) -> None:
        del number
        os.write(shown, line)
        os._exit(LOST)

    _KEPT.append(aborted)
    library = ctypes.CDLL(None)
    library.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    library.signal.restype = ctypes.c_void_p
    library.signal(int(signal.SIGABRT), ctypes.cast(aborted, ctypes.c_void_p))
