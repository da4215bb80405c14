"""scikit-learn's isolation forest as arrays of one size, walked down in JAX."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.types import Array, PyTree

FAR = 10.0
"""So many ranges of the fit rows beyond all of them, size itself begins to count."""
CUTS = ("feature", "threshold", "left", "right", "path")


def nodes(max_samples: int) -> int:
    """Most nodes of a tree grown on `max_samples` rows."""
    return 2 * max_samples - 1


def depth(max_samples: int) -> int:
    """Most cuts on the way to a leaf of a tree grown on `max_samples` rows.

    Example:
        >>> [depth(n) for n in (1, 2, 3, 256, 257)]
        [1, 1, 2, 8, 9]
    """
    return math.ceil(math.log2(max(max_samples, 2)))


def expected_path(rows: np.ndarray) -> np.ndarray:
    """c(n), the expected cuts that single out one of n rows: 0 for one, 1 for two.

    `c(n) = 2 (ln(n - 1) + Euler's constant) - 2 (n - 1) / n`.

    Example:
        >>> expected_path(np.array([1, 2, 3, 256])).round(6).tolist()
        [0.0, 1.0, 1.207392, 10.244771]
    """
    many = np.maximum(rows, 3).astype(np.float64)
    paths = 2 * (np.log(many - 1) + np.euler_gamma) - 2 * (many - 1) / many
    return np.where(rows > 2, paths, np.maximum(rows - 1, 0))


def empty(trees: int, max_samples: int) -> dict[str, Array]:
    """A forest of bare roots, which scores everything one half."""
    shape = (trees, nodes(max_samples))
    itself = jnp.broadcast_to(jnp.arange(shape[1], dtype=jnp.int32)[None], shape)
    return {
        "feature": jnp.zeros(shape, jnp.int32),
        "threshold": jnp.zeros(shape, jnp.float32),
        "left": itself,
        "right": itself,
        "path": jnp.ones(shape, jnp.float32),
        "expected": jnp.ones((), jnp.float32),
    }


def arrays(forest: Any, max_samples: int) -> dict[str, Array]:
    """A fitted forest in the arrays of `empty`.

    Args:
        forest: A fitted `sklearn.ensemble.IsolationForest` that uses all features.
        max_samples: Rows per tree that fit, at least the forest's own.

    Returns:
        `[trees, nodes]` arrays: the feature and threshold of each cut, the node on
        either side, and the path length of each leaf; and `expected`, the path length
        expected of a whole tree.
    """
    size = nodes(max_samples)
    grown = [_tree(tree.tree_, size) for tree in forest.estimators_]
    arrays = {
        name: jnp.asarray(np.stack([tree[name] for tree in grown])) for name in grown[0]
    }
    used = np.array(forest.max_samples_)
    return arrays | {"expected": jnp.float32(expected_path(used))}


def score(forest: PyTree, rows: Array, max_samples: int) -> Array:
    """Scores `rows [N, F]` by `2^(-path / expected)`, in (0, 1).

    Higher is more anomalous. It is scikit-learn's `-score_samples` of the same rows.

    Args:
        forest: What `arrays` made.
        rows: `[N, F]` float32.
        max_samples: As in `arrays`.

    Returns:
        `[N]`.
    """

    def path(tree: PyTree) -> Array:
        def down(_: Array, node: Array) -> Array:
            feature = tree["feature"][node]
            value = jnp.take_along_axis(rows, feature[:, None], axis=1)[:, 0]
            smaller = value <= tree["threshold"][node]
            return jnp.where(smaller, tree["left"][node], tree["right"][node])

        root = jnp.zeros(len(rows), jnp.int32)
        return tree["path"][jax.lax.fori_loop(0, depth(max_samples), down, root)]

    expected = forest["expected"]
    trees = {name: forest[name] for name in CUTS}
    mean = jax.vmap(path)(trees).mean(axis=0)
    # Of a tree of one row nothing is expected; scikit-learn then says one half.
    ratio = jnp.where(expected > 0, mean / jnp.maximum(expected, 1e-30), 1.0)
    return 2.0**-ratio


def with_size(scores: Array, rows: Array, low: Array, high: Array) -> Array:
    """Scores in which the size of rows far beyond all fit rows counts, too.

    A path ends where the outermost fit row's does, however far out a row is. Beyond
    `FAR` ranges (1 where a column is constant), e ranges more add log(1 + e); up to
    there it stays the published score.

    Args:
        scores: `[N]`, in (0, 1).
        rows: `[N, F]`.
        low: `[F]`, the least of the fit rows.
        high: `[F]`, the greatest.

    Returns:
        `[N]`.
    """
    unit = jnp.where(high > low, high - low, 1.0)
    beyond = jnp.maximum(rows - high[None], low[None] - rows) / unit[None]
    excess = jnp.maximum(beyond.max(axis=1) - FAR, 0.0)
    return scores + jnp.log1p(excess)


def _tree(tree: Any, size: int) -> dict[str, np.ndarray]:
    """One tree, padded to `room` nodes; both children of a leaf are the leaf itself."""
    count = tree.node_count
    left, right = tree.children_left, tree.children_right
    leaf = left < 0
    cuts = np.zeros(count)
    for node in np.flatnonzero(~leaf):
        # A parent comes before its children.
        cuts[left[node]] = cuts[right[node]] = cuts[node] + 1
    # Rows are float32, so a cut rounded down keeps every one of them on its side.
    threshold = tree.threshold.astype(np.float32)
    above = threshold > tree.threshold
    threshold[above] = np.nextafter(threshold[above], np.float32(-np.inf))
    itself = np.arange(count)
    arrays = {
        "feature": np.where(leaf, 0, tree.feature).astype(np.int32),
        "threshold": np.where(leaf, np.float32(0), threshold),
        "left": np.where(leaf, itself, left).astype(np.int32),
        "right": np.where(leaf, itself, right).astype(np.int32),
        "path": (cuts + expected_path(tree.n_node_samples)).astype(np.float32),
    }
    return {name: np.pad(array, (0, size - count)) for name, array in arrays.items()}
