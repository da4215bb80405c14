"""Numbers that all members of a fleet share, kept out of the batch."""

from __future__ import annotations

from jax import custom_batching

from jaxtsad.types import Array


@custom_batching.custom_vmap
def shared(number: Array) -> Array:
    """A number that is the same for all members, taken once under `vmap`.

    A loop whose bounds are batched copies all of what it carries in every step, and a
    batched condition runs both branches; neither happens to a shared number.
    """
    return number


@shared.def_vmap
def _of_any(axis_size: int, in_batched: list, number: Array) -> tuple[Array, bool]:
    del axis_size
    return (number.max(axis=0) if in_batched[0] else number), False
