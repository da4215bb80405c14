"""Functions of one member, over all entities of a fleet.

Shape letters: M entities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxtsad.types import Array, PyTree


def each(function: Callable[..., Any], models: PyTree, *given: Any) -> Any:
    """What a function of a model and of what each entity has gives, `[M, ...]`.

    Args:
        function: `(model, *given) -> outputs`, of one entity.
        models: Leaves `[M, ...]`, or `[1, ...]` of what all share, which is not copied.
        given: Leaves `[M, ...]`.

    Example:
        >>> each(lambda model, x: model * x, jnp.array([2.0]), jnp.arange(3.0)).tolist()
        [0.0, 2.0, 4.0]
    """
    number = len(jax.tree.leaves(given)[0])
    axes = jax.tree.map(lambda leaf: 0 if len(leaf) == number else None, models)
    models = jax.tree.map(lambda leaf: leaf if len(leaf) == number else leaf[0], models)
    return jax.vmap(function, in_axes=(axes, *(0 for _ in given)))(models, *given)


def choose(which: Array, new: PyTree, old: PyTree, axis: int = 0) -> PyTree:
    """Leaves whose entities are the new ones where `which [M]` says so.

    Args:
        which: Bool.
        new: Leaves with the entities' axis at `axis`.
        old: The same.
        axis: Where the entities are.
    """

    def one(fresh: Array, before: Array) -> Array:
        after = (1 for _ in before.shape[axis + 1 :])
        return jnp.where(which.reshape(-1, *after), fresh, before)

    return jax.tree.map(one, new, old)


def common(models: PyTree) -> PyTree:
    """The same models, of which leaves that all have alike are `[1, ...]`.

    Args:
        models: Leaves `[M, ...]`.
    """
    return jax.tree.map(
        lambda leaf: leaf[:1] if bool((leaf == leaf[:1]).all()) else leaf, models
    )
