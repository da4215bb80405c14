"""knn: the same neighbours as scikit-learn's, and only real windows among them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from jaxtsad.detectors import knn
from tests.detectors import views

LENGTH, CHANNELS = 6, 2
RNG = np.random.default_rng(0)
FIT = RNG.normal(size=(80, CHANNELS)).astype(np.float32)
TEST = RNG.normal(size=(30, CHANNELS)).astype(np.float32)
ALL = knn.build(knn.Config(LENGTH, CHANNELS, neighbour=5, memory=100))


def flat(batch: object) -> np.ndarray:
    return np.asarray(batch.values).reshape(-1, LENGTH * CHANNELS)


def test_it_is_the_distance_to_the_fifth_nearest_window() -> None:
    model = views.init(ALL, views.fit_view(FIT, LENGTH))
    rows = views.batch(TEST, LENGTH)
    search = NearestNeighbors(n_neighbors=5).fit(flat(views.batch(FIT, LENGTH)))
    distance, _ = search.kneighbors(flat(rows))
    found = np.asarray(views.run(ALL, "score", model, rows))
    np.testing.assert_allclose(
        found, np.repeat(distance[:, 4:], LENGTH, axis=1), rtol=1e-5
    )


def test_a_channel_explains_its_share_of_the_squared_distance() -> None:
    model = views.init(ALL, views.fit_view(FIT, LENGTH))
    planted = TEST.copy()
    planted[:, 1] += 50
    rows = views.batch(planted, LENGTH)
    explained = np.asarray(views.run(ALL, "explain", model, rows))
    score = np.asarray(views.run(ALL, "score", model, rows))
    assert explained.shape == (len(score), LENGTH, CHANNELS)
    np.testing.assert_allclose(explained.sum(-1), score, rtol=1e-5)
    assert (explained[..., 1] > 0.99 * score).all()
    assert (explained.std(axis=1) < 1e-4).all()


def test_a_window_like_k_fit_windows_scores_zero() -> None:
    constant = np.ones((40, CHANNELS), np.float32)
    model = views.init(ALL, views.fit_view(constant, LENGTH))
    rows = views.batch(constant, LENGTH)
    for output in ("score", "explain"):
        assert (np.asarray(views.run(ALL, output, model, rows)) == 0).all()


def test_padding_is_never_a_neighbour() -> None:
    real = views.fit_view(FIT, LENGTH)
    longer = views.padded(real, steps=LENGTH, count=9)
    alone, among = views.init(ALL, real), views.init(ALL, longer)
    np.testing.assert_array_equal(alone["windows"], among["windows"])
    np.testing.assert_array_equal(alone["weight"], among["weight"])
    assert float(among["weight"].sum()) == real.size
    garbage = jnp.full((3, LENGTH, CHANNELS), 1e3)
    rows = views.batch(TEST, LENGTH)._replace(values=garbage)
    assert (np.asarray(views.run(ALL, "score", among, rows)) > 3000).all()


def test_memory_keeps_some_windows_once_each_by_the_key() -> None:
    some = knn.build(knn.Config(LENGTH, CHANNELS, neighbour=2, memory=20))
    source = views.fit_view(FIT, LENGTH)
    kept = [np.asarray(views.init(some, source, seed)["windows"]) for seed in (0, 0, 1)]
    everything = {row.tobytes() for row in flat(views.batch(FIT, LENGTH))}
    for rows in kept:
        own = {row.tobytes() for row in rows}
        assert len(own) == 20 and own <= everything
    np.testing.assert_array_equal(kept[0], kept[1])
    assert not np.array_equal(kept[0], kept[2])


def test_of_fewer_than_k_windows_the_farthest_counts() -> None:
    model = views.init(ALL, views.fit_view(FIT[: LENGTH + 1], LENGTH))
    rows = views.batch(TEST, LENGTH)
    two = flat(views.batch(FIT[: LENGTH + 1], LENGTH))
    gaps = np.linalg.norm(flat(rows)[:, None] - two[None], axis=-1)
    found = np.asarray(views.run(ALL, "score", model, rows))[:, 0]
    np.testing.assert_allclose(found, gaps.max(axis=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neighbour": 0}, "neighbour=0 must be a whole number of at least 1"),
        ({"memory": 0}, "memory=0 must be a whole number of at least 1"),
        ({"neighbour": 9, "memory": 8}, "neighbour=9 must be at most memory=8"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        knn.Config(LENGTH, CHANNELS, **options)
