"""A replay of transitions between rows that are kept by their number.

It holds 16 bytes per transition whatever the rows are; the rows themselves are looked
up when a batch is drawn.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxtsad.ops import draws
from jaxtsad.types import Array


class Replay(NamedTuple):
    """Transitions `[M]`, the oldest overwritten first.

    Attributes:
        state: int32, number of the row.
        action: int32.
        reward: float32, as it was when the step was taken.
        following: int32, number of the row that came next.
    """

    state: Array
    action: Array
    reward: Array
    following: Array


def empty(capacity: int) -> Replay:
    """A replay of no transitions that holds up to `capacity`."""
    whole = jnp.zeros(capacity, jnp.int32)
    return Replay(whole, jnp.copy(whole), jnp.zeros(capacity), jnp.copy(whole))


def add(replay: Replay, step: Array, transition: Replay) -> Replay:
    """Adds the transition (scalars) of the step with this number, from 0.

    Example:
        >>> filled = empty(2)
        >>> for number in range(3):
        ...     transition = Replay(number, 0, 0.0, number + 1)
        ...     filled = add(filled, jnp.int32(number), transition)
        >>> filled.state.tolist()
        [2, 1]
    """
    place = step % replay.state.shape[0]
    return Replay(
        *(old.at[place].set(new) for old, new in zip(replay, transition, strict=True))
    )


def sample(replay: Replay, steps: Array, uniform: Array) -> Replay:
    """Draws transitions uniformly, with replacement.

    Args:
        replay: After `steps` steps, at least one.
        steps: How many transitions were added so far.
        uniform: `[B]` random numbers in [0, 1).

    Returns:
        The transitions `[B]`.
    """
    filled = jnp.minimum(steps, replay.state.shape[0])
    chosen = draws.places(uniform, filled)
    return Replay(*(array[chosen] for array in replay))
