"""The training loop's compiled functions of stacked members."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.training import compiling, fleet
from jaxtsad.types import Array, Clock, Detector, Key, Metrics, PyTree, State


class Programs(NamedTuple):
    """Compiled functions of stacked members."""

    init: Callable[[Key, Any], State]
    advance: Callable[..., tuple[State, Metrics]]
    validate: Callable[[Key, PyTree, Any], Metrics] | None
    keep: Callable[[Array, PyTree, PyTree], PyTree]


@functools.lru_cache(maxsize=32)
def compiled(detector: Detector, members: int, choice: str, devices: int) -> Programs:
    """The programs of a detector; asking again compiles nothing again."""
    # Jitted it is traced once for both uses; inlined it leaves the program as it was.
    step = jax.jit(detector.advance, inline=True)

    def advance(
        active: Array, key: Key, state: State, source: Any, clock: Clock
    ) -> tuple[State, Metrics]:
        shapes = jax.eval_shape(step, key, state, source, clock)[1]

        def skip_step() -> tuple[State, Metrics]:
            return state, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

        def do_step() -> tuple[State, Metrics]:
            return step(key, state, source, clock)

        return jax.lax.cond(active, do_step, skip_step)

    def keep(improved: Array, new: PyTree, old: PyTree) -> PyTree:
        return jax.tree.map(functools.partial(jnp.where, improved), new, old)

    def lift(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        lifted = fleet.lift(function, members, choice, devices)
        alone = compiling.options() if members == 1 else None
        return jax.jit(lifted, compiler_options=alone, **options)

    validate = None if detector.validate is None else lift(detector.validate)
    return Programs(
        lift(detector.init),
        lift(advance, donate_argnums=2),
        validate,
        jax.jit(jax.vmap(keep)),
    )
