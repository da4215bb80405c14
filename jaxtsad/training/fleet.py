"""Many members, entities times seeds, in one program.

Members are stacked on a leading axis. Padding adds whole windows of weight 0, never
steps inside a window, so a member's result is the same as training it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.training import sharding
from jaxtsad.types import PyTree, View


def bucket(count: int) -> int:
    """Rounds a length up so that few distinct shapes are compiled.

    Example:
        >>> [bucket(n) for n in (1, 70, 1000, 5000)]
        [256, 256, 1024, 6144]
    """
    size = 256
    while size < count:
        if size * 3 // 2 >= count:
            return size * 3 // 2
        size *= 2
    return size


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
        stacked[name] = jnp.stack([_lengthened(array, longest) for array in arrays])
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


def _lengthened(array: jax.Array, length: int) -> jax.Array:
    missing = length - array.shape[0]
    padded = np.pad(np.asarray(array), [(0, missing)] + [(0, 0)] * (array.ndim - 1))
    return jnp.asarray(padded)


def member(tree: PyTree, index: int) -> PyTree:
    """One member of a stacked tree."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def members_of(tree: PyTree) -> int:
    """Number of members M of a stacked tree."""
    return jax.tree.leaves(tree)[0].shape[0]


def resolve(choice: str) -> str:
    """Resolves `auto`: `map` on a CPU, where a batch gains nothing, else `vmap`."""
    if choice != "auto":
        return choice
    return "map" if jax.default_backend() == "cpu" else "vmap"


def lift(
    function: Callable[..., Any], members: int, choice: str, devices: int = 1
) -> Callable[..., Any]:
    """Lifts a function of one member to stacked members.

    Args:
        function: Function of arrays without the member axis.
        members: Number of members M, a multiple of `devices`.
        choice: `vmap`, `map` or `auto`.
        devices: Devices that the members are laid over (see `sharding.place`), or
            among which one member shares the rows of its batches.

    Returns:
        The function of arrays with a leading axis `[M]`. One member alone is run
        without a batch axis, so that it costs nothing.
    """
    if members == 1:

        def alone(*stacked: Any) -> Any:
            return jax.tree.map(lambda leaf: leaf[None], function(*member(stacked, 0)))

        return sharding.run_sharded(alone, 1, devices) if devices > 1 else alone
    if devices > 1:
        on_device = lift(function, members // devices, choice)
        return sharding.run_sharded(on_device, members, devices)
    if resolve(choice) == "vmap":
        return jax.vmap(function)
    return lambda *stacked: jax.lax.map(lambda args: function(*args), stacked)
