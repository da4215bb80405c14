"""Isolation forests: every tree by its rows, draws by their odds."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.ensemble import IsolationForest

from jaxtsad.models import isolation_forest
from tests.models import scikit_learn_forest

RNG = np.random.default_rng(1)


class Recording(np.random.Generator):
    """A generator that keeps which rows each tree was given."""

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(seed))
        self.given: list[np.ndarray] = []

    def choice(self, *args, **options):  # type: ignore[no-untyped-def]
        """As ever, and kept."""
        drawn = super().choice(*args, **options)
        self.given.append(drawn)
        return drawn


def score(forest: dict, rows: np.ndarray, max_samples: int) -> np.ndarray:
    run = jax.jit(isolation_forest.score, static_argnums=2)
    return np.asarray(run(forest, jnp.asarray(rows, jnp.float32), max_samples))


def check_tree(tree: dict[str, np.ndarray], rows: np.ndarray, limit: int) -> None:
    """Follows the rows of a tree to its leaves; all that a tree must be, holds."""
    met, leaves, waiting = [], 0, [(0, np.arange(len(rows)), 0)]
    while waiting:
        node, inside, cuts = waiting.pop()
        met.append(node)
        expected = cuts + isolation_forest.expected_path(np.array(len(inside)))
        np.testing.assert_allclose(tree["path"][node], expected, rtol=1e-6)
        left, right = int(tree["left"][node]), int(tree["right"][node])
        values = rows[inside]
        if left == node:
            assert right == node
            assert cuts == limit or (values == values[:1]).all()
            leaves += len(inside)
            continue
        assert cuts < limit and node < left < right
        column = values[:, tree["feature"][node]]
        threshold = tree["threshold"][node]
        assert column.min() <= threshold < column.max()
        smaller = column <= threshold
        waiting.append((left, inside[smaller], cuts + 1))
        waiting.append((right, inside[~smaller], cuts + 1))
    assert leaves == len(rows)
    assert sorted(met) == list(range(len(met)))


def check_forest(rows: np.ndarray, trees: int, max_samples: int, seed: int) -> None:
    generator = Recording(seed)
    forest = isolation_forest.grow(rows, trees, max_samples, generator)
    samples = min(max_samples, len(rows))
    limit = int(np.ceil(np.log2(samples)))
    empty = isolation_forest.empty(trees, max_samples)
    assert {name: (leaf.shape, leaf.dtype) for name, leaf in forest.items()} == {
        name: (leaf.shape, leaf.dtype) for name, leaf in empty.items()
    }
    assert len(generator.given) == trees
    for number, chosen in enumerate(generator.given):
        assert len(set(chosen.tolist())) == samples
        tree = {name: forest[name][number] for name in isolation_forest.CUTS}
        check_tree(tree, rows[chosen], limit)


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    """Tables with columns that are constant, rounded, rare or of huge values."""
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    count = draw(st.integers(1, 70))
    columns = []
    kinds = ["constant", "normal", "rounded", "rare", "huge", "near"]
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=12)):
        normal = rng.normal(size=count)
        columns.append(
            {
                "constant": np.zeros(count),
                "normal": normal,
                "rounded": np.round(normal),
                "rare": (normal > 1.5).astype(float),
                "huge": 3e38 * np.sign(normal),
                "near": np.nextafter(np.float32(1), np.float32(normal > 0) * 2),
            }[kind]
        )
    table = np.stack(columns, axis=1).astype(np.float32)
    return np.repeat(table, draw(st.integers(1, 3)), axis=0)


@settings(max_examples=80, deadline=None)
@given(rows=tables(), max_samples=st.integers(1, 100), seed=st.integers(0, 2**32))
def test_every_tree_is_valid(rows: np.ndarray, max_samples: int, seed: int) -> None:
    check_forest(rows, 4, max_samples, seed)


@pytest.mark.parametrize("max_samples", [1, 2, 3, 5, 64, 100, 256, 300])
def test_trees_of_these_sizes_are_valid(max_samples: int) -> None:
    check_forest(RNG.normal(size=(300, 4)).astype(np.float32), 5, max_samples, 0)


def test_trees_are_valid_where_they_are_grown_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolation_forest, "MOST_ROWS", 70)
    monkeypatch.setattr(isolation_forest, "MOST_NUMBERS", 100)
    rare = (RNG.random((200, 30)) < 0.03).astype(np.float32)
    check_forest(rare, 5, 32, 0)


def test_a_seed_is_a_forest() -> None:
    rows = RNG.normal(size=(100, 3))
    grown = [
        isolation_forest.grow(rows, 5, 32, np.random.default_rng(seed))
        for seed in (0, 0, 1)
    ]
    same, other = (
        all(np.array_equal(grown[0][name], one[name]) for name in one)
        for one in grown[1:]
    )
    assert same and not other


def test_features_are_drawn_uniformly_from_those_that_vary() -> None:
    """Row 0 alone differs in 37 columns; without it three columns vary."""
    trees = 300
    rows = np.zeros((40, 40), np.float32)
    rows[:, :3] = RNG.random((40, 3))
    rows[0, 3:] = 5
    forest = isolation_forest.grow(rows, trees, 40, np.random.default_rng(0))
    root = forest["feature"][:, 0]
    after = np.flatnonzero(root >= 3)  # Row 0 went right, the others left.
    np.testing.assert_array_equal(forest["path"][after, 2], 1)
    counts = np.bincount(forest["feature"][after, 1], minlength=3)
    assert len(counts) == 3 and stats.chisquare(counts).pvalue > 0.01
    assert stats.chisquare(np.bincount(root, minlength=40)).pvalue > 0.01


def test_thresholds_are_uniform_between_least_and_greatest() -> None:
    rows = RNG.random((50, 1)).astype(np.float32)
    forest = isolation_forest.grow(rows, 1000, 50, np.random.default_rng(0))
    spread = rows.max() - rows.min()
    unit = (forest["threshold"][:, 0] - rows.min()) / spread
    assert unit.min() >= 0 and stats.kstest(unit, "uniform").pvalue > 0.01


def test_scores_are_those_of_a_slow_walk() -> None:
    rows = RNG.normal(size=(200, 4)).astype(np.float32)
    rows[:, 3] = np.round(rows[:, 3])
    forest = isolation_forest.grow(rows, 15, 50, np.random.default_rng(0))
    asked = np.concatenate([rows, 9 * rows[:20], np.zeros((1, 4), np.float32)])
    expected = []
    for row in asked:
        paths = []
        for tree in range(15):
            node, following = -1, 0
            while following != node:
                node = following
                cut = forest["feature"][tree, node], forest["threshold"][tree, node]
                side = "left" if row[cut[0]] <= cut[1] else "right"
                following = forest[side][tree, node]
            paths.append(forest["path"][tree, node])
        whole = isolation_forest.expected_path(np.array(50))
        expected.append(2 ** -(np.mean(paths, dtype=float) / whole))
    np.testing.assert_allclose(score(forest, asked, 50), expected, rtol=1e-5)


def test_numbers_worked_out_by_hand() -> None:
    paths = isolation_forest.expected_path(np.array([1, 2, 3, 64, 256]))
    np.testing.assert_allclose(paths, [0, 1, 1.207392, 7.471951, 10.244771], atol=1e-6)
    arrays = isolation_forest.empty(trees=4, max_samples=8)
    rows = np.ones((2, 3))
    np.testing.assert_allclose(score(arrays, rows, 8), 0.5)
    certain = arrays | {"path": jnp.zeros_like(arrays["path"])}
    np.testing.assert_allclose(score(certain, rows, 8), 1.0)
    lone = isolation_forest.grow(rows, 3, 1, np.random.default_rng(0))
    np.testing.assert_allclose(score(lone, rows, 1), 0.5)
    equal = isolation_forest.grow(np.ones((9, 3)), 3, 8, np.random.default_rng(0))
    np.testing.assert_allclose(score(equal, rows, 8), 0.5)


def test_a_row_far_from_all_others_scores_highest() -> None:
    rows = RNG.normal(size=(501, 3))
    rows[500] = 20
    forest = isolation_forest.grow(rows, 100, 256, np.random.default_rng(0))
    assert score(forest, rows, 256).argmax() == 500


@pytest.mark.parametrize("feature", [0, 1, 2])
def test_scores_do_not_see_the_scale_of_a_feature(feature: int) -> None:
    rows = RNG.normal(size=(300, 3)).astype(np.float32)
    scaled = rows.copy()
    scaled[:, feature] *= 1024  # Exactly; other factors round.
    found = [
        score(isolation_forest.grow(one, 20, 64, np.random.default_rng(0)), one, 64)
        for one in (rows, scaled)
    ]
    np.testing.assert_array_equal(*found)


def mixed(count: int) -> np.ndarray:
    """Rows with all that tables have: rounded, constant, rare and heavy-tailed ones."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(count, 8))
    rows[:, 1] = np.round(2 * rows[:, 1])
    rows[:, 2] = 0
    rows[:, 3] = rows[:, 3] > 1.5
    rows[:, 4] = np.exp(2 * rows[:, 4])
    rows[:, 5] = np.maximum(rows[:, 5], 0)
    return rows.astype(np.float32)


@pytest.mark.parametrize("samples", [256, 100])
def test_scores_agree_with_scikit_learns_forests(samples: int) -> None:
    """As far apart as two of its own forests of as many trees."""
    rows, trees = mixed(1000), 1000
    ours = isolation_forest.grow(rows, trees, samples, np.random.default_rng(0))
    found = score(ours, rows, samples)
    theirs = [
        -IsolationForest(n_estimators=trees, max_samples=samples, random_state=seed)
        .fit(rows)
        .score_samples(rows)
        for seed in (0, 1)
    ]
    apart = np.abs(theirs[0] - theirs[1]).mean()
    alike = stats.spearmanr(*theirs).statistic
    for one in theirs:
        assert np.abs(found - one).mean() < 1.5 * apart
        assert 1 - stats.spearmanr(found, one).statistic < 1.5 * (1 - alike)


@pytest.mark.parametrize(
    ("samples", "room", "rows"), [(64, 64, 500), (50, 64, 50), (2, 5, 9), (1, 3, 4)]
)
def test_trees_that_scikit_learn_grew_score_as_it_does(
    samples: int, room: int, rows: int
) -> None:
    values = RNG.normal(size=(rows, 4)).astype(np.float32)
    values[:, 3] = np.round(values[:, 3])
    forest = IsolationForest(n_estimators=25, max_samples=samples, random_state=3).fit(
        values
    )
    asked = np.concatenate(
        [values, 5 * RNG.normal(size=(100, 4)), np.zeros((1, 4))]
    ).astype(np.float32)
    found = score(scikit_learn_forest.arrays(forest, room), asked, room)
    np.testing.assert_allclose(found, -forest.score_samples(asked), atol=1e-5)


def test_a_row_on_a_cut_goes_where_scikit_learn_sends_it() -> None:
    values = RNG.normal(size=(300, 1)).astype(np.float32)
    forest = IsolationForest(n_estimators=10, max_samples=256, random_state=0).fit(
        values
    )
    cuts = np.concatenate(
        [one.tree_.threshold[one.tree_.children_left >= 0] for one in forest]
    )
    near = cuts.astype(np.float32)
    steps = [np.nextafter(near, np.float32(side)) for side in (-np.inf, np.inf)]
    asked = np.concatenate([near, *steps])[:, None]
    found = score(scikit_learn_forest.arrays(forest, 256), asked, 256)
    np.testing.assert_allclose(found, -forest.score_samples(asked), atol=1e-5)
