"""Isolation forests: all trees grown at once in NumPy, walked down in JAX.

A forest is a few arrays of one size whatever its trees look like, see `empty`. Trees
are grown level by level, every node of a level in the same array operations.

Shape letters: N rows, F features, T trees, K nodes of a level, M rows in these nodes.

Reference:
    Liu, Ting, Zhou: "Isolation Forest", ICDM 2008.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.types import Array, PyTree

CUTS = ("feature", "threshold", "left", "right", "path")
MOST_ROWS = 2**18
"""Rows, over trees, above which trees are grown one part of them after another."""
MOST_NUMBERS = 2**22
"""Numbers read at once to see which features vary in which nodes."""
DRAWS = 3
"""Features drawn for a node before all of its features are looked at."""


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


class Level(NamedTuple):
    """Nodes of one depth that are still to be cut, sorted by tree.

    Attributes:
        tree: `[K]`.
        number: `[K]` of the node in its tree.
        size: `[K]` rows in the node, at least two.
        rows: `[M]` numbers of these rows, node after node.
    """

    tree: np.ndarray
    number: np.ndarray
    size: np.ndarray
    rows: np.ndarray

    def only(self, kept: np.ndarray) -> Level:
        """The nodes of `kept [K]` alone."""
        rows = self.rows[np.repeat(kept, self.size)]
        return Level(self.tree[kept], self.number[kept], self.size[kept], rows)


class Choice(NamedTuple):
    """How the nodes of a level are cut.

    Attributes:
        feature: `[K]`, -1 where all rows of the node are equal.
        low: `[K]` float64, its least value in the node.
        high: `[K]` float64, its greatest.
        values: `[M]` float32, its value of each row.
    """

    feature: np.ndarray
    low: np.ndarray
    high: np.ndarray
    values: np.ndarray


def grow(
    rows: np.ndarray, trees: int, max_samples: int, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Grows a forest on rows.

    Each tree is grown on `min(max_samples, N)` rows drawn without replacement. A node
    is cut at a feature drawn uniformly from those that vary in it, at a threshold drawn
    uniformly between the feature's least and greatest value there. A node at the depth
    limit, of one row or of equal rows is a leaf; its path is its depth plus the path
    expected of a tree of its rows. Nodes are numbered as they are made.

    Args:
        rows: `[N, F]`, finite; they are read as float32.
        trees: Number of trees T.
        max_samples: Rows that each tree is grown on, where there are as many.
        generator: Of all that is drawn.

    Returns:
        The arrays of `empty`.

    Example:
        >>> rows = np.array([[0.0], [0.1], [0.2], [9.0]])
        >>> forest = grow(rows, 50, 4, np.random.default_rng(0))
        >>> int(score(forest, jnp.asarray(rows), 4).argmax())
        3
    """
    rows = np.ascontiguousarray(rows, np.float32)
    samples = min(max_samples, len(rows))
    varied = np.flatnonzero(rows.max(axis=0) > rows.min(axis=0))
    forest = {name: np.array(leaf) for name, leaf in empty(trees, max_samples).items()}
    together = max(1, MOST_ROWS // samples)
    for first in range(0, trees, together):
        part = {name: forest[name][first : first + together] for name in CUTS}
        _grow_together(part, rows, samples, varied, generator)
    expected = expected_path(np.array(samples))
    return forest | {"expected": np.asarray(expected, np.float32)}


def score(forest: PyTree, rows: Array, max_samples: int) -> Array:
    """Scores `rows [N, F]` by `2^(-path / expected)`, in (0, 1).

    Higher is more anomalous. One tree after another is walked down by all rows, which
    on a CPU is faster than all trees at once and needs no arrays `[T, N]`.

    Args:
        forest: What `grow` made.
        rows: `[N, F]` float32.
        max_samples: As in `grow`.

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
    paths, _ = jax.lax.scan(
        lambda paths, tree: (paths + path(tree), None), jnp.zeros(len(rows)), trees
    )
    mean = paths / len(forest["path"])
    # Of a tree of one row nothing is expected; scikit-learn then says one half.
    ratio = jnp.where(expected > 0, mean / jnp.maximum(expected, 1e-30), 1.0)
    return 2.0**-ratio


def _grow_together(
    forest: dict[str, np.ndarray],
    rows: np.ndarray,
    samples: int,
    varied: np.ndarray,
    generator: np.random.Generator,
) -> None:
    """Grows all trees of `forest`, arrays of `empty` that are written to.

    Args:
        forest: `[T, nodes]` each.
        rows: `[N, F]` float32.
        samples: Rows per tree.
        varied: Features that vary in `rows`.
        generator: Of all that is drawn.
    """
    trees = len(forest["path"])
    drawn = [
        generator.choice(len(rows), samples, replace=False, shuffle=False)
        for _ in range(trees)
    ]
    expected = expected_path(np.arange(samples + 1))
    forest["path"][:, 0] = expected[samples]
    made = np.ones(trees, int)
    numbers = np.arange(trees), np.zeros(trees, int), np.full(trees, samples)
    level = Level(*numbers, np.concatenate(drawn))
    level = level.only(level.size > 1)
    for cuts in range(depth(samples)):
        choice = _choose(rows, level, varied, generator)
        threshold = _thresholds(choice.low, choice.high, generator)
        cut = choice.feature >= 0
        values = choice.values[np.repeat(cut, level.size)]
        feature, threshold, level = choice.feature[cut], threshold[cut], level.only(cut)
        if not len(level.size):
            return
        at, each = level.tree, np.bincount(level.tree, minlength=trees)
        left = made[at] + 2 * (np.arange(len(at)) - _starts(each)[at])
        made += 2 * each
        forest["feature"][at, level.number] = feature
        forest["threshold"][at, level.number] = threshold
        forest["left"][at, level.number] = left
        forest["right"][at, level.number] = left + 1
        smaller = values <= np.repeat(threshold, level.size)
        level = _divided(level, smaller, left)
        forest["path"][level.tree, level.number] = cuts + 1 + expected[level.size]
        level = level.only(level.size > 1)


def _divided(level: Level, smaller: np.ndarray, left: np.ndarray) -> Level:
    """The nodes on either side of all cuts, also those of one row.

    Args:
        level: Nodes that are cut.
        smaller: `[M]`, whether a row goes to the left.
        left: `[K]`, numbers of the nodes on the left; those on the right come next.
    """
    less = np.add.reduceat(smaller, _starts(level.size), dtype=int)
    sizes = np.stack([less, level.size - less], axis=1)
    starts = _starts(sizes.ravel()).reshape(-1, 2)
    rows = np.empty_like(level.rows)
    for side, chosen in enumerate((smaller, ~smaller)):
        rows[_places(starts[:, side], sizes[:, side])] = level.rows[chosen]
    number = np.stack([left, left + 1], axis=1)
    return Level(np.repeat(level.tree, 2), number.ravel(), sizes.ravel(), rows)


def _choose(
    rows: np.ndarray, level: Level, varied: np.ndarray, generator: np.random.Generator
) -> Choice:
    """Draws each node's feature, uniformly from those that vary in the node.

    A few features are drawn blindly. Where none of them varies, all are looked at.
    """
    count = len(level.size)
    choice = Choice(
        np.full(count, -1),
        np.zeros(count),
        np.zeros(count),
        np.zeros(len(level.rows), np.float32),
    )
    nodes = np.arange(count if len(varied) else 0)
    for _ in range(DRAWS):
        if not len(nodes):
            return choice
        feature = varied[generator.integers(len(varied), size=len(nodes))]
        nodes = nodes[~_take(rows, level, nodes, feature, choice)]
    numbers = np.cumsum(level.size[nodes]) * len(varied)
    for some in np.split(nodes, np.flatnonzero(np.diff(numbers // MOST_NUMBERS)) + 1):
        if not len(some):
            continue
        places = _places(_starts(level.size)[some], level.size[some])
        values = rows[level.rows[places][:, None], varied[None]]
        starts = _starts(level.size[some])
        low, high = (f.reduceat(values, starts) for f in (np.minimum, np.maximum))
        varies = high > low
        several = varies.any(axis=1)
        some, varies = some[several], varies[several]
        # The one so many-th of those that vary.
        which = (generator.random(len(some)) * varies.sum(axis=1)).astype(int)
        feature = varied[(varies.cumsum(axis=1) > which[:, None]).argmax(axis=1)]
        _take(rows, level, some, feature, choice)
    return choice


def _take(
    rows: np.ndarray,
    level: Level,
    nodes: np.ndarray,
    feature: np.ndarray,
    choice: Choice,
) -> np.ndarray:
    """Writes drawn features into `choice` where they vary.

    Args:
        rows: `[N, F]`.
        level: The level.
        nodes: `[D]`, those of its nodes for which a feature was drawn.
        feature: `[D]`.
        choice: What is written to.

    Returns:
        `[D]`, whether the feature varies in the node.
    """
    if not len(nodes):
        return np.zeros(0, bool)
    size = level.size[nodes]
    places, starts = _places(_starts(level.size)[nodes], size), _starts(size)
    index = level.rows[places] * rows.shape[1] + np.repeat(feature, size)
    values = rows.reshape(-1)[index]
    low, high = (f.reduceat(values, starts) for f in (np.minimum, np.maximum))
    varies: np.ndarray = high > low
    chosen = nodes[varies]
    choice.values[places] = values
    choice.feature[chosen] = feature[varies]
    choice.low[chosen], choice.high[chosen] = low[varies], high[varies]
    return varies


def _thresholds(
    low: np.ndarray, high: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Float32 thresholds in `[low, high)`, rounded down: a row on it goes left."""
    exact = low + (high - low) * generator.random(len(low))
    rounded = exact.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    rounded = np.where(rounded > exact, below, rounded)
    return np.where(rounded < high, rounded, low).astype(np.float32)


def _starts(size: np.ndarray) -> np.ndarray:
    """Where each of some stretches of these sizes begins, one after another."""
    return np.cumsum(size) - size


def _places(start: np.ndarray, size: np.ndarray) -> np.ndarray:
    """All places of stretches that begin at `start`, stretch after stretch."""
    return np.arange(size.sum()) + np.repeat(start - _starts(size), size)
