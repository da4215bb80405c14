"""DPLAN's environment: rows as states, and what the next one is.

States are numbers of rows. The next state is a known anomaly or, of a random subset of
the unlabelled rows, the one nearest to the present state in the representation where it
was called anomalous, else the farthest.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxtsad.ops import draws
from jaxtsad.training import epochs
from jaxtsad.types import Array, Key


class Rows(NamedTuple):
    """What the environment is made of.

    Attributes:
        known: `[N]` 1 where a row is a known anomaly.
        anomalies: `[N]` numbers of the known anomalies, then the others.
        anomaly_count: How many there are.
        unlabelled: `[N]` numbers of the unlabelled rows, then the others.
        unlabelled_count: How many there are.
        shuffled: `[N + S]` numbers of the unlabelled rows in random order, from the
            start again where they end; any S in a row are a random subset.
        values: `[F, N + S]`, the rows of `shuffled` as columns.
    """

    known: Array
    anomalies: Array
    anomaly_count: Array
    unlabelled: Array
    unlabelled_count: Array
    shuffled: Array
    values: Array


def rows(key: Key, values: Array, weight: Array, known: Array, subset: int) -> Rows:
    """Sorts rows into known anomalies and unlabelled ones, and shuffles the latter.

    Args:
        key: Of the shuffle.
        values: `[N, F]`.
        weight: `[N]`, 0 for padding.
        known: `[N]`, 1 for a known anomaly.
        subset: Size S of the subsets.
    """
    anomalous = (weight > 0) & (known > 0)
    unlabelled = (weight > 0) & (known <= 0)
    count = unlabelled.sum().astype(jnp.int32)
    order = epochs.shuffled(key, unlabelled)
    places = jnp.arange(len(order) + subset, dtype=jnp.int32)
    # Made once, not anew for each of the numbers of a row.
    shuffled = jax.lax.optimization_barrier(order[places % jnp.maximum(count, 1)])
    return Rows(
        anomalous.astype(jnp.float32),
        draws.chosen_first(anomalous),
        anomalous.sum().astype(jnp.int32),
        draws.chosen_first(unlabelled),
        count,
        shuffled,
        values[shuffled].T,
    )


def marks(
    weight: Array, known: Array, stand_ins: int, always: bool = False
) -> tuple[Array, Array]:
    """Weight and `known` of all rows, the stand-ins behind them.

    Stand-ins weigh nothing where no row is unlabelled, and nothing unless no anomaly is
    known or they are there `always`.

    Example:
        >>> marks(jnp.ones(2), jnp.array([0.0, 1.0]), 1)[0].tolist()
        [1.0, 1.0, 0.0]
        >>> marks(jnp.ones(2), jnp.zeros(2), 1)[0].tolist()
        [1.0, 1.0, 1.0]
        >>> marks(jnp.ones(2), jnp.array([0.0, 1.0]), 1, always=True)[0].tolist()
        [1.0, 1.0, 1.0]
    """
    needed = (weight.sum() > 0) & (always | ((weight * known).sum() == 0))
    extra = jnp.full(stand_ins, needed, jnp.float32)
    return (
        jnp.concatenate([weight, extra]),
        jnp.concatenate([known, jnp.ones(stand_ins)]),
    )


def stand_ins(key: Key, rows: Array, weight: Array, count: int, margin: float) -> Array:
    """Made-up anomalies `[count, F]`: rows of weight 1 with half their numbers redrawn.

    The numbers are uniform in `[-margin, 1 + margin]`.
    """
    row_key, mask_key, value_key = jax.random.split(key, 3)
    real = weight > 0
    place = draws.places(jax.random.uniform(row_key, (count,)), real.sum())
    taken = rows[draws.chosen_first(real)[place]]
    return draws.half_redrawn(mask_key, value_key, taken, -margin, 1 + margin)


def begin(env: Rows, uniform: Array) -> Array:
    """An unlabelled row, uniformly."""
    return env.unlabelled[draws.places(uniform, env.unlabelled_count)]


def anomaly(env: Rows, uniform: Array) -> Array:
    """A known anomaly, uniformly (g_a)."""
    return env.anomalies[draws.places(uniform, env.anomaly_count)]


def subset(env: Rows, uniform: Array, size: int) -> tuple[Array, Array]:
    """Numbers `[S]` and values `[F, S]` of a random subset of the unlabelled rows."""
    first = draws.places(uniform, env.unlabelled_count)
    return (
        jax.lax.dynamic_slice_in_dim(env.shuffled, first, size),
        jax.lax.dynamic_slice_in_dim(env.values, first, size, axis=1),
    )


def towards(
    phi: Array, subset_phi: Array, itself: Array, action: Array, exclude_self: bool
) -> Array:
    """Which of a subset comes next (g_u).

    Args:
        phi: `[H]` representation of the present state.
        subset_phi: `[H, S]` representations of the subset.
        itself: `[S]` bool, where the subset holds the present state.
        action: 1 for the nearest, 0 for the farthest.
        exclude_self: Whether the nearest may not be the state itself.

    Example:
        >>> subset = jnp.array([[1.0, 2.0, 5.0]])
        >>> itself = jnp.zeros(3, bool)
        >>> [int(towards(jnp.zeros(1), subset, itself, a, True)) for a in (1, 0)]
        [0, 2]
    """
    # Row by row: one loop, where a sum along an axis is a call of a library of its own.
    distance = sum(jnp.square(subset_phi - phi[:, None]), jnp.zeros(len(itself)))
    near = jnp.where(itself & exclude_self, -jnp.inf, -distance)
    wanted = jnp.where(action == 1, near, distance)
    # The first of the largest; `argmax` says the same more slowly.
    places = jnp.arange(len(wanted), dtype=jnp.int32)
    return jnp.where(wanted == wanted.max(), places, len(wanted) - 1).min()


def epsilon(
    step: Array, warm_up: int, steps: int, last: float, from_start: bool
) -> Array:
    """Share of random actions at a step, from 1 down to `last` in a line.

    It falls from the end of the warm-up on, before which all actions are random, or
    from the first step on.

    Example:
        >>> at = jnp.array([0, 5_000, 10_000, 20_000])
        >>> epsilon(at, 0, 10_000, 0.1, False).round(3).tolist()
        [1.0, 0.550000011920929, 0.10000000149011612, 0.10000000149011612]
    """
    since = step if from_start else step - warm_up
    share = jnp.clip(since / steps, 0.0, 1.0)
    return 1.0 - (1.0 - last) * share
