"""Random places among the rows that count, however many rows pad them.

Shape letters: N rows, B draws.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxtsad.types import Array, Key


def places(uniform: Array, count: Array) -> Array:
    """Random numbers in [0, 1) as random places among `count`; 0 where there is none.

    Example:
        >>> places(jnp.array([0.0, 0.5, 0.999]), jnp.int32(4)).tolist()
        [0, 2, 3]
    """
    chosen = jnp.floor(uniform * count).astype(jnp.int32)
    return jnp.clip(chosen, 0, jnp.maximum(count - 1, 0))


def chosen_first(chosen: Array) -> Array:
    """Numbers `[N]` int32 of the chosen rows in order, then of the others.

    Example:
        >>> chosen_first(jnp.array([False, True, False, True])).tolist()
        [1, 3, 0, 2]
    """
    count = len(chosen)
    places = jnp.arange(count, dtype=jnp.int32)
    # Sorting numbers alone is several times faster than sorting marks and numbers.
    return jnp.sort(jnp.where(chosen, places, places + count)) % count


def half_redrawn(
    mask_key: Key, value_key: Key, rows: Array, low: Array | float, high: Array | float
) -> Array:
    """Rows `[N, F]` half of whose numbers are drawn anew, uniformly in a range.

    Stands in for anomalies where none is known.

    Args:
        mask_key: Of which numbers are redrawn.
        value_key: Of the new numbers.
        rows: `[N, F]`.
        low: Start of the range, one number or `[F]`.
        high: Its end, likewise.
    """
    redrawn = jax.random.bernoulli(mask_key, 0.5, rows.shape)
    values = jax.random.uniform(value_key, rows.shape, minval=low, maxval=high)
    return jnp.where(redrawn, values, rows)
