"""scikit-learn's isolation forest in the arrays of `isolation_forest.empty`.

Models saved by versions whose trees scikit-learn grew look like this.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxtsad.models import isolation_forest
from jaxtsad.types import Array


def arrays(forest: Any, max_samples: int) -> dict[str, Array]:
    """A fitted forest that uses all features.

    Args:
        forest: A fitted `sklearn.ensemble.IsolationForest`.
        max_samples: Rows per tree that fit, at least the forest's own.
    """
    size = isolation_forest.nodes(max_samples)
    grown = [_tree(tree.tree_, size) for tree in forest.estimators_]
    stacked = {
        name: jnp.asarray(np.stack([tree[name] for tree in grown])) for name in grown[0]
    }
    expected = isolation_forest.expected_path(np.array(forest.max_samples_))
    return stacked | {"expected": jnp.float32(expected)}


def _tree(tree: Any, size: int) -> dict[str, np.ndarray]:
    """One tree, padded to `size` nodes; both children of a leaf are the leaf itself."""
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
    path = cuts + isolation_forest.expected_path(tree.n_node_samples)
    made = {
        "feature": np.where(leaf, 0, tree.feature).astype(np.int32),
        "threshold": np.where(leaf, np.float32(0), threshold),
        "left": np.where(leaf, itself, left).astype(np.int32),
        "right": np.where(leaf, itself, right).astype(np.int32),
        "path": path.astype(np.float32),
    }
    return {name: np.pad(array, (0, size - count)) for name, array in made.items()}
