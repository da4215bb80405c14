"""Functions of one member's arrays, run on those of many members in one program."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import numpy as np

from jaxtsad.training import fleet, programs

Settings = tuple[tuple[str, Any], ...]


def run(
    function: Callable[..., Any],
    settings: Settings,
    items: Sequence[tuple[np.ndarray, ...]],
    parameters: tuple[Any, ...] = (),
    members: str = "auto",
    quick: Literal["", "often", "once"] = "",
) -> list[Any]:
    """Runs a function on arrays of many members, those of similar length together.

    Args:
        function: Of the parameters, and of each array, padded at its end, with its
            length; pure, and of the steps before the length alone.
        settings: Its named arguments, which are not traced.
        items: The arrays `[T, ...]` of each member.
        parameters: Trees, each stacked with one for each of the items.
        members: How members share a program (see `fleet.lift`).
        quick: Compiles in less time what is many small loops, run often or once.

    Returns:
        What it gives of each member, on the host, as long as the padded arrays.

    Example:
        >>> def total(values, length):
        ...     return values.sum() / length
        >>> [float(v) for v in run(total, (), [(np.ones(3),), (np.full(9, 2.0),)])]
        [1.0, 2.0]
    """
    made: list[Any] = [None] * len(items)
    for group in fleet.similar([len(item[0]) for item in items]):
        arguments: list[Any] = list(chosen(parameters, group))
        for arrays in zip(*[items[i] for i in group], strict=True):
            longest = fleet.bucket(max(len(array) for array in arrays))
            padded = fleet.padded(arrays, longest).astype(np.float32, copy=False)
            arguments += [padded, np.array([len(array) for array in arrays], np.int32)]
        program = _program(function, settings, len(group), members, quick)
        out = jax.tree.map(np.asarray, program(*arguments))
        for place, i in enumerate(group):
            made[i] = fleet.member(out, place)
    return made


def chosen(stacked: Any, index: Sequence[int]) -> Any:
    """Some members of a stacked tree, with repetition."""
    return jax.tree.map(lambda leaf: leaf[np.asarray(index)], stacked)


@functools.lru_cache(maxsize=programs.KEPT)
def _program(
    function: Callable[..., Any],
    settings: Settings,
    number: int,
    members: str,
    quick: str,
) -> Callable[..., Any]:
    each = functools.partial(function, **dict(settings))
    compiler_options = programs.quick_options(quick == "once") if quick else None
    lifted = fleet.lift(each, number, members)
    return jax.jit(lifted, compiler_options=compiler_options)
