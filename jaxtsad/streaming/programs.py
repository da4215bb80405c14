"""The programs that take a block of steps, compiled once for a detector and a fleet.

A block is worked on step by step by one program of fixed shape, whatever its length, so
that scores do not depend on how a series is cut into blocks, bit for bit.

Shape letters: M entities, K steps of a block.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxtsad.streaming.steps import (
    Models,
    Spec,
    State,
    combined,
    contributions,
    restart,
    start,
    step,
    ticked,
)
from jaxtsad.training import programs
from jaxtsad.types import Array

STAGES: dict[str, Callable[..., tuple[State, Array]]] = {
    "step": step,
    "contributions": contributions,
    "combined": combined,
}


@functools.lru_cache(maxsize=32)
def block(spec: Spec, stage: str = "step") -> Callable[..., tuple[State, Array]]:
    """The program that takes a block: `(models, state, count, *values [K, M, ...])`.

    Args:
        spec: What it is for.
        stage: `step` for scores `[K, M]`; `contributions` for what the detector gives
            `[K, M, D]`; `combined` for the head's scores `[K, M]` of that and values.

    Returns:
        A function that gives the state after `count` steps, and the outputs, of which
        the first `count` mean something. It takes the state's memory over.
    """
    function = STAGES[stage]

    def run(
        models: Models, state: State, count: Array, *given: Array
    ) -> tuple[State, Array]:
        first = [values[0] for values in given]
        shape = jax.eval_shape(
            functools.partial(function, spec), models, state, *first
        )[1]
        outputs = jnp.zeros((len(given[0]), *shape.shape))

        def go_on(number: Array, carry: tuple[State, Array]) -> tuple[State, Array]:
            state, outputs = carry
            now = [values[number] for values in given]
            state, out = function(spec, models, state, *now)
            return ticked(spec, state), outputs.at[number].set(out)

        return jax.lax.fori_loop(0, count, go_on, (state, outputs))

    many_loops = spec.head is not None or stage != "step"
    compiler_options = (
        programs.quick_options()
        if many_loops
        else programs.options_for(spec.detector, spec.entities)
    )
    return jax.jit(run, donate_argnums=1, compiler_options=compiler_options)


@functools.lru_cache(maxsize=32)
def restarting(spec: Spec) -> Callable[..., State]:
    """`restart` of a spec, compiled."""
    return jax.jit(functools.partial(restart, spec), donate_argnums=1)


@functools.lru_cache(maxsize=32)
def starting(spec: Spec) -> Callable[[Models, Array], State]:
    """`start` of a spec, compiled."""
    return jax.jit(functools.partial(start, spec))
